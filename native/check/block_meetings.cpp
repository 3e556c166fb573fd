#include "block_meetings.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "../exec/plain_memory.hpp"

namespace talweg::check {
namespace {

constexpr uint64_t kCell = 4;  // bytes of memory
// Layout of a stamp.
constexpr int kInstructionAt = 44, kTimeAt = 24, kBytesAt = 20;
constexpr uint64_t kBlockMask = (1u << kBytesAt) - 1, kField = (1u << 20) - 1;

uint32_t block_of(uint64_t stamp) { return static_cast<uint32_t>(stamp & kBlockMask) - 1; }
uint32_t bytes_of(uint64_t stamp) { return static_cast<uint32_t>(stamp >> kBytesAt) & 15; }
uint32_t time_of(uint64_t stamp) { return static_cast<uint32_t>(stamp >> kTimeAt & kField); }

template <class T>
T get(const T& word) { return __atomic_load_n(&word, __ATOMIC_RELAXED); }
template <class T>
void put(T& word, T value) { __atomic_store_n(&word, value, __ATOMIC_RELAXED); }

uint64_t read(const std::byte* memory, uint64_t bytes) {
  uint64_t value = 0;
  for (uint64_t i = 0; i < bytes; i++) {
    value |= uint64_t{exec::PlainMemory<false>::load<uint8_t>(memory + i)} << (8 * i);
  }
  return value;
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

BlockMeetings::BlockMeetings(uint64_t bytes) : cells_((bytes + kCell - 1) / kCell) {
  mapping_bytes_ = (cells_ + 1) * sizeof(Cell);
  void* mapping = mmap(nullptr, mapping_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                       -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  table_ = static_cast<Cell*>(mapping);
}

BlockMeetings::~BlockMeetings() { munmap(table_, mapping_bytes_); }

void BlockMeetings::forget_all() { madvise(table_, mapping_bytes_, MADV_DONTNEED); }

bool BlockMeetings::races(const BlockTimes& times, const GlobalAccess& access, Stamp earlier, uint32_t bytes) {
  if (earlier == 0 || block_of(earlier) == access.block || (bytes_of(earlier) & bytes) == 0) return false;
  const uint32_t time = time_of(earlier);
  // The earlier block must have released after its access, and this one acquired after that.
  return times.now() < kField && (times.released(block_of(earlier)) <= time || access.acquired <= time);
}

Meeting BlockMeetings::access(const BlockTimes& times, const GlobalAccess& access, const std::byte* memory) {
  const uint64_t last = (access.offset + access.bytes - 1) / kCell;
  Meeting meeting;
  for (uint64_t c = access.offset / kCell; c <= last && c < cells_; c++) {
    Cell& cell = table_[c];
    const uint64_t launch = uint64_t{times.launch()} << 32;
    if ((__atomic_load_n(&cell.value, __ATOMIC_ACQUIRE) ^ launch) >> 32 != 0) {  // of an earlier one
      put(cell.writer, Stamp{0});
      put(cell.reader, Stamp{0});
      put(cell.other_reader, Stamp{0});
      __atomic_store_n(&cell.value, launch, __ATOMIC_RELEASE);
    }
    const uint32_t bytes = access.bytes >= kCell ? 15 : ((1u << access.bytes) - 1) << access.offset % kCell;
    const Stamp own = (access.instruction & kField) << kInstructionAt | uint64_t{std::min<uint32_t>(times.now(), kField)} << kTimeAt |
                      uint64_t{bytes} << kBytesAt | (access.block + 1);
    const auto meets = [&](Stamp earlier, bool wrote) {
      if (meeting.found || !races(times, access, earlier, bytes)) return;
      meeting = {true, wrote, block_of(earlier), static_cast<uint32_t>(earlier >> kInstructionAt)};
    };
    // The block's earlier bytes of the same word, unless they have been released meanwhile.
    const auto with = [&](Stamp earlier, Stamp later) {
      const bool joins = earlier != 0 && block_of(earlier) == access.block && times.released(access.block) <= time_of(earlier);
      return joins ? later | (earlier & uint64_t{15} << kBytesAt) : later;
    };
    const Stamp writer = get(cell.writer), reader = get(cell.reader);
    if (access.writes) {
      const uint64_t at = std::max(c * kCell, access.offset), count = std::min<uint64_t>(kCell, access.bytes);
      uint64_t value = 0;
      if (access.value != nullptr) std::memcpy(&value, access.value + (at - access.offset), count);
      const Stamp other_reader = get(cell.other_reader);
      const bool suspicious = races(times, access, writer, bytes) || races(times, access, reader, bytes) ||
                              races(times, access, other_reader, bytes);
      // Blocks that write what is there already do no harm, nor those that write what another is about to write.
      if (suspicious && !(access.value != nullptr && value == read(memory + at, count))) {
        if (access.value == nullptr || get(cell.value) != (launch | value)) meets(writer, true);
        meets(reader, false);
        meets(other_reader, false);
      }
      put(cell.value, launch | value);
      put(cell.writer, with(writer, own));
    } else {
      meets(writer, true);
      if (reader != 0 && block_of(reader) != access.block) put(cell.other_reader, reader);
      put(cell.reader, with(reader, own));
    }
  }
  return meeting;
}

}  // namespace talweg::check
