// Allocation in the order of a stream. The address must be known at once, so memory is taken at the call; it is given
// back when the stream gets there. In a capture both become nodes, and only the address is taken at once. Nothing is kept for later, so a pool is but a name.
#include "calls.hpp"
#include "device.hpp"

using namespace talweg::driver;

namespace {

enum AllocationType : int { kPinned = 1 };
enum LocationType : int { kOnDevice = 1 };

class Release final : public Operation {
 public:
  explicit Release(uint64_t pointer) : pointer_(pointer) {}

  GraphNodeType type() const override { return kNodeMemFree; }

  CUresult run(Context& context) const override {
    if (context.memory->release(pointer_)) return CUDA_SUCCESS;
    set_report("cuMemFreeAsync: " + context.memory->describe(pointer_, 0) + "; it was freed twice");
    return CUDA_ERROR_INVALID_VALUE;
  }

 private:
  const uint64_t pointer_;
};

// Memory of captured allocations: its address as long as any graph has a node of it.
class GraphMemory {
 public:
  GraphMemory(std::shared_ptr<talweg::DeviceMemory> memory, uint64_t base) : memory_(std::move(memory)), base_(base) {}
  ~GraphMemory() { memory_->forget(base_); }
  GraphMemory(const GraphMemory&) = delete;
  GraphMemory& operator=(const GraphMemory&) = delete;

  uint64_t base() const { return base_; }

 private:
  const std::shared_ptr<talweg::DeviceMemory> memory_;
  const uint64_t base_;
};

class GraphAllocation final : public Operation {
 public:
  explicit GraphAllocation(std::unique_ptr<GraphMemory> memory) : memory_(std::move(memory)) {}

  GraphNodeType type() const override { return kNodeMemAlloc; }

  CUresult run(Context& context) const override {
    if (fault_due(Fault::kAllocation)) return CUDA_ERROR_OUT_OF_MEMORY;
    if (context.memory->revive(memory_->base())) return CUDA_SUCCESS;
    if (context.memory->find_own(memory_->base()) == nullptr) return CUDA_ERROR_OUT_OF_MEMORY;
    set_report("a graph allocates memory that is still there from its last launch; free it first");
    return CUDA_ERROR_INVALID_VALUE;
  }

 private:
  const std::unique_ptr<GraphMemory> memory_;
};

CUresult allocate(Context& context, const std::shared_ptr<Stream>& stream, CUdeviceptr* pointer, uint64_t bytes) {
  if (pointer == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  if (stream->capture != nullptr) {
    const uint64_t base = context.memory->reserve(bytes, "memory of a graph");
    if (base == 0) return CUDA_ERROR_OUT_OF_MEMORY;
    const CUresult result = submit(context, stream, std::make_shared<const GraphAllocation>(
                                                        std::make_unique<GraphMemory>(context.memory, base)));
    if (result == CUDA_SUCCESS) *pointer = base;
    return result;
  }
  const uint64_t base = fault_due(Fault::kAllocation) ? 0 : context.memory->allocate(bytes, "cuMemAllocAsync");
  if (base == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  *pointer = base;
  return CUDA_SUCCESS;
}

}  // namespace

TALWEG_EXPORT CUresult cuMemAllocAsync(CUdeviceptr* pointer, size_t bytes, CUstream stream_handle) {
  return with_stream(stream_handle, [&](Context& context, const std::shared_ptr<Stream>& stream) {
    return allocate(context, stream, pointer, bytes);
  });
}

TALWEG_EXPORT CUresult cuMemAllocFromPoolAsync(CUdeviceptr* pointer, size_t bytes, CUmemoryPool pool_handle,
                                               CUstream stream_handle) {
  return with_stream(stream_handle, [&](Context& context, const std::shared_ptr<Stream>& stream) -> CUresult {
    const auto pool = find_in(context, memory_pools, pool_handle);
    return pool == nullptr ? CUDA_ERROR_INVALID_VALUE : allocate(context, stream, pointer, bytes);
  });
}

TALWEG_EXPORT CUresult cuMemFreeAsync(CUdeviceptr pointer, CUstream stream_handle) {
  return with_stream(stream_handle, [&](Context& context, const std::shared_ptr<Stream>& stream) -> CUresult {
    // In a capture the memory may be there only when the graph runs.
    if (stream->capture != nullptr) return submit(context, stream, std::make_shared<const Release>(pointer));
    const talweg::Allocation* allocation = context.memory->find_own(pointer);
    if (allocation == nullptr || allocation->host || allocation->base != pointer) {
      set_report("cuMemFreeAsync: " + context.memory->describe(pointer, 0) + "; it is not the start of device memory");
      return CUDA_ERROR_INVALID_VALUE;
    }
    return submit(context, stream, std::make_shared<const Release>(pointer));
  });
}

TALWEG_EXPORT CUresult cuMemPoolCreate(CUmemoryPool* handle, const CUmemPoolProps* properties) {
  return with_context([&](Context& context) -> CUresult {
    if (handle == nullptr || properties == nullptr || properties->allocation_type != kPinned ||
        properties->location_type != kOnDevice || !is_device(properties->location_id)) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    // Memory for other processes, of another device than the current one, or with a limit of its own.
    if (properties->handle_types != 0 || properties->location_id != context.device) return CUDA_ERROR_NOT_SUPPORTED;
    if (properties->max_bytes != 0) return CUDA_ERROR_NOT_SUPPORTED;
    auto pool = std::make_shared<MemoryPool>();
    pool->context = &context;
    *handle = memory_pools.add(std::move(pool));
    return CUDA_SUCCESS;
  });
}

// Memory that was taken from it stays until it is freed.
TALWEG_EXPORT CUresult cuMemPoolDestroy(CUmemoryPool handle) {
  return with_context([&](Context& context) -> CUresult {
    if (find_in(context, memory_pools, handle) == nullptr) return CUDA_ERROR_INVALID_VALUE;
    memory_pools.remove(handle);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuMemPoolTrimTo(CUmemoryPool handle, size_t) {
  return with_context([&](Context& context) {
    return find_in(context, memory_pools, handle) == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
  });
}
