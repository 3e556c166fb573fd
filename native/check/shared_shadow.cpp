#include "shared_shadow.hpp"

#include <algorithm>
#include <cstring>

namespace talweg::check {
namespace {

// Layout of a stamp.
constexpr int kTimeAt = 37, kWarpAt = 28, kLaneAt = 23;
constexpr int64_t kSeveral = int64_t{1} << 36;  // lanes of the warp, at the same time
constexpr int64_t kAtomic = int64_t{1} << 35, kPlain = int64_t{1} << 34, kPending = int64_t{1} << 33;
constexpr int64_t kLaneMask = int64_t{31} << kLaneAt;
constexpr uint32_t kInstructionMask = (1u << kLaneAt) - 1;

// Left by another block of the cluster, of whose order nothing is known here.
bool is_foreign(int64_t stamp) { return (stamp & (kPlain | kAtomic | kPending)) == 0; }

uint32_t time_of(int64_t stamp) { return static_cast<uint32_t>(stamp >> kTimeAt); }
uint32_t warp_of(int64_t stamp) { return static_cast<uint32_t>(stamp >> kWarpAt) & 31; }
uint32_t lane_of(int64_t stamp) { return static_cast<uint32_t>(stamp >> kLaneAt) & 31; }
int64_t from_time(uint32_t time) { return static_cast<int64_t>(time) << kTimeAt; }

}  // namespace

SharedShadow::SharedShadow(const std::byte* memory, uint32_t bytes, uint32_t warps, bool uninitialised, bool races)
    : memory_(memory), bytes_(bytes), warps_(warps), uninitialised_(uninitialised), races_(races), limits_(warps) {
  resize(shift_);
}

void SharedShadow::resize(int shift) {
  shift_ = shift;
  cells_ = (bytes_ >> shift) + 4;  // a last cell may be cut short
  writers_.assign(cells_, 0);
  latest_reads_.assign(cells_, 0);
  readers_.assign(static_cast<size_t>(cells_) * warps_, 0);
}

void SharedShadow::begin() {
  if (!times_.begin(warps_)) resize(shift_);
  for (uint32_t warp = 0; warp < warps_; warp++) synchronised(warp);
}

void SharedShadow::synchronised(uint32_t warp) {
  limits_[warp].written = uninitialised_ ? from_time(times_.start() + 1) : 0;
  limits_[warp].ordered = races_ ? from_time(times_.seen_of_all(warp) + 1) : from_time(SyncTimes::kMaxTime);
}

void SharedShadow::widen() {
  const std::vector<Stamp> writers = writers_, latest = latest_reads_, readers = readers_;
  const uint32_t cells = cells_;
  resize(0);
  for (uint32_t cell = 0; cell < cells_; cell++) {
    writers_[cell] = writers[cell / 4];
    latest_reads_[cell] = latest[cell / 4];
    for (uint32_t warp = 0; warp < warps_; warp++) {
      readers_[static_cast<size_t>(warp) * cells_ + cell] = readers[static_cast<size_t>(warp) * cells + cell / 4];
    }
  }
}

SharedShadow::Stamp SharedShadow::stamp(uint32_t warp, uint32_t lane, uint32_t instruction) const {
  return from_time(times_.now()) | kPlain | static_cast<Stamp>(warp) << kWarpAt | static_cast<Stamp>(lane) << kLaneAt |
         (instruction & kInstructionMask);
}

SharedFault SharedShadow::access(const SharedRequest& request, const StoredValues& values) {
  if (shift_ != 0 && request.bytes < 4) widen();
  const uint32_t cells = request.bytes >> shift_;
  switch (cells) {
    case 1: return access_cells<1>(request, values);
    case 2: return access_cells<2>(request, values);
    case 4: return access_cells<4>(request, values);
    case 8: return access_cells<8>(request, values);
    default: return access_cells<16>(request, values);
  }
}

// Whether one of `count` lanes' cells needs a closer look.
template <uint32_t kCells>
bool SharedShadow::suspicious(uint32_t cell, uint32_t count, bool reads, const Limits& limits) const {
  const Stamp *writers = writers_.data() + cell, *latest = latest_reads_.data() + cell;
  bool odd = false;
  if (reads) {
    for (uint32_t c = 0; c < count * kCells; c++) odd |= (writers[c] < limits.written) | (writers[c] >= limits.ordered);
  } else {
    for (uint32_t c = 0; c < count * kCells; c++) odd |= (writers[c] >= limits.ordered) | (latest[c] >= limits.ordered);
  }
  return odd;
}

// Cells of `count` lanes that are neighbours; `fresh` is the first one's stamp.
template <uint32_t kCells>
void SharedShadow::note_reads(uint32_t warp, uint32_t cell, uint32_t count, Stamp fresh) {
  Stamp *reader = readers(warp) + cell, *latest = latest_reads_.data() + cell;
  const Stamp now = from_time(times_.now());
  for (uint32_t c = 0; c < count * kCells; c++) {
    const Stamp own = fresh + (static_cast<Stamp>(c / kCells) << kLaneAt), old = reader[c];
    const Stamp several = ((old ^ own) & kLaneMask) != 0 ? kSeveral : 0;
    const Stamp together = ((old & kPlain) != 0 ? old : own | (old & kAtomic)) | (own & kSeveral) | several;
    reader[c] = old >= now ? together : own;
    latest[c] = now;
  }
}

template <uint32_t kCells>
void SharedShadow::note_strong(const SharedRequest& request, uint32_t cell, uint32_t count, Stamp fresh) {
  Stamp *reader = readers(request.warp) + cell, *latest = latest_reads_.data() + cell, *writers = writers_.data() + cell;
  const Stamp now = from_time(times_.now());
  for (uint32_t c = 0; c < count * kCells; c++) {
    const Stamp own = ((fresh + (static_cast<Stamp>(c / kCells) << kLaneAt)) & ~kPlain) | kAtomic;
    reader[c] = reader[c] >= now ? reader[c] | kAtomic | kSeveral : own;
    latest[c] = now;
    if (request.access.writes) writers[c] = own;
  }
}

// True if a cell was written by another lane of the same instruction.
template <uint32_t kCells>
bool SharedShadow::note_writes(uint32_t cell, uint32_t count, Stamp fresh) {
  Stamp* writers = writers_.data() + cell;
  bool met = false;
  for (uint32_t c = 0; c < count * kCells; c++) {
    const Stamp own = fresh + (static_cast<Stamp>(c / kCells) << kLaneAt), differs = writers[c] ^ own;
    met |= (differs & kLaneMask) != 0 && (differs & ~kLaneMask) == 0;
    writers[c] = own;
  }
  return met;
}

template <uint32_t kCells>
SharedFault SharedShadow::access_cells(const SharedRequest& request, const StoredValues& values) {
  const Limits& limits = limits_[request.warp];
  const bool only_reads = !request.access.writes && !request.access.strong;
  const uint32_t first_lane = static_cast<uint32_t>(__builtin_ctz(request.active));
  const Stamp fresh = stamp(request.warp, 0, request.instruction);

  // Lanes from `lane` on, `count` of them, neighbours in memory.
  const auto suspect = [&](uint32_t address, uint32_t count) {
    return request.access.strong || suspicious<kCells>(address >> shift_, count, only_reads, limits);
  };
  const auto look = [&](uint32_t lane, uint32_t address, uint32_t count) {
    SharedFault fault;
    for (uint32_t c = 0; c < count * kCells && fault.kind == SharedFault::Kind::kNone; c++) {
      fault = examine(request, lane + c / kCells, (address >> shift_) + c, values);
    }
    return fault;
  };
  const auto note = [&](uint32_t lane, uint32_t address, uint32_t count, Stamp flags) {
    const Stamp own = fresh | static_cast<Stamp>(lane) << kLaneAt | flags;
    if (request.access.strong) note_strong<kCells>(request, address >> shift_, count, own);
    else if (only_reads) note_reads<kCells>(request.warp, address >> shift_, count, own);
    else return note_writes<kCells>(address >> shift_, count, own);
    return false;
  };

  SharedFault fault;
  if (request.row) {
    if (suspect(request.address[0], 32)) fault = look(0, request.address[0], 32);
    if (fault.kind == SharedFault::Kind::kNone) note(0, request.address[0], 32, 0);
    return fault;
  }
  if (request.uniform) {
    const bool several = (request.active & (request.active - 1)) != 0;
    uint32_t left = suspect(request.address[0], 1) ? request.active : 0;
    for (; left != 0 && fault.kind == SharedFault::Kind::kNone; left &= left - 1) {
      fault = look(static_cast<uint32_t>(__builtin_ctz(left)), request.address[0], 1);
    }
    if (fault.kind != SharedFault::Kind::kNone) return fault;
    note(first_lane, request.address[0], 1, several ? kSeveral : 0);
    const bool stores = request.access.writes && !request.access.strong;
    return several && stores ? examine_duplicates(request, values) : fault;
  }
  // Neighbouring lanes often read the same address: those are looked at once.
  uint32_t clean = UINT32_MAX;
  for (uint32_t left = request.active; left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left)), address = request.address[lane];
    if (address == clean && only_reads) continue;
    if (suspect(address, 1)) fault = look(lane, address, 1);
    else clean = address;
    if (fault.kind != SharedFault::Kind::kNone) return fault;
  }
  bool met = false;
  uint32_t noted = UINT32_MAX, noted_twice = UINT32_MAX;
  for (uint32_t left = request.active; left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left)), address = request.address[lane];
    if (only_reads && address == noted_twice) continue;
    if (address == noted) noted_twice = address;
    noted = address;
    met |= note(lane, address, 1, 0);
  }
  return met ? examine_duplicates(request, values) : fault;
}

