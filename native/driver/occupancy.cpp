// How many blocks fit a multiprocessor, by threads and shared memory.
#include <algorithm>

#include "calls.hpp"
#include "device.hpp"

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

}  // namespace

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
