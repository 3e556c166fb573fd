// An mbarrier object: what the current phase still waits for, arrivals and bytes, what the next one will wait for, and
// the phase. Opaque to programs, but for the state that arrive gives and test_wait takes back.
#pragma once

#include <cstdint>

#include "decode.hpp"
#include "lanes.hpp"

namespace talweg::exec {

struct Mbarrier {
  uint64_t pending : 20, expected : 20, bytes : 21, phase : 3;  // bytes: a signed number

  static constexpr int32_t kMostBytes = (1 << 20) - 1;

  int32_t outstanding() const { return static_cast<int32_t>(static_cast<uint32_t>(bytes) << 11) >> 11; }
  // False if the count does not fit.
  bool expect(int64_t count) {
    const int64_t sum = outstanding() + count;
    if (sum < -kMostBytes || sum > kMostBytes) return false;
    bytes = static_cast<uint64_t>(sum) & 0x1fffff;
    return true;
  }
  void arrive(uint32_t count) { pending = pending - count; }
  void complete_if_done() {
    if (pending != 0 || bytes != 0) return;
    phase = phase + 1;
    pending = expected;
  }
};
static_assert(sizeof(Mbarrier) == 8);

// Changes the object as one and gives what it was.
template <class Change>
uint64_t update(std::byte* host, Change change) {
  uint64_t* word = reinterpret_cast<uint64_t*>(host);
  uint64_t old = __atomic_load_n(word, __ATOMIC_SEQ_CST);
  for (;;) {
    Mbarrier barrier = bit_cast<Mbarrier>(old);
    change(barrier);
    barrier.complete_if_done();
    if (__atomic_compare_exchange_n(word, &old, bit_cast<uint64_t>(barrier), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
      return old;
    }
  }
}

// cp.async.mbarrier.arrive: behind .mbarrier.
void decode_copies_arrive(Decoder& decoder);

}  // namespace talweg::exec
