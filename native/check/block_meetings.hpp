// Who touched global memory during a launch: for each word of an allocation the last block that wrote it and the last two
// that read it. Two blocks that meet at a byte, one of them writing, race unless the first has released what it did and
// the second has acquired since, by atomics or volatile accesses of any sort.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>


namespace talweg::check {

// Time of a launch, which grows when blocks hand over what they did.
class BlockTimes {
 public:
  static constexpr uint64_t kMaxBlocks = 1u << 20;

  explicit BlockTimes(uint64_t blocks);  // not more than kMaxBlocks

  uint32_t launch() const { return launch_; }  // its number, never 0
  uint32_t now() const { return now_.load(std::memory_order_relaxed); }
  void release(uint32_t block);
  uint32_t released(uint32_t block) const { return released_[block].load(std::memory_order_relaxed); }

 private:
  const uint32_t launch_;
  std::atomic<uint32_t> now_{1};
  std::vector<std::atomic<uint32_t>> released_;  // by block: when it last did
};

// One access of a warp's lane, as the block that makes it sees it.
struct GlobalAccess {
  uint64_t offset;  // in the allocation; bytes is a power of two up to 16 and divides it
  uint32_t bytes;
  bool writes;
  uint32_t block, instruction;
  uint32_t acquired;       // when the block last acquired
  const std::byte* value;  // of a write, or null
};

struct Meeting {
  bool found = false, earlier_wrote = false;
  uint32_t block = 0, instruction = 0;  // of the earlier access
};

// What an allocation remembers, of one launch at a time. CPU threads that collide lose a stamp, and never invent one.
class BlockMeetings {
 public:
  explicit BlockMeetings(uint64_t bytes);
  ~BlockMeetings();
  BlockMeetings(const BlockMeetings&) = delete;
  BlockMeetings& operator=(const BlockMeetings&) = delete;

  void forget_all();

  // Notes the access, and finds whom it races with. `memory` is where the allocation lies.
  Meeting access(const BlockTimes& times, const GlobalAccess& access, const std::byte* memory);

 private:
  using Stamp = uint64_t;  // instruction, time, bytes, block + 1, from the top
  struct Cell {
    Stamp writer, reader, other_reader;  // the readers are of different blocks
    uint64_t value;                      // above, the launch that all this is of; below, what the writer stores
  };

  static bool races(const BlockTimes& times, const GlobalAccess& access, Stamp earlier, uint32_t bytes);

  uint64_t mapping_bytes_, cells_;
  Cell* table_;
};

}  // namespace talweg::check
