// What a block's shared memory remembers of who touched it: for each cell of 4 bytes (of 1, once a narrower access is
// seen) the last writer, and the last reader of each warp. Every access leaves a stamp; whether it is ordered before a
// later one, SyncTimes knows. The common cases, that all cells were last touched before the last barrier, are a few
// vector compares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sync_times.hpp"

namespace talweg::check {

struct SharedAccess {
  bool reads, writes;
  bool strong;  // atomic, volatile, relaxed, acquire or release: no race with another such access
};

// What the lanes of a store are about to write.
class StoredValues {
 public:
  virtual const std::byte* of(uint32_t lane) const = 0;  // null if unknown

 protected:
  ~StoredValues() = default;
};

// What one instruction of a warp does. Addresses are multiples of `bytes`, which is a power of two up to 16.
struct SharedRequest {
  SharedAccess access;
  uint32_t warp, instruction;  // index into Program::code
  uint32_t active, bytes;
  bool row;      // all lanes, one behind the other from address[0]
  bool uniform;  // all active lanes at address[0]
  uint32_t address[32];
};

struct SharedFault {
  enum class Kind : uint8_t { kNone, kNeverWritten, kPendingCopy, kAfterWrite, kAfterRead, kSameInstruction };
  Kind kind = Kind::kNone;
  bool atomic = false;  // the earlier access
  uint32_t lane = 0, address = 0;
  uint32_t earlier_warp = 0, earlier_lane = 0, earlier_instruction = 0;
};

class SharedShadow {
 public:
  // Of `memory`; what is not asked for is not reported.
  SharedShadow(const std::byte* memory, uint32_t bytes, uint32_t warps, bool uninitialised, bool races);

  void begin();                       // of a block
  void synchronised(uint32_t warp);   // after `times` changed what the warp has seen
  SyncTimes& times() { return times_; }

  // Checks and then notes the access.
  SharedFault access(const SharedRequest& request, const StoredValues& values);

  // Asynchronous copies: the bytes belong to nobody until the lane that began the copy has waited for it.
  void copy_begins(uint32_t warp, uint32_t lane, uint32_t instruction, uint32_t address, uint32_t bytes);
  void copy_arrives(uint32_t warp, uint32_t lane, uint32_t address, uint32_t bytes);

  // An access by another block of the cluster, which knows this one's work up to `known`: what it races with here.
  SharedFault access_by_others(uint32_t address, uint32_t bytes, SharedAccess access, uint32_t known);
  // By another block of the cluster: the bytes are written, and who wrote them is not known here.
  void written_by_others(uint32_t address, uint32_t bytes);

 private:
  using Stamp = int64_t;  // time, flags, warp, lane, instruction, from the top

  struct Limits {
    Stamp written = 0;  // writers from here on are of this block
    Stamp ordered = 0;  // stamps below are ordered before whatever the warp does
  };

  void resize(int shift);
  void widen();  // cells of one byte from now on
  Stamp stamp(uint32_t warp, uint32_t lane, uint32_t instruction) const;

  template <uint32_t kCells>
  SharedFault access_cells(const SharedRequest& request, const StoredValues& values);
  template <uint32_t kCells>
  bool suspicious(uint32_t cell, uint32_t count, bool reads, const Limits& limits) const;
  template <uint32_t kCells>
  void note_reads(uint32_t warp, uint32_t cell, uint32_t count, Stamp fresh);
  template <uint32_t kCells>
  bool note_writes(uint32_t cell, uint32_t count, Stamp fresh);
  template <uint32_t kCells>
  void note_strong(const SharedRequest& request, uint32_t cell, uint32_t count, Stamp fresh);

  SharedFault examine(const SharedRequest& request, uint32_t lane, uint32_t cell, const StoredValues& values);
  SharedFault examine_read(const SharedRequest& request, uint32_t lane, uint32_t cell, Stamp writer) const;
  SharedFault examine_write(const SharedRequest& request, uint32_t lane, uint32_t cell, Stamp writer,
                            const StoredValues& values) const;
  SharedFault examine_duplicates(const SharedRequest& request, const StoredValues& values) const;
  bool ordered(Stamp earlier, uint32_t warp, uint32_t lane) const;
  SharedFault found(SharedFault::Kind kind, uint32_t lane, uint32_t cell, Stamp earlier) const;
  Stamp* readers(uint32_t warp) { return readers_.data() + static_cast<size_t>(warp) * cells_; }
  const Stamp* readers(uint32_t warp) const { return readers_.data() + static_cast<size_t>(warp) * cells_; }

  const std::byte* memory_;
  uint32_t bytes_, warps_;
  bool uninitialised_, races_;
  int shift_ = 2;  // a cell has 1 << shift_ bytes
  uint32_t cells_ = 0;
  SyncTimes times_;
  std::vector<Limits> limits_;        // by warp
  std::vector<Stamp> writers_;        // by cell; times go on from block to block, so old ones need no clearing
  std::vector<Stamp> latest_reads_;   // by cell, of any warp
  std::vector<Stamp> readers_;        // by warp and cell
};

}  // namespace talweg::check
