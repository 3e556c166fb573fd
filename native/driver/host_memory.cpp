// Page-locked host memory, and questions about pointers.
#include <cstring>

#include "calls.hpp"

using namespace talweg::driver;

namespace {

enum HostFlag : unsigned { kPortable = 1, kDeviceMap = 2, kWriteCombined = 4 };
constexpr unsigned kAllHostFlags = 7, kAllRegisterFlags = 15;

CUresult allocate(void** pointer, size_t bytes, unsigned flags) {
  return with_context_uncaptured([&](Context& context) -> CUresult {
    if (pointer == nullptr || bytes == 0 || flags > kAllHostFlags) return CUDA_ERROR_INVALID_VALUE;
    const uint64_t base = fault_due(Fault::kAllocation) ? 0 : context.memory->allocate_host(bytes, flags);
    if (base == 0) return CUDA_ERROR_OUT_OF_MEMORY;
    *pointer = reinterpret_cast<void*>(base);
    return CUDA_SUCCESS;
  });
}

// Gives up page-locked memory of a kind, once nothing in a queue can need it.
CUresult release(void* pointer, std::string_view kind, CUresult otherwise) {
  std::shared_ptr<Context> owner;
  const auto address = reinterpret_cast<uint64_t>(pointer);
  const CUresult result = with_context_uncaptured([&](Context& context) -> CUresult {
    owner = context.memory->owns(address) ? contexts.find(context.handle) : context_that_holds(address);
    return owner != nullptr ? CUDA_SUCCESS : otherwise;
  });
  if (result != CUDA_SUCCESS) return result;
  return guarded([&] {
    return in_context(owner, [&](Context& context) -> CUresult {
      const talweg::Allocation* allocation = context.memory->find_own(address);
      if (allocation == nullptr || allocation->kind != kind || allocation->base != address) return otherwise;
      const CUresult idle = wait_for_all(context);
      if (idle != CUDA_SUCCESS) return idle;
      return context.memory->release(address) ? CUDA_SUCCESS : otherwise;
    });
  });
}

// Each attribute has a type of its own.
template <class T>
CUresult put(void* output, T value) {
  std::memcpy(output, &value, sizeof value);
  return CUDA_SUCCESS;
}

CUresult pointer_attribute(const Context* owner, void* output, int attribute, CUdeviceptr pointer) {
  if (output == nullptr || owner == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const talweg::DeviceMemory::Pin stays(owner->memory);  // another thread may free it
  const talweg::Allocation* allocation = owner->memory->find_own(pointer);
  if (allocation == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const bool managed = std::string_view(allocation->kind) == "managed memory";
  switch (attribute) {
    case kPointerContext: return put(output, owner->handle);
    case kPointerMemoryType: return put(output, allocation->host ? kMemoryHost : kMemoryDevice);
    case kPointerDevicePointer: return put(output, pointer);
    case kPointerHostPointer:
      return allocation->host || managed ? put(output, reinterpret_cast<void*>(pointer)) : CUDA_ERROR_INVALID_VALUE;
    case kPointerBufferId: return put<unsigned long long>(output, allocation->serial);
    case kPointerIsManaged: return put<unsigned>(output, managed);
    case kPointerDeviceOrdinal: return put(output, owner->device);
    case kPointerRangeStart: return put(output, allocation->base);
    case kPointerRangeSize: return put(output, static_cast<size_t>(allocation->size));
    case kPointerMapped: return put<unsigned>(output, 1);
    default: return attribute > 0 && attribute <= kPointerLast ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE;
  }
}

// What cuPointerGetAttributes, plural, says of a pointer that nobody knows: nothing rather than an error.
void clear_attribute(void* output, int attribute) {
  switch (attribute) {
    case kPointerMemoryType:
    case kPointerIsManaged:
    case kPointerMapped: put<unsigned>(output, 0); break;
    case kPointerDeviceOrdinal: put<int>(output, -2); break;
    default: put<uint64_t>(output, 0); break;
  }
}

template <class Body>
CUresult with_page_locked(void* pointer, Body body) {
  return with_context([&](Context& context) -> CUresult {
    const talweg::Allocation* allocation = context.memory->find(reinterpret_cast<uint64_t>(pointer));
    return allocation == nullptr || !allocation->host ? CUDA_ERROR_INVALID_VALUE : body(*allocation);
  });
}

}  // namespace

TALWEG_EXPORT CUresult cuMemAllocHost_v2(void** pointer, size_t bytes) { return allocate(pointer, bytes, 0); }

TALWEG_EXPORT CUresult cuMemHostAlloc(void** pointer, size_t bytes, unsigned flags) {
  return allocate(pointer, bytes, flags);
}

TALWEG_EXPORT CUresult cuMemFreeHost(void* pointer) {
  return release(pointer, "pinned host memory", CUDA_ERROR_INVALID_VALUE);
}

TALWEG_EXPORT CUresult cuMemHostRegister_v2(void* pointer, size_t bytes, unsigned flags) {
  return with_context_uncaptured([&](Context& context) -> CUresult {
    if (pointer == nullptr || bytes == 0 || flags > kAllRegisterFlags) return CUDA_ERROR_INVALID_VALUE;
    return context.memory->register_host(reinterpret_cast<uint64_t>(pointer), bytes, flags)
               ? CUDA_SUCCESS
               : CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  });
}

TALWEG_EXPORT CUresult cuMemHostUnregister(void* pointer) {
  return release(pointer, "registered host memory", CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
}

// All page-locked memory is mapped, at its own address.
TALWEG_EXPORT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* device, void* pointer, unsigned flags) {
  return with_page_locked(pointer, [&](const talweg::Allocation&) {
    return flags == 0 ? store(device, reinterpret_cast<CUdeviceptr>(pointer)) : CUDA_ERROR_INVALID_VALUE;
  });
}

TALWEG_EXPORT CUresult cuMemHostGetFlags(unsigned* flags, void* pointer) {
  return with_page_locked(pointer, [&](const talweg::Allocation& allocation) {
    return store(flags, allocation.flags | kDeviceMap);
  });
}

TALWEG_EXPORT CUresult cuPointerGetAttribute(void* output, int attribute, CUdeviceptr pointer) {
  return with_context([&](Context&) {
    return pointer_attribute(context_that_holds(pointer).get(), output, attribute, pointer);
  });
}

TALWEG_EXPORT CUresult cuPointerGetAttributes(unsigned count, const int* attributes, void** outputs,
                                              CUdeviceptr pointer) {
  return with_context([&](Context&) -> CUresult {
    if (attributes == nullptr || outputs == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const auto owner = context_that_holds(pointer);
    for (unsigned i = 0; i < count; ++i) {
      if (outputs[i] == nullptr || attributes[i] <= 0 || attributes[i] > kPointerLast) return CUDA_ERROR_INVALID_VALUE;
      clear_attribute(outputs[i], attributes[i]);
      if (owner != nullptr) pointer_attribute(owner.get(), outputs[i], attributes[i], pointer);
    }
    return CUDA_SUCCESS;
  });
}

// Says that copies of this memory have ended when the call returns. All have.
TALWEG_EXPORT CUresult cuPointerSetAttribute(const void* value, int attribute, CUdeviceptr pointer) {
  constexpr int kSyncMemops = 6;
  return with_context([&](Context& context) -> CUresult {
    if (value == nullptr || !context.memory->owns(pointer)) return CUDA_ERROR_INVALID_VALUE;
    return attribute == kSyncMemops ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  });
}