bool SharedShadow::ordered(Stamp earlier, uint32_t warp, uint32_t lane) const {
  const uint32_t other = warp_of(earlier);
  if (time_of(earlier) <= times_.seen(warp, other)) return true;
  return other == warp && lane_of(earlier) == lane && (earlier & kSeveral) == 0;
}

SharedFault SharedShadow::found(SharedFault::Kind kind, uint32_t lane, uint32_t cell, Stamp earlier) const {
  SharedFault fault;
  fault.kind = kind;
  fault.atomic = (earlier & kPlain) == 0;
  fault.lane = lane;
  fault.address = cell << shift_;
  fault.earlier_warp = warp_of(earlier);
  fault.earlier_lane = lane_of(earlier);
  fault.earlier_instruction = static_cast<uint32_t>(earlier) & kInstructionMask;
  return fault;
}

SharedFault SharedShadow::examine(const SharedRequest& request, uint32_t lane, uint32_t cell,
                                  const StoredValues& values) {
  const Stamp writer = writers_[cell];
  if ((writer & kPending) != 0 && writer >= from_time(SyncTimes::kMaxTime)) {
    return found(SharedFault::Kind::kPendingCopy, lane, cell, writer);
  }
  SharedFault fault;
  if (request.access.reads) fault = examine_read(request, lane, cell, writer);
  if (request.access.writes && fault.kind == SharedFault::Kind::kNone) {
    fault = examine_write(request, lane, cell, writer, values);
  }
  return fault;
}

