// Who touched global memory during a launch: for each word of an allocation the last block that wrote it and the last two
// that read it. Two blocks that meet at a byte, one of them writing, race unless the first has released what it did and
// the second has acquired since, by atomics or volatile accesses of any sort. Warps touch most memory in whole rows of
// 16 words, which share one record until somebody touches words of theirs.
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
  uint64_t offset;  // in the allocation; bytes is a power of two up to 16 and divides it, or those of a row
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

// What an allocation remembers, of one launch at a time.
class BlockMeetings {
 public:
  static constexpr uint64_t kRow = 64;  // bytes

  explicit BlockMeetings(uint64_t bytes);
  ~BlockMeetings();
  BlockMeetings(const BlockMeetings&) = delete;
  BlockMeetings& operator=(const BlockMeetings&) = delete;

  void forget_all();

  // Notes the access, and finds whom it races with. `memory` is where the allocation lies.
  Meeting access(const BlockTimes& times, const GlobalAccess& access, const std::byte* memory);
  // The same of a row: access.offset is a multiple of kRow, access.bytes is kRow. False, and nothing noted, if its words
  // must be accessed one by one, for they differ or one of them may race.
  bool access_row(const BlockTimes& times, const GlobalAccess& access);

 private:
  using Stamp = uint64_t;  // instruction, time, bytes, block + 1, from the top
  struct Cell {
    Stamp writer, reader, other_reader;  // the readers are of different blocks
  };
  struct Row {
    Cell all;
    uint64_t state;  // above, the launch that all this is of; below, kHeld and kApart
  };
  class Held;  // a row that other CPU threads keep off

  static bool races(const BlockTimes& times, const GlobalAccess& access, Stamp earlier, uint32_t bytes);
  static Stamp stamp(const BlockTimes& times, const GlobalAccess& access, uint32_t bytes);
  static void note_reader(Cell& cell, Stamp own);
  void note_values(uint64_t offset, const std::byte* values, uint64_t bytes);

  uint64_t mapping_bytes_, cells_;
  Row* rows_;
  std::byte* values_;  // what the writers store, byte by byte
  Cell* table_;        // of the words of rows that have come apart
};

}  // namespace talweg::check
