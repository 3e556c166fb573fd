// Bulk copies and asynchronous stores on their way. Their bytes appear when somebody looks at the mbarrier that counts
// them, or when the thread waits for their group, and not before, so that a missing wait shows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "reduction.hpp"

namespace talweg::exec {

class Block;
class Warp;

struct BulkCopy {
  Warp* warp = nullptr;  // the thread that began it
  int lane = 0;
  const Instr* instr = nullptr;
  std::byte* destination = nullptr;
  Block* owner = nullptr;             // of a destination in shared memory
  const std::byte* source = nullptr;  // null once its bytes are held
  Block* source_owner = nullptr;      // of a source in shared memory
  std::vector<std::byte> held;
  uint32_t bytes = 0;
  Reducer reduce = nullptr;  // of elements; null: it stores
  uint32_t element = 0;
  std::byte* mbarrier = nullptr;  // that counts it; null: it belongs to a group of the thread
  uint32_t group = 0;
};

class BulkCopies {
 public:
  void begin(BulkCopy copy);
  void commit(const Warp& warp, uint32_t lanes);
  // Completes all groups of these lanes but the `recent` youngest, or only reads what they copy.
  void wait_group(const Warp& warp, uint32_t lanes, uint32_t recent, bool only_reads);
  // Completes what the object counts. False if there was nothing.
  bool land_at(const std::byte* mbarrier);
  // Of threads that have ended and of copies into blocks that have; what should have been waited for is reported.
  void threads_ended();
  // One that still reads from these bytes of shared memory, or null.
  const BulkCopy* reading(const std::byte* memory, size_t bytes) const;
  bool empty() const { return pending_.empty(); }
  void clear();

 private:
  template <class Due>
  bool complete(Due due);
  uint32_t& committed(const Warp& warp, int lane) { return committed_[&warp][static_cast<size_t>(lane)]; }

  std::vector<BulkCopy> pending_;
  std::map<const Warp*, std::array<uint32_t, 32>> committed_;  // groups so far
};

}  // namespace talweg::exec
