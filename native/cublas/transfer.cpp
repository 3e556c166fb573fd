// Copies between host and device, as rectangles: of a vector, each element is a row; of a matrix, each column.
#include "device.hpp"

using namespace talweg::cublas;
using talweg::driver::CUDA_MEMCPY2D;

namespace {

enum class Way { kToDevice, kToHost };

cublasStatus_t copy_rows(Way way, int64_t rows, int64_t width, const void* from, int64_t from_pitch, void* to,
                         int64_t to_pitch, bool asynchronous, cudaStream_t stream) {
  if (rows < 0 || width < 0 || from_pitch < width || to_pitch < width) return CUBLAS_STATUS_INVALID_VALUE;
  if (rows == 0 || width == 0) return CUBLAS_STATUS_SUCCESS;
  if (from == nullptr || to == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  CUDA_MEMCPY2D shape{};
  const bool to_device = way == Way::kToDevice;
  shape.from.memory_type = to_device ? talweg::driver::kMemoryHost : talweg::driver::kMemoryDevice;
  shape.from.host = const_cast<void*>(from);
  shape.from.device = reinterpret_cast<uint64_t>(from);
  shape.from.pitch = static_cast<size_t>(from_pitch);
  shape.to.memory_type = to_device ? talweg::driver::kMemoryDevice : talweg::driver::kMemoryHost;
  shape.to.host = to;
  shape.to.device = reinterpret_cast<uint64_t>(to);
  shape.to.pitch = static_cast<size_t>(to_pitch);
  shape.width_bytes = static_cast<size_t>(width);
  shape.height = static_cast<size_t>(rows);
  return copy(shape, asynchronous, stream);
}

cublasStatus_t copy_vector(Way way, int n, int bytes, const void* x, int incx, void* y, int incy, bool asynchronous,
                           cudaStream_t stream) {
  if (bytes <= 0 || incx <= 0 || incy <= 0) return CUBLAS_STATUS_INVALID_VALUE;
  return copy_rows(way, n, bytes, x, int64_t{incx} * bytes, y, int64_t{incy} * bytes, asynchronous, stream);
}

cublasStatus_t copy_matrix(Way way, int rows, int columns, int bytes, const void* a, int lda, void* b, int ldb,
                           bool asynchronous, cudaStream_t stream) {
  if (bytes <= 0 || rows < 0 || lda <= 0 || ldb <= 0) return CUBLAS_STATUS_INVALID_VALUE;
  return copy_rows(way, columns, int64_t{rows} * bytes, a, int64_t{lda} * bytes, b, int64_t{ldb} * bytes,
                   asynchronous, stream);
}

}  // namespace

TALWEG_CUBLAS cublasStatus_t cublasSetVector(int n, int bytes, const void* x, int incx, void* y, int incy) {
  return copy_vector(Way::kToDevice, n, bytes, x, incx, y, incy, false, nullptr);
}

TALWEG_CUBLAS cublasStatus_t cublasGetVector(int n, int bytes, const void* x, int incx, void* y, int incy) {
  return copy_vector(Way::kToHost, n, bytes, x, incx, y, incy, false, nullptr);
}

TALWEG_CUBLAS cublasStatus_t cublasSetVectorAsync(int n, int bytes, const void* x, int incx, void* y, int incy,
                                                  cudaStream_t stream) {
  return copy_vector(Way::kToDevice, n, bytes, x, incx, y, incy, true, stream);
}

TALWEG_CUBLAS cublasStatus_t cublasGetVectorAsync(int n, int bytes, const void* x, int incx, void* y, int incy,
                                                  cudaStream_t stream) {
  return copy_vector(Way::kToHost, n, bytes, x, incx, y, incy, true, stream);
}

TALWEG_CUBLAS cublasStatus_t cublasSetMatrix(int rows, int columns, int bytes, const void* a, int lda, void* b,
                                             int ldb) {
  return copy_matrix(Way::kToDevice, rows, columns, bytes, a, lda, b, ldb, false, nullptr);
}

TALWEG_CUBLAS cublasStatus_t cublasGetMatrix(int rows, int columns, int bytes, const void* a, int lda, void* b,
                                             int ldb) {
  return copy_matrix(Way::kToHost, rows, columns, bytes, a, lda, b, ldb, false, nullptr);
}

TALWEG_CUBLAS cublasStatus_t cublasSetMatrixAsync(int rows, int columns, int bytes, const void* a, int lda, void* b,
                                                  int ldb, cudaStream_t stream) {
  return copy_matrix(Way::kToDevice, rows, columns, bytes, a, lda, b, ldb, true, stream);
}

TALWEG_CUBLAS cublasStatus_t cublasGetMatrixAsync(int rows, int columns, int bytes, const void* a, int lda, void* b,
                                                  int ldb, cudaStream_t stream) {
  return copy_matrix(Way::kToHost, rows, columns, bytes, a, lda, b, ldb, true, stream);
}
