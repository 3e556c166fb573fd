#include "block_meetings.hpp"

#include <immintrin.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <thread>

#include "../exec/plain_memory.hpp"

namespace talweg::check {
namespace {

constexpr uint64_t kCell = 4;  // bytes of memory
constexpr uint64_t kRowCells = BlockMeetings::kRow / kCell;
// In a row's state: a CPU thread is at it; each of its words has a cell of its own.
constexpr uint64_t kHeld = 1, kApart = 2;
// Layout of a stamp.
constexpr int kInstructionAt = 44, kTimeAt = 24, kBytesAt = 20;
constexpr uint64_t kBlockMask = (1u << kBytesAt) - 1, kField = (1u << 20) - 1;

uint32_t block_of(uint64_t stamp) { return static_cast<uint32_t>(stamp & kBlockMask) - 1; }
uint32_t bytes_of(uint64_t stamp) { return static_cast<uint32_t>(stamp >> kBytesAt) & 15; }
uint32_t time_of(uint64_t stamp) { return static_cast<uint32_t>(stamp >> kTimeAt & kField); }

// Of memory that other CPU threads may be writing.
bool holds(const std::byte* memory, const std::byte* value, uint64_t bytes) {
  bool same = true;
  for (uint64_t i = 0; i < bytes; i++) same = same && exec::PlainMemory<false>::load<std::byte>(memory + i) == value[i];
  return same;
}

uint32_t next_launch() {
  static std::atomic<uint32_t> launches{0};
  const uint32_t number = launches.fetch_add(1, std::memory_order_relaxed) + 1;
  return number == 0 ? next_launch() : number;
}

}  // namespace

BlockTimes::BlockTimes(uint64_t blocks) : launch_(next_launch()), released_(blocks) {}

// When time is used up everything counts as handed over.
void BlockTimes::release(uint32_t block) {
  const uint32_t time = now() < kField ? now_.fetch_add(1, std::memory_order_relaxed) + 1 : static_cast<uint32_t>(kField);
  released_[block].store(std::min(time, static_cast<uint32_t>(kField)), std::memory_order_relaxed);
}

BlockMeetings::BlockMeetings(uint64_t bytes) : cells_((bytes + kRow - 1) / kRow * kRowCells) {
  const uint64_t rows = cells_ / kRowCells;
  mapping_bytes_ = rows * (sizeof(Row) + kRow) + (cells_ + 1) * sizeof(Cell);
  void* mapping = mmap(nullptr, mapping_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                       -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  rows_ = static_cast<Row*>(mapping);
  values_ = reinterpret_cast<std::byte*>(rows_ + rows);
  table_ = reinterpret_cast<Cell*>(values_ + rows * kRow);
}

BlockMeetings::~BlockMeetings() { munmap(rows_, mapping_bytes_); }

void BlockMeetings::forget_all() { madvise(rows_, mapping_bytes_, MADV_DONTNEED); }

bool BlockMeetings::races(const BlockTimes& times, const GlobalAccess& access, Stamp earlier, uint32_t bytes) {
  if (earlier == 0 || block_of(earlier) == access.block || (bytes_of(earlier) & bytes) == 0) return false;
  const uint32_t time = time_of(earlier);
  // The earlier block must have released after its access, and this one acquired after that.
  return times.now() < kField && (times.released(block_of(earlier)) <= time || access.acquired <= time);
}

BlockMeetings::Stamp BlockMeetings::stamp(const BlockTimes& times, const GlobalAccess& access, uint32_t bytes) {
  return (access.instruction & kField) << kInstructionAt | uint64_t{std::min<uint32_t>(times.now(), kField)} << kTimeAt |
         uint64_t{bytes} << kBytesAt | (access.block + 1);
}

void BlockMeetings::note_reader(Cell& cell, Stamp own) {
  if (cell.reader != 0 && block_of(cell.reader) != block_of(own)) cell.other_reader = cell.reader;
  cell.reader = own;
}

// What nobody knows is as good as zeros.
void BlockMeetings::note_values(uint64_t offset, const std::byte* values, uint64_t bytes) {
  if (values == nullptr) std::memset(values_ + offset, 0, bytes);
  else std::memcpy(values_ + offset, values, bytes);
}

class BlockMeetings::Held {
 public:
  Held(BlockMeetings& all, uint64_t index, const BlockTimes& times) : row_(all.rows_[index]), cells_(all.table_ + index * kRowCells) {
    uint64_t found = __atomic_load_n(&row_.state, __ATOMIC_RELAXED) & ~kHeld;
    for (int tries = 1; !__atomic_compare_exchange_n(&row_.state, &found, found | kHeld, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED); tries++) {
      found &= ~kHeld;
      if (tries % 64 == 0) std::this_thread::yield();
      else _mm_pause();
    }
    const uint64_t launch = uint64_t{times.launch()} << 32;
    state_ = found;
    if ((found ^ launch) >> 32 == 0) return;
    row_.all = {};  // an earlier launch's
    state_ = launch;
  }
  ~Held() { __atomic_store_n(&row_.state, state_, __ATOMIC_RELEASE); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  bool apart() const { return (state_ & kApart) != 0; }
  Cell& all() { return row_.all; }
  Cell& cell(uint64_t index) {
    if (!apart()) std::fill_n(cells_, kRowCells, row_.all);
    state_ |= kApart;
    return cells_[index];
  }

 private:
  Row& row_;
  Cell* cells_;
  uint64_t state_;
};

bool BlockMeetings::access_row(const BlockTimes& times, const GlobalAccess& access) {
  constexpr uint32_t kAll = 15;
  Held row(*this, access.offset / kRow, times);
  if (row.apart()) return false;
  Cell& all = row.all();
  if (races(times, access, all.writer, kAll)) return false;
  const Stamp own = stamp(times, access, kAll);
  if (!access.writes) {
    note_reader(all, own);
    return true;
  }
  if (races(times, access, all.reader, kAll) || races(times, access, all.other_reader, kAll)) return false;
  note_values(access.offset, access.value, kRow);
  all.writer = own;
  return true;
}

Meeting BlockMeetings::access(const BlockTimes& times, const GlobalAccess& access, const std::byte* memory) {
  Meeting meeting;
  Held row(*this, access.offset / kRow, times);
  const uint64_t last = (access.offset + access.bytes - 1) / kCell;
  for (uint64_t c = access.offset / kCell; c <= last; c++) {
    Cell& cell = row.cell(c % kRowCells);
    const uint32_t bytes = access.bytes >= kCell ? 15 : ((1u << access.bytes) - 1) << access.offset % kCell;
    const Stamp own = stamp(times, access, bytes);
    const auto meets = [&](Stamp earlier, bool wrote) {
      if (meeting.found || !races(times, access, earlier, bytes)) return;
      meeting = {true, wrote, block_of(earlier), static_cast<uint32_t>(earlier >> kInstructionAt)};
    };
    // The block's earlier bytes of the same word, unless they have been released meanwhile.
    const auto with = [&](Stamp earlier) {
      const bool joins = earlier != 0 && block_of(earlier) == access.block && times.released(access.block) <= time_of(earlier);
      return joins ? own | (earlier & uint64_t{15} << kBytesAt) : own;
    };
    if (access.writes) {
      const uint64_t at = std::max(c * kCell, access.offset), count = std::min<uint64_t>(kCell, access.bytes);
      const std::byte* value = access.value == nullptr ? nullptr : access.value + (at - access.offset);
      const bool suspicious = races(times, access, cell.writer, bytes) || races(times, access, cell.reader, bytes) ||
                              races(times, access, cell.other_reader, bytes);
      // Blocks that write what is there already do no harm, nor those that write what another is about to write.
      if (suspicious && !(value != nullptr && holds(memory + at, value, count))) {
        if (value == nullptr || std::memcmp(values_ + at, value, count) != 0) meets(cell.writer, true);
        meets(cell.reader, false);
        meets(cell.other_reader, false);
      }
      note_values(at, value, count);
      cell.writer = with(cell.writer);
    } else {
      meets(cell.writer, true);
      note_reader(cell, with(cell.reader));
    }
  }
  return meeting;
}

}  // namespace talweg::check
