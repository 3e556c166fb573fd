// Which bytes of an allocation have been written: one bit for each. Threads of a launch mark and ask at the same time.
#pragma once

#include <cstdint>

namespace talweg::check {

class WrittenBytes {
 public:
  explicit WrittenBytes(uint64_t bytes);
  ~WrittenBytes();
  WrittenBytes(const WrittenBytes&) = delete;
  WrittenBytes& operator=(const WrittenBytes&) = delete;

  void forget_all();  // and give the pages back

  // What a lane accesses: `bytes` is a power of two up to 64, and `offset` a multiple of it.
  void mark_element(uint64_t offset, uint32_t bytes) { set(offset / 64, mask(bytes) << offset % 64); }
  bool element_written(uint64_t offset, uint32_t bytes) const {
    const uint64_t bits = mask(bytes) << offset % 64;
    return (word(offset / 64) & bits) == bits;
  }

  void mark(uint64_t offset, uint64_t bytes);
  bool written(uint64_t offset, uint64_t bytes) const;
  // What a copy between allocations does; `from` null counts as written.
  void copy(uint64_t offset, const WrittenBytes* from, uint64_t from_offset, uint64_t bytes);

 private:
  static uint64_t mask(uint64_t bits) { return bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1; }
  uint64_t word(uint64_t index) const { return __atomic_load_n(&words_[index], __ATOMIC_RELAXED); }
  void set(uint64_t index, uint64_t bits) {
    if ((word(index) & bits) != bits) __atomic_fetch_or(&words_[index], bits, __ATOMIC_RELAXED);
  }
  uint64_t get(uint64_t offset, uint64_t count) const;  // up to 64 bits

  uint64_t mapping_bytes_;
  uint64_t* words_;
};

}  // namespace talweg::check
