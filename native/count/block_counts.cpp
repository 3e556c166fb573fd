#include "block_counts.hpp"

#include <algorithm>

#include "../exec/block.hpp"

namespace talweg::count {

using exec::Access;
using exec::Instr;
using exec::kLanes;
using exec::Warp;

void BlockCounts::instruction(Warp& warp, const Instr& in) {
  const exec::Program& program = block_.launch().program;
  const size_t index = static_cast<size_t>(&in - program.code.data());
  const int kind = static_cast<int>(program.classes[index]);
  if (kind >= kClasses) return;
  const uint32_t active = exec::active_lanes(warp, in);
  numbers_[static_cast<size_t>(kIssued + kind)]++;
  numbers_[static_cast<size_t>(kActiveLanes + kind)] += static_cast<uint64_t>(__builtin_popcount(active));
  if (program.branches[index]) {
    numbers_[kBranches]++;
    if (active != 0 && active != warp.mask) numbers_[kDivergentBranches]++;
  }
}

void BlockCounts::access(const Instr& in, exec::Region region, uint32_t active, uint32_t bytes,
                         Access access, const exec::Located& located) {
  uint64_t in_global[kLanes], in_shared[kLanes];
  int globals = 0;
  uint32_t shareds = 0;  // lanes
  bool local = false;
  for (uint32_t left = active; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const std::byte* host = located.of(lane, bytes);
    const uint64_t shared_offset = static_cast<uint64_t>(host - block_.shared());
    if (region == exec::Region::kShared || (region == exec::Region::kOther && shared_offset < block_.shared_bytes())) {
      in_shared[lane] = shared_offset;
      shareds |= 1u << lane;
    } else if (region == exec::Region::kOther && block_.is_local(host)) {
      local = true;
    } else {
      in_global[globals++] = reinterpret_cast<uint64_t>(host);
    }
  }
  if (globals > 0) global(in, globals, in_global, bytes, access);
  if (shareds != 0) shared(shareds, in_shared, bytes);
  if (local) numbers_[kLocalRequests]++;
}

void BlockCounts::global(const Instr& in, int lanes, const uint64_t* addresses, uint32_t bytes, Access access) {
  uint64_t sorted[kLanes];
  std::copy(addresses, addresses + lanes, sorted);
  std::sort(sorted, sorted + lanes);
  // An access is aligned to its size, at most 16, and so lies in one sector.
  uint64_t sectors = 0, distinct = 0;
  for (int i = 0; i < lanes; i++) {
    if (i == 0 || sorted[i] != sorted[i - 1]) distinct++;
    if (i != 0 && sorted[i] / 32 == sorted[i - 1] / 32) continue;
    const exec::Remembered* memory = exec::remember(block_, in, sorted[i]);
    if (memory == nullptr) return;  // kernel parameters
    if (memory->sectors == nullptr) {
      const_cast<exec::Remembered*>(memory)->sectors = launch_.sectors(memory->base, memory->end - memory->base);
    }
    memory->sectors->touch(sorted[i], access != Access::kWrite, access != Access::kRead);
    sectors++;
  }
  const uint64_t ideal = (distinct * bytes + 31) / 32;
  switch (access) {
    case Access::kRead:
      numbers_[kLoadRequests]++;
      numbers_[kLoadSectors] += sectors;
      numbers_[kLoadIdealSectors] += ideal;
      break;
    case Access::kWrite:
      numbers_[kStoreRequests]++;
      numbers_[kStoreSectors] += sectors;
      numbers_[kStoreIdealSectors] += ideal;
      break;
    case Access::kAtomic:
      numbers_[kAtomicRequests]++;
      numbers_[kAtomicSectors] += sectors;
      break;
  }
}

// 32 banks of 4 bytes. Lanes that want the same word share it; 8-byte accesses go by half warps, 16-byte ones by
// quarters.
void BlockCounts::shared(uint32_t lanes, const uint64_t* addresses, uint32_t bytes) {
  const int group = bytes <= 4 ? kLanes : bytes == 8 ? kLanes / 2 : kLanes / 4;
  numbers_[kSharedRequests]++;
  for (int first = 0; first < kLanes; first += group) {
    uint64_t words[kLanes * 4];
    int count = 0;
    for (int i = first; i < first + group; i++) {
      if ((lanes >> i & 1) == 0) continue;
      for (uint32_t byte = 0; byte < std::max(bytes, 4u); byte += 4) words[count++] = (addresses[i] + byte) / 4;
    }
    if (count == 0) continue;
    std::sort(words, words + count);
    count = static_cast<int>(std::unique(words, words + count) - words);
    uint64_t in_bank[32] = {}, most = 0;
    for (int i = 0; i < count; i++) most = std::max(most, ++in_bank[words[i] % 32]);
    numbers_[kSharedWavefronts] += most;
    numbers_[kSharedIdealWavefronts]++;
  }
}

}  // namespace talweg::count
