// Whether a warp can still get anywhere. A warp whose registers and places in the code are what they were, while no
// memory changed and nothing came from outside, goes round in a circle for ever. Looked for only in launches that are
// suspected of it, with Brent's search for cycles: a state is kept, and replaced after 1, 2, 4, 8 ... comparisons.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace talweg::exec {

class Warp;

class Standstill {
 public:
  // After a slice of the warp. `changes` counts what happened to memory in the whole launch.
  bool circles(Warp& warp, uint64_t changes);

 private:
  void read(Warp& warp, std::vector<std::byte>& state) const;

  uint64_t changes_ = 0;
  uint64_t compared_ = 0, keep_for_ = 0;
  bool circles_ = false;
  std::vector<std::byte> kept_, now_;
};

}  // namespace talweg::exec