SharedFault SharedShadow::examine_read(const SharedRequest& request, uint32_t lane, uint32_t cell,
                                       Stamp writer) const {
  if (time_of(writer) <= times_.start()) {
    return uninitialised_ ? found(SharedFault::Kind::kNeverWritten, lane, cell, writer) : SharedFault{};
  }
  if (is_foreign(writer)) return {};
  const bool both_strong = request.access.strong && (writer & kPlain) == 0;
  // Several lanes wrote the same value there; this one may be among them.
  const bool own_warp_together = warp_of(writer) == request.warp && (writer & kSeveral) != 0;
  if (!races_ || both_strong || own_warp_together || ordered(writer, request.warp, lane)) return {};
  return found(SharedFault::Kind::kAfterWrite, lane, cell, writer);
}

SharedFault SharedShadow::examine_write(const SharedRequest& request, uint32_t lane, uint32_t cell, Stamp writer,
                                        const StoredValues& values) const {
  if (!races_) return {};
  const bool strong = request.access.strong;
  if (time_of(writer) > times_.start() && !is_foreign(writer) && !(strong && (writer & kPlain) == 0) &&
      !ordered(writer, request.warp, lane)) {
    // Threads that all write the same value do no harm.
    const std::byte* value = values.of(lane);
    const uint32_t address = cell << shift_;
    const size_t bytes = size_t{1} << shift_;
    const bool same = value != nullptr && !strong &&
                      std::memcmp(value + (address - request.address[request.row || request.uniform ? 0 : lane]) %
                                              request.bytes, memory_ + address, bytes) == 0;
    if (!same) return found(SharedFault::Kind::kAfterWrite, lane, cell, writer);
  }
  if (latest_reads_[cell] < limits_[request.warp].ordered) return {};
  for (uint32_t warp = 0; warp < warps_; warp++) {
    const Stamp reader = readers(warp)[cell];
    if (time_of(reader) <= times_.start() || (strong && (reader & kPlain) == 0)) continue;
    if (!ordered(reader, request.warp, lane)) return found(SharedFault::Kind::kAfterRead, lane, cell, reader);
  }
  return {};
}

