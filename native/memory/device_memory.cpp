// Each block is a mapping of its own, with a red zone on either side that belongs to nobody: an index that runs over
// the end meets the zone, not the neighbour. A freed block gives its pages back at once but keeps its addresses for a
// while, so that a late access can be named instead of hitting whatever came to lie there.
#include "device_memory.hpp"

#include <sys/mman.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <mutex>

namespace talweg {
namespace {

constexpr uint64_t kPage = 4096;  // more than the 256 bytes that cuMemAlloc promises to align to
constexpr uint64_t kRedZone = kPage;
constexpr size_t kFreedBlocksKept = 1024;
constexpr int kPoison = 0xCD;

uint64_t round_up(uint64_t value, uint64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

std::string hex(uint64_t address) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%" PRIx64, address);
  return text;
}

std::string name(const Allocation& allocation) {
  return std::string(allocation.kind) + " #" + std::to_string(allocation.serial) + " of " +
         std::to_string(allocation.size) + " bytes";
}

}  // namespace

struct DeviceMemory::Block {
  Allocation allocation;
  void* mapping = nullptr;  // null for memory that the caller owns
  uint64_t mapping_bytes = 0;

  ~Block() {
    if (mapping != nullptr) munmap(mapping, mapping_bytes);
  }
};

DeviceMemory::DeviceMemory(uint64_t capacity) : capacity_(capacity) {}
DeviceMemory::~DeviceMemory() = default;

uint64_t DeviceMemory::allocate(uint64_t bytes, const char* kind) {
  std::unique_lock lock(mutex_);
  if (bytes > capacity_ - used_) return 0;
  const uint64_t base = map_block(bytes, kind, false);
  if (base != 0) used_ += bytes;
  return base;
}

uint64_t DeviceMemory::allocate_host(uint64_t bytes) {
  std::unique_lock lock(mutex_);
  return map_block(bytes, "pinned host memory", true);
}

uint64_t DeviceMemory::map_block(uint64_t bytes, const char* kind, bool host) {
  if (bytes > (uint64_t{1} << 46)) return 0;  // so that rounding up cannot wrap
  const uint64_t mapping_bytes = round_up(bytes, kPage) + 2 * kRedZone;
  void* mapping = mmap(nullptr, mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                       -1, 0);
  if (mapping == MAP_FAILED) return 0;
  auto block = std::make_unique<Block>();
  block->mapping = mapping;
  block->mapping_bytes = mapping_bytes;
  block->allocation.base = reinterpret_cast<uint64_t>(mapping) + kRedZone;
  block->allocation.size = bytes;
  block->allocation.kind = kind;
  block->allocation.host = host;
  const uint64_t base = block->allocation.base;
  std::memset(reinterpret_cast<void*>(base), kPoison, bytes);
  insert(std::move(block));
  return base;
}

bool DeviceMemory::register_host(uint64_t base, uint64_t bytes) {
  std::unique_lock lock(mutex_);
  const auto next = blocks_.lower_bound(base);
  if (next != blocks_.end() && next->first < base + bytes) return false;
  if (find_locked(base) != nullptr) return false;
  auto block = std::make_unique<Block>();
  block->allocation.base = base;
  block->allocation.size = bytes;
  block->allocation.kind = "registered host memory";
  block->allocation.host = true;
  insert(std::move(block));
  return true;
}

void DeviceMemory::insert(std::unique_ptr<Block> block) {
  block->allocation.serial = next_serial_++;
  const uint64_t base = block->allocation.base;
  blocks_[base] = std::move(block);
  ++live_;
}

bool DeviceMemory::release(uint64_t base) {
  std::unique_lock lock(mutex_);
  const auto found = blocks_.find(base);
  if (found == blocks_.end() || found->second->allocation.freed) return false;
  Block& block = *found->second;
  --live_;
  if (!block.allocation.host) used_ -= block.allocation.size;
  if (block.mapping == nullptr) {
    blocks_.erase(found);
    return true;
  }
  block.allocation.freed = true;
  madvise(block.mapping, block.mapping_bytes, MADV_DONTNEED);
  freed_.push_back(base);
  if (freed_.size() > kFreedBlocksKept) forget_oldest_freed();
  return true;
}

void DeviceMemory::forget_oldest_freed() {
  blocks_.erase(freed_.front());
  freed_.pop_front();
}

const Allocation* DeviceMemory::find(uint64_t address) const {
  std::shared_lock lock(mutex_);
  return find_locked(address);
}

const Allocation* DeviceMemory::find_locked(uint64_t address) const {
  auto after = blocks_.upper_bound(address);
  if (after == blocks_.begin()) return nullptr;
  const Allocation& allocation = std::prev(after)->second->allocation;
  return !allocation.freed && address - allocation.base < allocation.size ? &allocation : nullptr;
}

bool DeviceMemory::holds(uint64_t address, uint64_t bytes) const {
  std::shared_lock lock(mutex_);
  const Allocation* allocation = find_locked(address);
  return allocation != nullptr && bytes <= allocation->size - (address - allocation->base);
}

std::string DeviceMemory::describe(uint64_t address, uint64_t bytes) const {
  std::shared_lock lock(mutex_);
  const std::string access = std::to_string(bytes) + " bytes at " + hex(address);
  if (address < kPage) return access + ": a null pointer plus " + std::to_string(address) + " bytes";

  const auto after = blocks_.upper_bound(address);
  const Allocation* below = after == blocks_.begin() ? nullptr : &std::prev(after)->second->allocation;
  const Allocation* above = after == blocks_.end() ? nullptr : &after->second->allocation;
  if (below != nullptr && address - below->base < below->size) {
    const uint64_t offset = address - below->base;
    if (below->freed) return access + ": " + std::to_string(offset) + " bytes into " + name(*below) + ", which is freed";
    if (bytes > below->size - offset) {
      return access + ": runs " + std::to_string(offset + bytes - below->size) + " bytes over the end of " +
             name(*below);
    }
    return access + ": within " + name(*below);
  }
  const uint64_t past = below == nullptr ? UINT64_MAX : address - (below->base + below->size);
  const uint64_t short_of = above == nullptr ? UINT64_MAX : above->base - address;
  constexpr uint64_t kNear = uint64_t{1} << 30;
  if (past <= short_of && past < kNear) {
    return access + ": " + std::to_string(past) + " bytes past the end of " + name(*below) +
           (below->freed ? ", which is freed" : "");
  }
  if (short_of < kNear) {
    return access + ": " + std::to_string(short_of) + " bytes before the start of " + name(*above) +
           (above->freed ? ", which is freed" : "");
  }
  return access + ": near no allocation";
}

uint64_t DeviceMemory::used() const {
  std::shared_lock lock(mutex_);
  return used_;
}

size_t DeviceMemory::live_allocations() const {
  std::shared_lock lock(mutex_);
  return live_;
}

}  // namespace talweg
