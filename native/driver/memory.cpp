// Allocation of device and host memory, and questions about pointers.
#include <cstring>

#include "monitor.hpp"
#include "objects.hpp"

using namespace talweg::driver;

namespace {

const void* host(uint64_t address) { return reinterpret_cast<const void*>(address); }

CUresult allocate_host(void** pointer, size_t bytes) {
  return with_context_uncaptured([&](Context& context) -> CUresult {
    if (pointer == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    const uint64_t base = fault_due(Fault::kAllocation) ? 0 : context.memory->allocate_host(bytes);
    if (base == 0) return CUDA_ERROR_OUT_OF_MEMORY;
    *pointer = reinterpret_cast<void*>(base);
    return CUDA_SUCCESS;
  });
}

// Each attribute has a type of its own.
template <class T>
CUresult store(void* output, T value) {
  std::memcpy(output, &value, sizeof value);
  return CUDA_SUCCESS;
}

CUresult pointer_attribute(Context& context, void* output, int attribute, CUdeviceptr pointer) {
  const talweg::Allocation* allocation = context.memory->find(pointer);
  if (output == nullptr || allocation == nullptr) return CUDA_ERROR_INVALID_VALUE;
  switch (attribute) {
    case kPointerContext: return store(output, context.handle);
    case kPointerMemoryType: return store(output, allocation->host ? kMemoryHost : kMemoryDevice);
    case kPointerDevicePointer: return store(output, pointer);
    case kPointerHostPointer:
      return allocation->host ? store(output, host(pointer)) : CUDA_ERROR_INVALID_VALUE;
    case kPointerBufferId: return store(output, allocation->serial);
    case kPointerIsManaged: return store(output, 0);
    case kPointerDeviceOrdinal: return store(output, context.device);
    case kPointerRangeStart: return store(output, allocation->base);
    case kPointerRangeSize: return store(output, static_cast<size_t>(allocation->size));
    default: return CUDA_ERROR_NOT_SUPPORTED;
  }
}

}  // namespace

TALWEG_EXPORT CUresult cuMemAlloc_v2(CUdeviceptr* pointer, size_t bytes) {
  return with_context_uncaptured([&](Context& context) -> CUresult {
    if (pointer == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    const uint64_t base = fault_due(Fault::kAllocation) ? 0 : context.memory->allocate(bytes, "cuMemAlloc");
    if (base == 0) return CUDA_ERROR_OUT_OF_MEMORY;
    *pointer = base;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuMemFree_v2(CUdeviceptr pointer) {
  return with_context_uncaptured([&](Context& context) -> CUresult {
    if (pointer == 0) return CUDA_SUCCESS;
    const talweg::Allocation* allocation = context.memory->find(pointer);
    if (allocation == nullptr || allocation->host || !context.memory->release(pointer)) {
      set_report("cuMemFree: " + context.memory->describe(pointer, 0) + "; it is not the start of device memory");
      return CUDA_ERROR_INVALID_VALUE;
    }
    return CUDA_SUCCESS;
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
    const talweg::Allocation* allocation = context.memory->find(pointer);
    if (allocation == nullptr) return CUDA_ERROR_NOT_FOUND;
    if (base != nullptr) *base = allocation->base;
    if (bytes != nullptr) *bytes = allocation->size;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuMemAllocHost_v2(void** pointer, size_t bytes) { return allocate_host(pointer, bytes); }

TALWEG_EXPORT CUresult cuMemHostAlloc(void** pointer, size_t bytes, unsigned flags) {
  return flags > 7 ? CUDA_ERROR_INVALID_VALUE : allocate_host(pointer, bytes);
}

TALWEG_EXPORT CUresult cuMemFreeHost(void* pointer) {
  return with_context_uncaptured([&](Context& context) -> CUresult {
    const auto address = reinterpret_cast<uint64_t>(pointer);
    const talweg::Allocation* allocation = context.memory->find(address);
    const bool pinned = allocation != nullptr && std::strcmp(allocation->kind, "pinned host memory") == 0;
    return pinned && context.memory->release(address) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  });
}

TALWEG_EXPORT CUresult cuMemHostRegister_v2(void* pointer, size_t bytes, unsigned) {
  return with_context_uncaptured([&](Context& context) -> CUresult {
    if (pointer == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    return context.memory->register_host(reinterpret_cast<uint64_t>(pointer), bytes)
               ? CUDA_SUCCESS
               : CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  });
}

TALWEG_EXPORT CUresult cuMemHostUnregister(void* pointer) {
  return with_context_uncaptured([&](Context& context) -> CUresult {
    const auto address = reinterpret_cast<uint64_t>(pointer);
    const talweg::Allocation* allocation = context.memory->find(address);
    const bool registered = allocation != nullptr && std::strcmp(allocation->kind, "registered host memory") == 0;
    return registered && context.memory->release(address) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  });
}

TALWEG_EXPORT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* device, void* pointer, unsigned flags) {
  return with_context([&](Context& context) -> CUresult {
    const auto address = reinterpret_cast<uint64_t>(pointer);
    const talweg::Allocation* allocation = context.memory->find(address);
    if (device == nullptr || flags != 0 || allocation == nullptr || !allocation->host) return CUDA_ERROR_INVALID_VALUE;
    *device = address;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuPointerGetAttribute(void* output, int attribute, CUdeviceptr pointer) {
  return with_context([&](Context& context) { return pointer_attribute(context, output, attribute, pointer); });
}

TALWEG_EXPORT CUresult cuPointerGetAttributes(unsigned count, const int* attributes, void** outputs,
                                              CUdeviceptr pointer) {
  return with_context([&](Context& context) -> CUresult {
    if (attributes == nullptr || outputs == nullptr) return CUDA_ERROR_INVALID_VALUE;
    for (unsigned i = 0; i < count; ++i) {
      const CUresult result = pointer_attribute(context, outputs[i], attributes[i], pointer);
      if (result != CUDA_SUCCESS) return result;
    }
    return CUDA_SUCCESS;
  });
}
