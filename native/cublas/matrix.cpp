// Matrix times vector, rank-one updates, sums of matrices.
#include <algorithm>
#include <vector>

#include "elements.hpp"
#include "handle.hpp"

using namespace talweg::cublas;

namespace {

bool is_operation(int operation) { return operation >= CUBLAS_OP_N && operation <= CUBLAS_OP_C; }

// y = alpha op(A) x + beta y, A of m × n.
template <class Real>
cublasStatus_t gemv(cublasHandle_t handle, const char* name, int op, int m, int n, const Real* alpha, const Real* a,
                    int lda, const Real* x, int incx, const Real* beta, Real* y, int incy) {
  return with_handle(handle, [&](Handle& of) -> cublasStatus_t {
    const Scalar<Real> a_factor(of, alpha), y_factor(of, beta);
    if (!is_operation(op) || m < 0 || n < 0 || lda < std::max(1, m) || incx == 0 || incy == 0 ||
        a_factor.is_missing() || y_factor.is_missing()) {
      return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (m == 0 || n == 0) return CUBLAS_STATUS_SUCCESS;
    const bool turned = op != CUBLAS_OP_N;
    const Matrix<const Real> matrix{a, m, n, lda};
    const Vector<const Real> from{x, turned ? m : n, incx};
    const Vector<Real> to{y, turned ? n : m, incy};
    return submit(of.stream, name, [=](const Memory& memory) {
      Real alpha, beta;
      if (!a_factor.read(memory, alpha) || !y_factor.read(memory, beta) || !to.is_there(memory)) return false;
      if (alpha != 0 && (!matrix.is_there(memory) || !from.is_there(memory))) return false;
      for (int64_t i = 0; i < to.count; ++i) {
        Real sum = 0;
        for (int64_t p = 0; alpha != 0 && p < from.count; ++p) {
          sum += (turned ? matrix.at(p, i) : matrix.at(i, p)) * from.at(p);
        }
        to.at(i) = alpha * sum + (beta == 0 ? Real{0} : beta * to.at(i));
      }
      return true;
    });
  });
}

// A += alpha x yᵀ, A of m × n.
template <class Real>
cublasStatus_t ger(cublasHandle_t handle, const char* name, int m, int n, const Real* alpha, const Real* x, int incx,
                   const Real* y, int incy, Real* a, int lda) {
  return with_handle(handle, [&](Handle& of) -> cublasStatus_t {
    const Scalar<Real> factor(of, alpha);
    if (m < 0 || n < 0 || lda < std::max(1, m) || incx == 0 || incy == 0 || factor.is_missing()) {
      return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (m == 0 || n == 0) return CUBLAS_STATUS_SUCCESS;
    const Matrix<Real> matrix{a, m, n, lda};
    const Vector<const Real> left{x, m, incx}, right{y, n, incy};
    return submit(of.stream, name, [=](const Memory& memory) {
      Real alpha;
      if (!factor.read(memory, alpha) || !matrix.is_there(memory) || !left.is_there(memory) ||
          !right.is_there(memory)) {
        return false;
      }
      for (int64_t j = 0; j < matrix.columns; ++j) {
        for (int64_t i = 0; i < matrix.rows; ++i) matrix.at(i, j) += alpha * left.at(i) * right.at(j);
      }
      return true;
    });
  });
}

// C = alpha op(A) + beta op(B), C of m × n. C may be A or B itself where that is not turned.
template <class Real>
cublasStatus_t geam(cublasHandle_t handle, const char* name, int op_a, int op_b, int m, int n, const Real* alpha,
                    const Real* a, int lda, const Real* beta, const Real* b, int ldb, Real* c, int ldc) {
  return with_handle(handle, [&](Handle& of) -> cublasStatus_t {
    const Scalar<Real> a_factor(of, alpha), b_factor(of, beta);
    const bool a_turned = op_a != CUBLAS_OP_N, b_turned = op_b != CUBLAS_OP_N;
    if (!is_operation(op_a) || !is_operation(op_b) || m < 0 || n < 0 || lda < std::max(1, a_turned ? n : m) ||
        ldb < std::max(1, b_turned ? n : m) || ldc < std::max(1, m) || a_factor.is_missing() ||
        b_factor.is_missing() || (c == a && a_turned) || (c == b && b_turned)) {
      return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (m == 0 || n == 0) return CUBLAS_STATUS_SUCCESS;
    const Matrix<const Real> first{a, a_turned ? n : m, a_turned ? m : n, lda};
    const Matrix<const Real> second{b, b_turned ? n : m, b_turned ? m : n, ldb};
    const Matrix<Real> result{c, m, n, ldc};
    return submit(of.stream, name, [=](const Memory& memory) {
      Real alpha, beta;
      if (!a_factor.read(memory, alpha) || !b_factor.read(memory, beta) || !result.is_there(memory)) return false;
      // What is multiplied by nothing is not read.
      if ((alpha != 0 && !first.is_there(memory)) || (beta != 0 && !second.is_there(memory))) return false;
      for (int64_t j = 0; j < result.columns; ++j) {
        for (int64_t i = 0; i < result.rows; ++i) {
          Real sum = 0;
          if (alpha != 0) sum += alpha * (a_turned ? first.at(j, i) : first.at(i, j));
          if (beta != 0) sum += beta * (b_turned ? second.at(j, i) : second.at(i, j));
          result.at(i, j) = sum;
        }
      }
      return true;
    });
  });
}

}  // namespace

#define TALWEG_MATRIX(letter, Real)                                                                                  \
  TALWEG_CUBLAS cublasStatus_t cublas##letter##gemv_v2(cublasHandle_t handle, int op, int m, int n,                  \
                                                       const Real* alpha, const Real* a, int lda, const Real* x,     \
                                                       int incx, const Real* beta, Real* y, int incy) {              \
    return gemv(handle, "cublas" #letter "gemv", op, m, n, alpha, a, lda, x, incx, beta, y, incy);                   \
  }                                                                                                                  \
  TALWEG_CUBLAS cublasStatus_t cublas##letter##ger_v2(cublasHandle_t handle, int m, int n, const Real* alpha,        \
                                                      const Real* x, int incx, const Real* y, int incy, Real* a,     \
                                                      int lda) {                                                     \
    return ger(handle, "cublas" #letter "ger", m, n, alpha, x, incx, y, incy, a, lda);                               \
  }                                                                                                                  \
  TALWEG_CUBLAS cublasStatus_t cublas##letter##geam(cublasHandle_t handle, int op_a, int op_b, int m, int n,         \
                                                    const Real* alpha, const Real* a, int lda, const Real* beta,     \
                                                    const Real* b, int ldb, Real* c, int ldc) {                      \
    return geam(handle, "cublas" #letter "geam", op_a, op_b, m, n, alpha, a, lda, beta, b, ldb, c, ldc);             \
  }

TALWEG_MATRIX(S, float)
TALWEG_MATRIX(D, double)
