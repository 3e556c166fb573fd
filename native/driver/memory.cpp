// Allocation of device memory, plain, in rows and managed.
#include "calls.hpp"
#include "device.hpp"

using namespace talweg::driver;

namespace {

constexpr uint64_t kRowAlignment = 512;

CUresult allocate(CUdeviceptr* pointer, uint64_t bytes, const char* kind) {
  return with_context_uncaptured([&](Context& context) -> CUresult {
    if (pointer == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    const uint64_t base = fault_due(Fault::kAllocation) ? 0 : context.memory->allocate(bytes, kind);
    if (base == 0) return CUDA_ERROR_OUT_OF_MEMORY;
    *pointer = base;
    return CUDA_SUCCESS;
  });
}

enum class Managed : unsigned { kGlobal = 1, kHost = 2, kSingle = 4 };

template <class Body>
CUresult with_managed(CUdeviceptr pointer, size_t bytes, Body body) {
  return with_context([&](Context& context) -> CUresult {
    const talweg::Allocation* allocation = context.memory->find_own(pointer);
    const bool managed = allocation != nullptr && std::string_view(allocation->kind) == "managed memory";
    return managed && bytes != 0 && context.memory->holds(pointer, bytes) ? body(context) : CUDA_ERROR_INVALID_VALUE;
  });
}

}  // namespace

TALWEG_EXPORT CUresult cuMemAlloc_v2(CUdeviceptr* pointer, size_t bytes) {
  return allocate(pointer, bytes, "cuMemAlloc");
}

TALWEG_EXPORT CUresult cuMemAllocPitch_v2(CUdeviceptr* pointer, size_t* pitch, size_t width_bytes, size_t height,
                                          unsigned element_bytes) {
  const bool known_size = element_bytes == 4 || element_bytes == 8 || element_bytes == 16;
  if (pitch == nullptr || !known_size || width_bytes == 0 || width_bytes > kMaxPitch) return CUDA_ERROR_INVALID_VALUE;
  const uint64_t row = (width_bytes + kRowAlignment - 1) / kRowAlignment * kRowAlignment;
  uint64_t bytes;
  if (__builtin_mul_overflow(row, uint64_t{height}, &bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
  const CUresult result = allocate(pointer, bytes, "cuMemAllocPitch");
  if (result == CUDA_SUCCESS) *pitch = row;
  return result;
}

// Device addresses are host addresses here, so all memory could be managed; this says that it is meant to be.
TALWEG_EXPORT CUresult cuMemAllocManaged(CUdeviceptr* pointer, size_t bytes, unsigned flags) {
  const bool attached = flags == static_cast<unsigned>(Managed::kGlobal) ||
                        flags == static_cast<unsigned>(Managed::kHost);
  return attached ? allocate(pointer, bytes, "managed memory") : CUDA_ERROR_INVALID_VALUE;
}

// From any context: all share their addresses, and memory knows whose it is.
TALWEG_EXPORT CUresult cuMemFree_v2(CUdeviceptr pointer) {
  std::shared_ptr<Context> owner;
  const CUresult result = with_context_uncaptured([&](Context& context) -> CUresult {
    if (pointer == 0) return CUDA_SUCCESS;
    owner = context.memory->owns(pointer) ? contexts.find(context.handle) : context_that_holds(pointer);
    if (owner != nullptr) return CUDA_SUCCESS;
    set_report("cuMemFree: " + context.memory->describe(pointer, 0) + "; it is not the start of device memory");
    return CUDA_ERROR_INVALID_VALUE;
  });
  if (result != CUDA_SUCCESS || owner == nullptr) return result;
  return guarded([&] {
    return in_context(owner, [&](Context& context) -> CUresult {
      // Work that waits in a queue may still use it.
      const CUresult idle = wait_for_all(context);
      if (idle != CUDA_SUCCESS) return idle;
      const talweg::Allocation* allocation = context.memory->find_own(pointer);
      if (allocation == nullptr || allocation->host || !context.memory->release(pointer)) {
        set_report("cuMemFree: " + context.memory->describe(pointer, 0) + "; it is not the start of device memory");
        return CUDA_ERROR_INVALID_VALUE;
      }
      return CUDA_SUCCESS;
    });
  });
}

TALWEG_EXPORT CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  return with_context([&](Context& context) -> CUresult {
    if (free == nullptr || total == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *total = context.memory->capacity();
    *free = context.memory->capacity() - context.memory->used();
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuMemGetAddressRange_v2(CUdeviceptr* base, size_t* bytes, CUdeviceptr pointer) {
  return with_context([&](Context& context) -> CUresult {
    const talweg::Allocation* allocation = context.memory->find_own(pointer);
    if (allocation == nullptr) return CUDA_ERROR_NOT_FOUND;
    if (base != nullptr) *base = allocation->base;
    if (bytes != nullptr) *bytes = allocation->size;
    return CUDA_SUCCESS;
  });
}

// Hints where managed memory should be. It is everywhere already.
TALWEG_EXPORT CUresult cuMemPrefetchAsync(CUdeviceptr pointer, size_t bytes, CUdevice device, CUstream stream) {
  constexpr CUdevice kHost = -1;
  return with_managed(pointer, bytes, [&](Context& context) -> CUresult {
    if (device != kHost && !is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    return find_stream(context, stream) == nullptr ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuMemAdvise(CUdeviceptr pointer, size_t bytes, int advice, CUdevice device) {
  constexpr CUdevice kHost = -1;
  constexpr int kFirst = 1, kLast = 6;
  return with_managed(pointer, bytes, [&](Context&) -> CUresult {
    if (advice < kFirst || advice > kLast) return CUDA_ERROR_INVALID_VALUE;
    return device == kHost || is_device(device) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
  });
}

TALWEG_EXPORT CUresult cuStreamAttachMemAsync(CUstream stream, CUdeviceptr pointer, size_t bytes, unsigned flags) {
  const bool known = flags == static_cast<unsigned>(Managed::kGlobal) || flags == static_cast<unsigned>(Managed::kHost) ||
                     flags == static_cast<unsigned>(Managed::kSingle);
  return with_managed(pointer, bytes == 0 ? 1 : bytes, [&](Context& context) -> CUresult {
    if (!known) return CUDA_ERROR_INVALID_VALUE;
    return find_stream(context, stream) == nullptr ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS;
  });
}
