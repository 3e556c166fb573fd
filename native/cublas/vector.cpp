// Vectors: sums, norms, products, and changes in place. Sums of single precision are kept in double.
#include <algorithm>
#include <cmath>

#include "elements.hpp"
#include "handle.hpp"

using namespace talweg::cublas;

namespace {

template <class Real>
cublasStatus_t scal(cublasHandle_t handle, const char* name, int n, const Real* alpha, Real* x, int incx) {
  return with_handle(handle, [&](Handle& of) -> cublasStatus_t {
    const Scalar<Real> factor(of, alpha);
    if (factor.is_missing()) return CUBLAS_STATUS_INVALID_VALUE;
    if (n <= 0 || incx <= 0) return CUBLAS_STATUS_SUCCESS;
    const Vector<Real> vector{x, n, incx};
    return submit(of.stream, name, [=](const Memory& memory) {
      Real alpha;
      if (!factor.read(memory, alpha) || !vector.is_there(memory)) return false;
      for (int64_t i = 0; i < vector.count; ++i) vector.at(i) *= alpha;
      return true;
    });
  });
}

template <class Real>
cublasStatus_t axpy(cublasHandle_t handle, const char* name, int n, const Real* alpha, const Real* x, int incx,
                    Real* y, int incy) {
  return with_handle(handle, [&](Handle& of) -> cublasStatus_t {
    const Scalar<Real> factor(of, alpha);
    if (factor.is_missing()) return CUBLAS_STATUS_INVALID_VALUE;
    if (n <= 0) return CUBLAS_STATUS_SUCCESS;
    const Vector<const Real> from{x, n, incx};
    const Vector<Real> to{y, n, incy};
    return submit(of.stream, name, [=](const Memory& memory) {
      Real alpha;
      if (!factor.read(memory, alpha) || !from.is_there(memory) || !to.is_there(memory)) return false;
      for (int64_t i = 0; i < to.count; ++i) to.at(i) += alpha * from.at(i);
      return true;
    });
  });
}

// Copies, or exchanges, with `move`.
template <class From, class Real, class Move>
cublasStatus_t move_elements(cublasHandle_t handle, const char* name, int n, From* x, int incx, Real* y, int incy,
                             Move move) {
  return with_handle(handle, [&](Handle& of) -> cublasStatus_t {
    if (n <= 0) return CUBLAS_STATUS_SUCCESS;
    const Vector<From> from{x, n, incx};
    const Vector<Real> to{y, n, incy};
    return submit(of.stream, name, [=](const Memory& memory) {
      if (!from.is_there(memory) || !to.is_there(memory)) return false;
      for (int64_t i = 0; i < to.count; ++i) move(from.at(i), to.at(i));
      return true;
    });
  });
}

template <class Real>
cublasStatus_t dot(cublasHandle_t handle, const char* name, int n, const Real* x, int incx, const Real* y, int incy,
                   Real* result) {
  return with_handle(handle, [&](Handle& of) {
    const Vector<const Real> left{x, n, incx}, right{y, n, incy};
    return submit_for_result<Real>(of, name, result, [=](const Memory& memory, Real& value) {
      if (!left.is_there(memory) || !right.is_there(memory)) return false;
      double sum = 0;
      for (int64_t i = 0; i < left.count; ++i) sum += double{left.at(i)} * right.at(i);
      value = static_cast<Real>(sum);
      return true;
    });
  });
}

// Reductions over one vector, which is empty unless the increment is positive.
template <class Real, class Result, class Reduce>
cublasStatus_t reduce(cublasHandle_t handle, const char* name, int n, const Real* x, int incx, Result* result,
                      Reduce reduction) {
  return with_handle(handle, [&](Handle& of) {
    const Vector<const Real> vector{x, incx > 0 ? std::max(n, 0) : 0, incx};
    return submit_for_result<Result>(of, name, result, [=](const Memory& memory, Result& value) {
      if (!vector.is_there(memory)) return false;
      value = reduction(vector);
      return true;
    });
  });
}

// Scaled by the largest, so that squares neither overflow nor vanish.
template <class Real>
Real norm(const Vector<const Real>& x) {
  double largest = 0;
  for (int64_t i = 0; i < x.count; ++i) {
    const double size = std::fabs(double{x.at(i)});
    if (std::isnan(size)) return static_cast<Real>(size);
    largest = std::max(largest, size);
  }
  if (largest == 0 || std::isinf(largest)) return static_cast<Real>(largest);
  double sum = 0;
  for (int64_t i = 0; i < x.count; ++i) sum += (x.at(i) / largest) * (x.at(i) / largest);
  return static_cast<Real>(largest * std::sqrt(sum));
}

template <class Real>
Real sum_of_sizes(const Vector<const Real>& x) {
  double sum = 0;
  for (int64_t i = 0; i < x.count; ++i) sum += std::fabs(double{x.at(i)});
  return static_cast<Real>(sum);
}

// The first of the largest, or of the smallest, in size; counted from 1, and 0 of an empty vector.
template <bool Largest, class Real>
int extreme(const Vector<const Real>& x) {
  int64_t best = 0;
  for (int64_t i = 1; i < x.count; ++i) {
    const Real size = std::fabs(x.at(i)), known = std::fabs(x.at(best));
    if (Largest ? size > known : size < known) best = i;
  }
  return x.count == 0 ? 0 : static_cast<int>(best + 1);
}

}  // namespace

