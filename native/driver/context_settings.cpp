// Limits and preferences of a context. They are kept and given back; nothing here has a cache or a fixed heap.
#include "calls.hpp"

using namespace talweg::driver;

namespace {

// -1 for a limit that no device has, else what it is before anybody sets it.
long long first_limit(int limit) {
  switch (limit) {
    case 0: return 1024;               // stack of a thread
    case 1: return 1024 * 1024;        // buffer of printf
    case 2: return 8 * 1024 * 1024;    // heap of malloc in kernels
    case 3: return 2;                  // depth of nested launches
    case 4: return 2048;               // nested launches that wait
    case 5: return 64;                 // bytes that the L2 cache fetches
    case 6: return 0;                  // L2 set aside
    default: return -1;
  }
}

constexpr int kLargestCacheConfig = 3, kLargestSharedConfig = 2;

}  // namespace

TALWEG_EXPORT CUresult cuCtxGetLimit(size_t* value, int limit) {
  return with_context([&](Context& context) -> CUresult {
    if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (first_limit(limit) < 0) return CUDA_ERROR_UNSUPPORTED_LIMIT;
    const auto set = context.limits.find(limit);
    *value = set == context.limits.end() ? static_cast<size_t>(first_limit(limit)) : set->second;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuCtxSetLimit(int limit, size_t value) {
  return with_context([&](Context& context) -> CUresult {
    if (first_limit(limit) < 0) return CUDA_ERROR_UNSUPPORTED_LIMIT;
    context.limits[limit] = value;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuCtxGetCacheConfig(int* config) {
  return with_context([&](Context& context) { return store(config, context.cache_config); });
}

TALWEG_EXPORT CUresult cuCtxSetCacheConfig(int config) {
  return with_context([&](Context& context) -> CUresult {
    if (config < 0 || config > kLargestCacheConfig) return CUDA_ERROR_INVALID_VALUE;
    context.cache_config = config;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuCtxGetSharedMemConfig(int* config) {
  return with_context([&](Context& context) { return store(config, context.shared_config); });
}

TALWEG_EXPORT CUresult cuCtxSetSharedMemConfig(int config) {
  return with_context([&](Context& context) -> CUresult {
    if (config < 0 || config > kLargestSharedConfig) return CUDA_ERROR_INVALID_VALUE;
    context.shared_config = config;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuFuncSetCacheConfig(CUfunction handle, int config) {
  return with_object(functions, handle, [&](Context&, Function&) {
    return config < 0 || config > kLargestCacheConfig ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuFuncSetSharedMemConfig(CUfunction handle, int config) {
  return with_object(functions, handle, [&](Context&, Function&) {
    return config < 0 || config > kLargestSharedConfig ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuModuleGetLoadingMode(int* mode) {
  constexpr int kEager = 1;
  return with_driver([&] { return store(mode, kEager); });
}

// There is no profiler to start; SoftwareDriver counts all the time.
TALWEG_EXPORT CUresult cuProfilerInitialize(const char*, const char*, int) { return CUDA_ERROR_NOT_SUPPORTED; }
TALWEG_EXPORT CUresult cuProfilerStart() {
  return with_context([](Context&) { return CUDA_SUCCESS; });
}
TALWEG_EXPORT CUresult cuProfilerStop() {
  return with_context([](Context&) { return CUDA_SUCCESS; });
}
