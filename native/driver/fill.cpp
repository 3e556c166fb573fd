// The memsets.
#include "transfer.hpp"

using namespace talweg::driver;

namespace {

CUresult fill(CUdeviceptr to, size_t pitch, uint32_t value, unsigned element_bytes, size_t width, size_t height,
              CUstream stream_handle) {
  return with_stream(stream_handle, [&](Context& context, const std::shared_ptr<Stream>& stream) -> CUresult {
    if (width == 0 || height == 0) return CUDA_SUCCESS;
    const CUDA_MEMSET_NODE_PARAMS parameters{to, pitch, value, element_bytes, width, height};
    std::shared_ptr<const Fill> operation;
    CUresult result = read_fill(&parameters, operation);
    if (result == CUDA_SUCCESS) result = check(context, *operation);
    return result == CUDA_SUCCESS ? submit(context, stream, operation) : result;
  });
}

}  // namespace

// One entry point for each width, with rows or without, in the legacy stream or another.
#define TALWEG_MEMSET(width, Value)                                                                                  \
  TALWEG_EXPORT CUresult cuMemsetD##width##_v2(CUdeviceptr to, Value value, size_t count) {                          \
    return fill(to, 0, value, sizeof(Value), count, 1, nullptr);                                                     \
  }                                                                                                                  \
  TALWEG_EXPORT CUresult cuMemsetD##width##Async(CUdeviceptr to, Value value, size_t count, CUstream stream) {       \
    return fill(to, 0, value, sizeof(Value), count, 1, stream);                                                      \
  }                                                                                                                  \
  TALWEG_EXPORT CUresult cuMemsetD2D##width##_v2(CUdeviceptr to, size_t pitch, Value value, size_t columns,          \
                                                 size_t rows) {                                                      \
    return fill(to, pitch, value, sizeof(Value), columns, rows, nullptr);                                            \
  }                                                                                                                  \
  TALWEG_EXPORT CUresult cuMemsetD2D##width##Async(CUdeviceptr to, size_t pitch, Value value, size_t columns,        \
                                                   size_t rows, CUstream stream) {                                   \
    return fill(to, pitch, value, sizeof(Value), columns, rows, stream);                                             \
  }

TALWEG_MEMSET(8, uint8_t)
TALWEG_MEMSET(16, uint16_t)
TALWEG_MEMSET(32, uint32_t)
