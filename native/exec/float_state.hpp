// The CPU's floating-point state while kernels run: round to nearest, subnormals kept, no traps, whatever the calling
// thread had set. It has its own back afterwards, flags included.
#pragma once

#include <xmmintrin.h>

namespace talweg::exec {

class FloatState {
 public:
  FloatState() : callers_(_mm_getcsr()) { _mm_setcsr(kDefault); }
  ~FloatState() { _mm_setcsr(callers_); }
  FloatState(const FloatState&) = delete;
  FloatState& operator=(const FloatState&) = delete;

 private:
  static constexpr unsigned kDefault = 0x1f80;
  const unsigned callers_;
};

}  // namespace talweg::exec
