// Kernel launches, as they are today and as they were before CUDA 4.0.
#include <cstring>

#include "kernel_launch.hpp"

using namespace talweg::driver;

namespace {

CUresult launch(CUfunction handle, const Geometry& geometry, CUstream stream_handle, void** values, void** extra,
                const LaunchAttributes& attributes) {
  return with_context([&](Context& context) -> CUresult {
    auto function = find_in(context, functions, handle);
    const auto stream = find_stream(context, stream_handle);
    if (function == nullptr || stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    std::shared_ptr<const KernelLaunch> work;
    const CUresult result = KernelLaunch::make(std::move(function), geometry, values, extra, attributes, work);
    return result == CUDA_SUCCESS ? submit(context, stream, work) : result;
  });
}

// The old way: shape, arguments and launch are calls of their own, remembered with the function.
CUresult launch_remembered(CUfunction handle, int grid_x, int grid_y, CUstream stream_handle) {
  return with_context([&](Context& context) -> CUresult {
    auto function = find_in(context, functions, handle);
    const auto stream = find_stream(context, stream_handle);
    if (function == nullptr || stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (grid_x <= 0 || grid_y <= 0) return CUDA_ERROR_INVALID_VALUE;
    Geometry geometry{{static_cast<unsigned>(grid_x), static_cast<unsigned>(grid_y), 1}, {}, function->shared_bytes};
    std::memcpy(geometry.block, function->block, sizeof geometry.block);
    size_t size = function->parameters.size();
    void* extra[] = {reinterpret_cast<void*>(1), function->parameters.data(), reinterpret_cast<void*>(2), &size,
                     nullptr};
    std::shared_ptr<const KernelLaunch> work;
    const bool bare = function->kernel->parameters.empty();
    const CUresult result = KernelLaunch::make(std::move(function), geometry, nullptr, bare ? nullptr : extra, {},
                                               work);
    return result == CUDA_SUCCESS ? submit(context, stream, work) : result;
  });
}

CUresult set_parameter(CUfunction handle, int offset, const void* value, unsigned bytes) {
  return with_object(functions, handle, [&](Context&, Function& function) -> CUresult {
    const uint64_t end = static_cast<uint64_t>(offset) + bytes;
    if (offset < 0 || value == nullptr || end > function.kernel->parameter_bytes) return CUDA_ERROR_INVALID_VALUE;
    if (function.parameters.size() < end) function.parameters.resize(end);
    std::memcpy(function.parameters.data() + offset, value, bytes);
    return CUDA_SUCCESS;
  });
}

}  // namespace

TALWEG_EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                                      unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                                      CUstream stream, void** values, void** extra) {
  const Geometry geometry{{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared};
  return launch(function, geometry, stream, values, extra, {});
}

TALWEG_EXPORT CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned grid_x, unsigned grid_y,
                                                 unsigned grid_z, unsigned block_x, unsigned block_y,
                                                 unsigned block_z, unsigned shared, CUstream stream, void** values) {
  const Geometry geometry{{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared};
  return launch(function, geometry, stream, values, nullptr, {true, {}});
}

TALWEG_EXPORT CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction function, void** values, void** extra) {
  if (config == nullptr || (config->attributes == nullptr && config->attribute_count > 0)) return CUDA_ERROR_INVALID_VALUE;
  LaunchAttributes attributes;
  for (unsigned i = 0; i < config->attribute_count; ++i) {
    const CUlaunchAttribute& one = config->attributes[i];
    if (take_launch_attribute(one.id, one.value, attributes)) continue;
    switch (one.id) {  // what no result depends on, since launches of a stream do not overlap
      case kAttributeIgnore:
      case kAttributeAccessPolicyWindow:
      case kAttributeClusterPolicy:
      case kAttributeStreamSerialization:
      case kAttributePriority:
      case kAttributeMemSyncDomainMap:
      case kAttributeMemSyncDomain:
      case kAttributeSharedCarveout: break;
      default: return CUDA_ERROR_NOT_SUPPORTED;
    }
  }
  Geometry geometry{{}, {}, config->shared_bytes};
  std::memcpy(geometry.grid, config->grid, sizeof geometry.grid);
  std::memcpy(geometry.block, config->block, sizeof geometry.block);
  return launch(function, geometry, config->stream, values, extra, attributes);
}

TALWEG_EXPORT CUresult cuFuncSetBlockShape(CUfunction handle, int x, int y, int z) {
  return with_object(functions, handle, [&](Context&, Function& function) -> CUresult {
    if (x <= 0 || y <= 0 || z <= 0) return CUDA_ERROR_INVALID_VALUE;
    function.block[0] = static_cast<unsigned>(x);
    function.block[1] = static_cast<unsigned>(y);
    function.block[2] = static_cast<unsigned>(z);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuFuncSetSharedSize(CUfunction handle, unsigned bytes) {
  return with_object(functions, handle, [&](Context&, Function& function) {
    function.shared_bytes = bytes;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuParamSetSize(CUfunction handle, unsigned bytes) {
  return with_object(functions, handle, [&](Context&, Function& function) -> CUresult {
    if (bytes > function.kernel->parameter_bytes) return CUDA_ERROR_INVALID_VALUE;
    function.parameters.resize(bytes);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuParamSeti(CUfunction function, int offset, unsigned value) {
  return set_parameter(function, offset, &value, sizeof value);
}

TALWEG_EXPORT CUresult cuParamSetf(CUfunction function, int offset, float value) {
  return set_parameter(function, offset, &value, sizeof value);
}

TALWEG_EXPORT CUresult cuParamSetv(CUfunction function, int offset, void* value, unsigned bytes) {
  return set_parameter(function, offset, value, bytes);
}

TALWEG_EXPORT CUresult cuLaunch(CUfunction function) { return launch_remembered(function, 1, 1, nullptr); }

TALWEG_EXPORT CUresult cuLaunchGrid(CUfunction function, int x, int y) {
  return launch_remembered(function, x, y, nullptr);
}

TALWEG_EXPORT CUresult cuLaunchGridAsync(CUfunction function, int x, int y, CUstream stream) {
  return launch_remembered(function, x, y, stream);
}
