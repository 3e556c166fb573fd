// Matrix products: C = alpha op(A) op(B) + beta C, plain, in batches, and of other types than are computed in.
#include <algorithm>
#include <vector>

#include "elements.hpp"
#include "handle.hpp"

using namespace talweg::cublas;

namespace {

bool is_operation(int operation) { return operation >= CUBLAS_OP_N && operation <= CUBLAS_OP_C; }

struct Shape {
  int op_a, op_b;
  int64_t m, n, k;
  int64_t stride_a, stride_b, stride_c;  // from column to column

  bool is_valid() const {
    return is_operation(op_a) && is_operation(op_b) && m >= 0 && n >= 0 && k >= 0 &&
           stride_a >= std::max<int64_t>(1, op_a == CUBLAS_OP_N ? m : k) &&
           stride_b >= std::max<int64_t>(1, op_b == CUBLAS_OP_N ? k : n) && stride_c >= std::max<int64_t>(1, m);
  }
};

// One product. Sums run over k in order, in the type `Real`.
template <class In, class Out, class Real>
bool multiply(const Memory& memory, const Shape& shape, Real alpha, const In* a, const In* b, Real beta, Out* c) {
  const bool a_turned = shape.op_a != CUBLAS_OP_N, b_turned = shape.op_b != CUBLAS_OP_N;
  const Matrix<const In> left{a, a_turned ? shape.k : shape.m, a_turned ? shape.m : shape.k, shape.stride_a};
  const Matrix<const In> right{b, b_turned ? shape.n : shape.k, b_turned ? shape.k : shape.n, shape.stride_b};
  const Matrix<Out> result{c, shape.m, shape.n, shape.stride_c};
  const bool reads = alpha != 0 && shape.k > 0;
  if (!result.is_there(memory) || (reads && (!left.is_there(memory) || !right.is_there(memory)))) return false;
  // op(A) by columns, so that the innermost loop runs along memory.
  std::vector<Real> packed(reads ? static_cast<size_t>(shape.m * shape.k) : 0);
  for (int64_t p = 0; reads && p < shape.k; ++p) {
    for (int64_t i = 0; i < shape.m; ++i) packed[p * shape.m + i] = value(a_turned ? left.at(p, i) : left.at(i, p));
  }
  std::vector<Real> sums(static_cast<size_t>(shape.m));
  for (int64_t j = 0; j < shape.n; ++j) {
    std::fill(sums.begin(), sums.end(), Real{0});
    for (int64_t p = 0; reads && p < shape.k; ++p) {
      const Real factor = value(b_turned ? right.at(j, p) : right.at(p, j));
      const Real* column = packed.data() + p * shape.m;
      for (int64_t i = 0; i < shape.m; ++i) sums[i] += column[i] * factor;
    }
    for (int64_t i = 0; i < shape.m; ++i) {
      Out& element = result.at(i, j);
      // With beta 0 the old value is not read: it may be anything.
      const Real old = beta == 0 ? Real{0} : beta * static_cast<Real>(value(element));
      assign(element, reads ? alpha * sums[i] + old : old);
    }
  }
  return true;
}

// Where the matrices of a batch are: at fixed distances, or at addresses in device memory.
template <class In, class Out>
struct Batch {
  const In* a;
  const In* b;
  Out* c;
  int64_t step_a, step_b, step_c;
  const In* const* a_list;
  const In* const* b_list;
  Out* const* c_list;
  int64_t count;

