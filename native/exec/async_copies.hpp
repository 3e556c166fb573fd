// Copies that cp.async has begun and nobody has waited for. Their bytes appear when they are waited for and not
// before, so that a missing wait shows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace talweg::check {
class BlockChecker;
}

namespace talweg::exec {

class AsyncCopies {
 public:
  void checked_by(check::BlockChecker* checker, uint32_t warp) {
    checker_ = checker;
    warp_ = warp;
  }
  // `bytes` from the source, then zeros up to `size`.
  void begin(int lane, std::byte* destination, const std::byte* source, uint32_t bytes, uint32_t size) {
    pending_.push_back({destination, source, bytes, size, lane, committed_[static_cast<size_t>(lane)]});
  }
  void commit(uint32_t lanes);
  // Completes all groups of these lanes but the `recent` youngest.
  void wait_group(uint32_t lanes, uint32_t recent);
  void wait_all(uint32_t lanes);
  void clear();

 private:
  struct Copy {
    std::byte* destination;
    const std::byte* source;
    uint32_t bytes, size;
    int lane;
    uint32_t group;
  };
  template <class Due>
  void complete(Due due);

  check::BlockChecker* checker_ = nullptr;
  uint32_t warp_ = 0;
  std::vector<Copy> pending_;
  std::array<uint32_t, 32> committed_{};  // groups so far, by lane
};

}  // namespace talweg::exec