#define TALWEG_VECTOR(letter, small, Real)                                                                           \
  TALWEG_CUBLAS cublasStatus_t cublas##letter##scal_v2(cublasHandle_t handle, int n, const Real* alpha, Real* x,     \
                                                       int incx) {                                                   \
    return scal(handle, "cublas" #letter "scal", n, alpha, x, incx);                                                 \
  }                                                                                                                  \
  TALWEG_CUBLAS cublasStatus_t cublas##letter##axpy_v2(cublasHandle_t handle, int n, const Real* alpha,              \
                                                       const Real* x, int incx, Real* y, int incy) {                 \
    return axpy(handle, "cublas" #letter "axpy", n, alpha, x, incx, y, incy);                                        \
  }                                                                                                                  \
  TALWEG_CUBLAS cublasStatus_t cublas##letter##copy_v2(cublasHandle_t handle, int n, const Real* x, int incx,        \
                                                       Real* y, int incy) {                                          \
    return move_elements(handle, "cublas" #letter "copy", n, x, incx, y, incy,                                       \
                         [](const Real& from, Real& to) { to = from; });                                             \
  }                                                                                                                  \
  TALWEG_CUBLAS cublasStatus_t cublas##letter##swap_v2(cublasHandle_t handle, int n, Real* x, int incx, Real* y,     \
                                                       int incy) {                                                   \
    return move_elements(handle, "cublas" #letter "swap", n, x, incx, y, incy,                                       \
                         [](Real& one, Real& other) { std::swap(one, other); });                                     \
  }                                                                                                                  \
  TALWEG_CUBLAS cublasStatus_t cublas##letter##dot_v2(cublasHandle_t handle, int n, const Real* x, int incx,         \
                                                      const Real* y, int incy, Real* result) {                       \
    return dot(handle, "cublas" #letter "dot", n, x, incx, y, incy, result);                                         \
  }                                                                                                                  \
  TALWEG_CUBLAS cublasStatus_t cublas##letter##nrm2_v2(cublasHandle_t handle, int n, const Real* x, int incx,        \
                                                       Real* result) {                                               \
    return reduce(handle, "cublas" #letter "nrm2", n, x, incx, result, norm<Real>);                                  \
  }                                                                                                                  \
  TALWEG_CUBLAS cublasStatus_t cublas##letter##asum_v2(cublasHandle_t handle, int n, const Real* x, int incx,        \
                                                       Real* result) {                                               \
    return reduce(handle, "cublas" #letter "asum", n, x, incx, result, sum_of_sizes<Real>);                          \
  }                                                                                                                  \
  TALWEG_CUBLAS cublasStatus_t cublasI##small##amax_v2(cublasHandle_t handle, int n, const Real* x, int incx,        \
                                                       int* result) {                                                \
    return reduce(handle, "cublasI" #small "amax", n, x, incx, result, extreme<true, Real>);                         \
  }                                                                                                                  \
  TALWEG_CUBLAS cublasStatus_t cublasI##small##amin_v2(cublasHandle_t handle, int n, const Real* x, int incx,        \
                                                       int* result) {                                                \
    return reduce(handle, "cublasI" #small "amin", n, x, incx, result, extreme<false, Real>);                        \
  }

TALWEG_VECTOR(S, s, float)
TALWEG_VECTOR(D, d, double)