  bool is_there(const Memory& memory) const {
    const uint64_t bytes = static_cast<uint64_t>(count) * sizeof(void*);
    return a_list == nullptr ||
           (memory.holds(a_list, bytes) && memory.holds(b_list, bytes) && memory.holds(c_list, bytes));
  }
};

template <class In, class Out>
Batch<In, Out> at_distances(const void* a, int64_t step_a, const void* b, int64_t step_b, void* c, int64_t step_c,
                            int64_t count) {
  return {static_cast<const In*>(a), static_cast<const In*>(b), static_cast<Out*>(c), step_a, step_b, step_c, nullptr,
          nullptr, nullptr, count};
}

template <class In, class Out>
Batch<In, Out> at_addresses(const void* const* a, const void* const* b, void* const* c, int64_t count) {
  return {nullptr, nullptr, nullptr, 0, 0, 0, reinterpret_cast<const In* const*>(a),
          reinterpret_cast<const In* const*>(b), reinterpret_cast<Out* const*>(c), count};
}

template <class In, class Out, class Real>
cublasStatus_t gemm(const Handle& handle, const char* name, const Shape& shape, const void* alpha, const void* beta,
                    const Batch<In, Out>& batch) {
  const Scalar<Real> a_factor(handle, alpha), c_factor(handle, beta);
  if (!shape.is_valid() || batch.count < 0 || a_factor.is_missing() || c_factor.is_missing()) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (shape.m == 0 || shape.n == 0 || batch.count == 0) return CUBLAS_STATUS_SUCCESS;
  return submit(handle.stream, name, [shape, a_factor, c_factor, batch](const Memory& memory) {
    Real alpha, beta;
    if (!a_factor.read(memory, alpha) || !c_factor.read(memory, beta) || !batch.is_there(memory)) return false;
    for (int64_t i = 0; i < batch.count; ++i) {
      const bool listed = batch.a_list != nullptr;
      if (!multiply(memory, shape, alpha, listed ? batch.a_list[i] : batch.a + i * batch.step_a,
                    listed ? batch.b_list[i] : batch.b + i * batch.step_b, beta,
                    listed ? batch.c_list[i] : batch.c + i * batch.step_c)) {
        return false;
      }
    }
    return true;
  });
}

bool computes_in_single(int compute) {
  return compute == CUBLAS_COMPUTE_32F || compute == CUBLAS_COMPUTE_32F_PEDANTIC ||
         compute == CUBLAS_COMPUTE_32F_FAST_16F || compute == CUBLAS_COMPUTE_32F_FAST_16BF ||
         compute == CUBLAS_COMPUTE_32F_FAST_TF32;
}

bool computes_in_double(int compute) {
  return compute == CUBLAS_COMPUTE_64F || compute == CUBLAS_COMPUTE_64F_PEDANTIC;
}

// Calls `body` with a value of each element type; other combinations of types are not supported.
template <class Body>
cublasStatus_t with_types(int type_a, int type_b, int type_c, int compute, Body body) {
  if (type_a != type_b) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (computes_in_double(compute)) {
    return type_a == CUDA_R_64F && type_c == CUDA_R_64F ? body(double{}, double{}, double{})
                                                        : CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (!computes_in_single(compute)) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (type_a == CUDA_R_32F && type_c == CUDA_R_32F) return body(float{}, float{}, float{});
  if (type_a == CUDA_R_16F && type_c == CUDA_R_32F) return body(Half{}, float{}, float{});
  if (type_a == CUDA_R_16F && type_c == CUDA_R_16F) return body(Half{}, Half{}, float{});
  if (type_a == CUDA_R_16BF && type_c == CUDA_R_32F) return body(Bfloat16{}, float{}, float{});
  if (type_a == CUDA_R_16BF && type_c == CUDA_R_16BF) return body(Bfloat16{}, Bfloat16{}, float{});
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

template <class Real>
cublasStatus_t gemm_at_distances(cublasHandle_t handle, const char* name, const Shape& shape, const Real* alpha,
                                 const Real* a, int64_t step_a, const Real* b, int64_t step_b, const Real* beta,
                                 Real* c, int64_t step_c, int64_t count) {
  return with_handle(handle, [&](Handle& of) {
    return gemm<Real, Real, Real>(of, name, shape, alpha, beta,
                                  at_distances<Real, Real>(a, step_a, b, step_b, c, step_c, count));
  });
}

}  // namespace

#define TALWEG_GEMM(letter, Real)                                                                                    \
  TALWEG_CUBLAS cublasStatus_t cublas##letter##gemm_v2(cublasHandle_t handle, int op_a, int op_b, int m, int n,      \
                                                       int k, const Real* alpha, const Real* a, int lda,             \
                                                       const Real* b, int ldb, const Real* beta, Real* c, int ldc) { \
    return gemm_at_distances(handle, "cublas" #letter "gemm", {op_a, op_b, m, n, k, lda, ldb, ldc}, alpha, a, 0, b,  \
                             0, beta, c, 0, 1);                                                                      \
  }                                                                                                                  \
  TALWEG_CUBLAS cublasStatus_t cublas##letter##gemmStridedBatched(                                                   \
      cublasHandle_t handle, int op_a, int op_b, int m, int n, int k, const Real* alpha, const Real* a, int lda,     \
      long long step_a, const Real* b, int ldb, long long step_b, const Real* beta, Real* c, int ldc,                \
      long long step_c, int count) {                                                                                 \
    return gemm_at_distances(handle, "cublas" #letter "gemmStridedBatched", {op_a, op_b, m, n, k, lda, ldb, ldc},    \
                             alpha, a, step_a, b, step_b, beta, c, step_c, count);                                   \
  }                                                                                                                  \
  TALWEG_CUBLAS cublasStatus_t cublas##letter##gemmBatched(                                                          \
      cublasHandle_t handle, int op_a, int op_b, int m, int n, int k, const Real* alpha, const void* const* a,       \
      int lda, const void* const* b, int ldb, const Real* beta, void* const* c, int ldc, int count) {                \
    return with_handle(handle, [&](Handle& of) {                                                                     \
      return gemm<Real, Real, Real>(of, "cublas" #letter "gemmBatched", {op_a, op_b, m, n, k, lda, ldb, ldc}, alpha, \
                                    beta, at_addresses<Real, Real>(a, b, c, count));                                 \
    });                                                                                                              \
  }

