// One matrix product of a fixed shape by a primitive of oneDNN.
#pragma once
#include <cstdint>
#include <tuple>

#include "onednn.h"

namespace talweg {

// C = A B or C += A B; A [m x k] and C [m x n] row-major.
struct Shape {
  enum class Right { kTransposed, kPanels };  // B [k x n]: stored [n x k], its rows b_width apart, or as in panels.hpp

  int64_t m, n, k, a_width, b_width, c_width;
  bool add;
  Right right;

  bool operator<(const Shape& other) const { return key() < other.key(); }

 private:
  std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, bool, Right> key() const {
    return {m, n, k, a_width, b_width, c_width, add, right};
  }
};

// What it works in belongs to the thread that makes it.
class Matmul {
 public:
  Matmul(const onednn::Api& api, onednn::Handle engine, const Shape& shape);
  Matmul(const Matmul&) = delete;
  Matmul& operator=(const Matmul&) = delete;

  // Whether oneDNN has it, with B as it is said to lie.
  bool exists() const { return primitive_ != nullptr; }
  bool run(const float* a, const float* b, float* c) const;

 private:
  const onednn::Api& api_;
  onednn::Handle primitive_ = nullptr, stream_ = nullptr, a_ = nullptr, b_ = nullptr, c_ = nullptr;
};

}  // namespace talweg