// Lanes of one store that write different values to the same place.
SharedFault SharedShadow::examine_duplicates(const SharedRequest& request, const StoredValues& values) const {
  if (!races_) return {};
  for (uint32_t left = request.active; left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    for (uint32_t others = left & (left - 1); others != 0; others &= others - 1) {
      const uint32_t other = static_cast<uint32_t>(__builtin_ctz(others));
      if (!request.uniform && request.address[lane] != request.address[other]) continue;
      const std::byte *mine = values.of(lane), *theirs = values.of(other);
      if (mine == nullptr || theirs == nullptr || std::memcmp(mine, theirs, request.bytes) == 0) continue;
      SharedFault fault = found(SharedFault::Kind::kSameInstruction, other,
                                request.address[request.uniform ? 0 : lane] >> shift_,
                                stamp(request.warp, lane, request.instruction));
      return fault;
    }
  }
  return {};
}

SharedFault SharedShadow::access_by_others(uint32_t address, uint32_t bytes, SharedAccess access, uint32_t known) {
  if (shift_ != 0 && bytes < 4) widen();
  for (uint32_t cell = address >> shift_; cell < (address + bytes) >> shift_; cell++) {
    const Stamp writer = writers_[cell];
    if ((writer & kPending) != 0 && writer >= from_time(SyncTimes::kMaxTime)) {
      return found(SharedFault::Kind::kPendingCopy, 0, cell, writer);
    }
    if (time_of(writer) <= times_.start()) {
      if (access.reads && uninitialised_) return found(SharedFault::Kind::kNeverWritten, 0, cell, writer);
    } else if (races_ && !is_foreign(writer) && !(access.strong && (writer & kPlain) == 0) && time_of(writer) > known) {
      return found(SharedFault::Kind::kAfterWrite, 0, cell, writer);
    }
    for (uint32_t warp = 0; races_ && access.writes && warp < warps_; warp++) {
      const Stamp reader = readers(warp)[cell];
      if (time_of(reader) <= times_.start() || (access.strong && (reader & kPlain) == 0)) continue;
      if (time_of(reader) > known) return found(SharedFault::Kind::kAfterRead, 0, cell, reader);
    }
  }
  return {};
}

void SharedShadow::written_by_others(uint32_t address, uint32_t bytes) {
  if (shift_ != 0 && bytes < 4) widen();
  std::fill_n(writers_.begin() + (address >> shift_), bytes >> shift_, from_time(times_.now()));
}

void SharedShadow::copy_begins(uint32_t warp, uint32_t lane, uint32_t instruction, uint32_t address, uint32_t bytes) {
  if (!races_) return;
  const Stamp pending = (stamp(warp, lane, instruction) & (from_time(1) - 1)) | kPending |
                        from_time(SyncTimes::kMaxTime + 1);
  std::fill_n(writers_.begin() + (address >> shift_), bytes >> shift_, pending);
}

void SharedShadow::copy_arrives(uint32_t warp, uint32_t lane, uint32_t address, uint32_t bytes) {
  for (uint32_t cell = address >> shift_; cell < (address + bytes) >> shift_; cell++) {
    writers_[cell] = stamp(warp, lane, static_cast<uint32_t>(writers_[cell]) & kInstructionMask);
  }
}

}  // namespace talweg::check