TALWEG_GEMM(S, float)
TALWEG_GEMM(D, double)

TALWEG_CUBLAS cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, int op_a, int op_b, int m, int n,
                                                        int k, const void* alpha, const void* a, int type_a, int lda,
                                                        long long step_a, const void* b, int type_b, int ldb,
                                                        long long step_b, const void* beta, void* c, int type_c,
                                                        int ldc, long long step_c, int count, int compute, int) {
  return with_handle(handle, [&](Handle& of) {
    return with_types(type_a, type_b, type_c, compute, [&](auto in, auto out, auto real) {
      using In = decltype(in);
      using Out = decltype(out);
      return gemm<In, Out, decltype(real)>(of, "cublasGemmEx", {op_a, op_b, m, n, k, lda, ldb, ldc}, alpha, beta,
                                           at_distances<In, Out>(a, step_a, b, step_b, c, step_c, count));
    });
  });
}

TALWEG_CUBLAS cublasStatus_t cublasGemmEx(cublasHandle_t handle, int op_a, int op_b, int m, int n, int k,
                                          const void* alpha, const void* a, int type_a, int lda, const void* b,
                                          int type_b, int ldb, const void* beta, void* c, int type_c, int ldc,
                                          int compute, int algorithm) {
  return cublasGemmStridedBatchedEx(handle, op_a, op_b, m, n, k, alpha, a, type_a, lda, 0, b, type_b, ldb, 0, beta, c,
                                    type_c, ldc, 0, 1, compute, algorithm);
}

TALWEG_CUBLAS cublasStatus_t cublasGemmBatchedEx(cublasHandle_t handle, int op_a, int op_b, int m, int n, int k,
                                                 const void* alpha, const void* const* a, int type_a, int lda,
                                                 const void* const* b, int type_b, int ldb, const void* beta,
                                                 void* const* c, int type_c, int ldc, int count, int compute, int) {
  return with_handle(handle, [&](Handle& of) {
    return with_types(type_a, type_b, type_c, compute, [&](auto in, auto out, auto real) {
      using In = decltype(in);
      using Out = decltype(out);
      return gemm<In, Out, decltype(real)>(of, "cublasGemmBatchedEx", {op_a, op_b, m, n, k, lda, ldb, ldc}, alpha,
                                           beta, at_addresses<In, Out>(a, b, c, count));
    });
  });
}

TALWEG_CUBLAS cublasStatus_t cublasSgemmEx(cublasHandle_t handle, int op_a, int op_b, int m, int n, int k,
                                           const float* alpha, const void* a, int type_a, int lda, const void* b,
                                           int type_b, int ldb, const float* beta, void* c, int type_c, int ldc) {
  return cublasGemmEx(handle, op_a, op_b, m, n, k, alpha, a, type_a, lda, b, type_b, ldb, beta, c, type_c, ldc,
                      CUBLAS_COMPUTE_32F, -1);
}
