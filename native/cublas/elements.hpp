// Element types of vectors and matrices, the layouts they lie in, and their conversion to what is computed in.
#pragma once

#include <immintrin.h>

#include <cmath>
#include <cstdlib>
#include <cstdint>
#include <cstring>

#include "device.hpp"

namespace talweg::cublas {

struct Half {
  uint16_t bits;
};
struct Bfloat16 {
  uint16_t bits;
};

inline float value(float x) { return x; }
inline double value(double x) { return x; }
inline float value(Half x) { return _cvtsh_ss(x.bits); }
inline float value(Bfloat16 x) {
  const uint32_t bits = uint32_t{x.bits} << 16;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

inline void assign(float& to, float x) { to = x; }
inline void assign(double& to, double x) { to = x; }
inline void assign(Half& to, float x) { to.bits = _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline void assign(Bfloat16& to, float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  // To nearest, ties to even; a NaN stays one.
  to.bits = std::isnan(x) ? 0x7fff : static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// Column-major: element (row, column) lies at column · stride + row.
template <class T>
struct Matrix {
  T* data;
  int64_t rows, columns, stride;

  bool is_there(const Memory& memory) const {
    if (rows == 0 || columns == 0) return true;
    return memory.holds(data, static_cast<uint64_t>((columns - 1) * stride + rows) * sizeof(T));
  }
  T& at(int64_t row, int64_t column) const { return data[column * stride + row]; }
};

// A negative increment runs from the far end, as in BLAS.
template <class T>
struct Vector {
  T* data;
  int64_t count, increment;

  bool is_there(const Memory& memory) const {
    if (count <= 0) return true;
    return memory.holds(data, (static_cast<uint64_t>(count - 1) * static_cast<uint64_t>(std::abs(increment)) + 1) *
                                  sizeof(T));
  }
  T& at(int64_t i) const { return data[increment >= 0 ? i * increment : (i - count + 1) * increment]; }
};

}  // namespace talweg::cublas
