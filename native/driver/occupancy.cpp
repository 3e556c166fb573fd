// How many blocks fit a multiprocessor, and clusters the device, by threads and shared memory.
#include <algorithm>

#include "calls.hpp"
#include "device.hpp"
#include "kernel_launch.hpp"

using namespace talweg::driver;

namespace {

int blocks(const Function& function, int threads, size_t dynamic_shared) {
  if (dynamic_shared > static_cast<size_t>(std::max(function.max_dynamic_shared, 0))) return 0;
  return blocks_per_multiprocessor(threads, static_cast<long long>(dynamic_shared) +
                                                static_cast<long long>(function.kernel->static_shared_bytes));
}

template <class Body>
CUresult with_function(CUfunction handle, Body body) {
  return with_object(functions, handle, [&](Context&, Function& function) { return body(function); });
}

CUresult max_active_blocks(int* count, CUfunction handle, int threads, size_t dynamic_shared) {
  return with_function(handle, [&](const Function& function) -> CUresult {
    if (count == nullptr || threads <= 0) return CUDA_ERROR_INVALID_VALUE;
    *count = threads > function.kernel->max_threads ? 0 : blocks(function, threads, dynamic_shared);
    return CUDA_SUCCESS;
  });
}

using SharedBytesOfBlock = size_t (*)(int threads);

CUresult best_block(int* min_grid, int* block, CUfunction handle, SharedBytesOfBlock shared_of, size_t shared,
                    int limit) {
  if (min_grid == nullptr || block == nullptr || limit < 0) return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<Function> function;
  const CUresult result = with_context([&](Context& context) {
    function = find_in(context, functions, handle);
    return function == nullptr ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS;
  });
  if (result != CUDA_SUCCESS) return result;
  // With the context free: the caller's function may call back.
  const int most = std::min(function->kernel->max_threads, limit == 0 ? kMaxThreadsPerBlock : limit);
  int best_resident = 0;
  *min_grid = *block = 0;
  for (int threads = most; threads > 0; threads -= threads % kWarpSize == 0 ? kWarpSize : threads % kWarpSize) {
    const int count = blocks(*function, threads, shared_of != nullptr ? shared_of(threads) : shared);
    if (count * threads > best_resident) {
      best_resident = count * threads;
      *block = threads;
      *min_grid = count * kMultiprocessors;
    }
  }
  return CUDA_SUCCESS;
}

Geometry geometry_of(const CUlaunchConfig& config) {
  Geometry geometry{{}, {}, config.shared_bytes};
  std::copy(config.grid, config.grid + 3, geometry.grid);
  std::copy(config.block, config.block + 3, geometry.block);
  return geometry;
}

bool fits(const Function& function, const Geometry& geometry) {
  const uint64_t threads = uint64_t{geometry.block[0]} * geometry.block[1] * geometry.block[2];
  return threads > 0 && threads <= static_cast<uint64_t>(function.kernel->max_threads) &&
         geometry.shared <= static_cast<unsigned>(std::max(function.max_dynamic_shared, 0));
}

}  // namespace

// The largest cluster of this shape of block, of which one at least fits the device.
TALWEG_EXPORT CUresult cuOccupancyMaxPotentialClusterSize(int* blocks, CUfunction handle, const CUlaunchConfig* config) {
  return with_function(handle, [&](const Function& function) -> CUresult {
    if (blocks == nullptr || config == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const Geometry geometry = geometry_of(*config);
    if (!has_clusters() || !fits(function, geometry)) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
    unsigned most = function.non_portable_cluster ? kMaxNonPortableClusterBlocks : kMaxClusterBlocks;
    if (function.kernel->max_cluster != 0) most = std::min(most, function.kernel->max_cluster);
    while (most > 0 && active_clusters(function, geometry, most) == 0) --most;
    *blocks = static_cast<int>(most);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuOccupancyMaxActiveClusters(int* count, CUfunction handle, const CUlaunchConfig* config) {
  return with_function(handle, [&](const Function& function) -> CUresult {
    if (count == nullptr || config == nullptr || (config->attributes == nullptr && config->attribute_count > 0)) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    LaunchAttributes attributes;
    for (unsigned i = 0; i < config->attribute_count; ++i) {
      take_launch_attribute(config->attributes[i].id, config->attributes[i].value, attributes);
    }
    const Geometry geometry = geometry_of(*config);
    *count = 0;
    if (!fits(function, geometry)) return CUDA_SUCCESS;
    unsigned cluster[3];
    std::string reason;
    const CUresult result = choose_cluster(function, geometry, attributes, cluster, reason);
    if (result != CUDA_SUCCESS) {
      set_report(reason);
      return result;
    }
    *count = static_cast<int>(active_clusters(function, geometry, cluster[0] * cluster[1] * cluster[2]));
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* count, CUfunction function, int threads,
                                                                   size_t dynamic_shared) {
  return max_active_blocks(count, function, threads, dynamic_shared);
}

TALWEG_EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* count, CUfunction function,
                                                                            int threads, size_t dynamic_shared,
                                                                            unsigned) {
  return max_active_blocks(count, function, threads, dynamic_shared);
}

TALWEG_EXPORT CUresult cuOccupancyMaxPotentialBlockSize(int* min_grid, int* block, CUfunction function,
                                                        SharedBytesOfBlock shared_of, size_t shared, int limit) {
  return best_block(min_grid, block, function, shared_of, shared, limit);
}

TALWEG_EXPORT CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int* min_grid, int* block, CUfunction function,
                                                                 SharedBytesOfBlock shared_of, size_t shared,
                                                                 int limit, unsigned) {
  return best_block(min_grid, block, function, shared_of, shared, limit);
}

TALWEG_EXPORT CUresult cuOccupancyAvailableDynamicSMemPerBlock(size_t* bytes, CUfunction handle, int count,
                                                               int threads) {
  return with_function(handle, [&](const Function& function) -> CUresult {
    if (bytes == nullptr || count <= 0 || threads <= 0) return CUDA_ERROR_INVALID_VALUE;
    const long long share = chip().shared_per_multiprocessor / count - chip().shared_reserved_per_block -
                            static_cast<long long>(function.kernel->static_shared_bytes);
    *bytes = static_cast<size_t>(std::clamp<long long>(share, 0, std::max(function.max_dynamic_shared, 0)));
    return CUDA_SUCCESS;
  });
}
