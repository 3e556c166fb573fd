// Each block is a mapping of its own, with a red zone on either side that belongs to nobody: an index that runs over
// the end meets the zone, not the neighbour. A freed block gives its pages back at once but keeps its addresses for a
// while, so that a late access can be named instead of hitting whatever came to lie there.
#include "device_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <utility>

#include "../check/switches.hpp"

namespace talweg {
namespace {

constexpr uint64_t kPage = 4096;  // more than the 256 bytes that cuMemAlloc promises to align to
constexpr uint64_t kRedZone = kPage;
constexpr size_t kFreedBlocksKept = 1024;
constexpr int kPoison = 0xCD;
constexpr char kModuleGlobal[] = "module global";

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
  std::unique_ptr<check::WrittenBytes> written;
  std::unique_ptr<check::BlockMeetings> meetings;
  void* mapping = nullptr;  // null for memory that the caller owns
  bool reserved = false;    // of a graph: comes and goes
  bool fresh = false;       // the graph has not run yet
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
  const uint64_t base = map_block(bytes, kind, false, 0);
  if (base != 0) used_ += bytes;
  return base;
}

uint64_t DeviceMemory::allocate_host(uint64_t bytes, unsigned flags) {
  std::unique_lock lock(mutex_);
  const uint64_t base = map_block(bytes, "pinned host memory", true, flags);
  if (base != 0) used_host_ += bytes;
  return base;
}

uint64_t DeviceMemory::map_block(uint64_t bytes, const char* kind, bool host, unsigned flags) {
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
  block->allocation.flags = flags;
  // The host writes page-locked and managed memory as it likes, and CUDA fills module variables.
  if (!host && std::strcmp(kind, kModuleGlobal) != 0 && std::strcmp(kind, "managed memory") != 0 && check::on(check::kUninitialised)) {
    block->written = std::make_unique<check::WrittenBytes>(bytes);
    block->allocation.written = block->written.get();
  }
  if (check::on(check::kGlobalRaces)) {
    block->meetings = std::make_unique<check::BlockMeetings>(bytes);
    block->allocation.meetings = block->meetings.get();
  }
  const uint64_t base = block->allocation.base;
  std::memset(reinterpret_cast<void*>(base), kPoison, bytes);
  insert(std::move(block));
  return base;
}

bool DeviceMemory::register_host(uint64_t base, uint64_t bytes, unsigned flags) {
  std::unique_lock lock(mutex_);
  if (base + bytes < base) return false;
  const auto next = blocks_.lower_bound(base);
  if (next != blocks_.end() && next->first < base + bytes) return false;
  if (find_locked(base) != nullptr) return false;
  auto block = std::make_unique<Block>();
  block->allocation.base = base;
  block->allocation.size = bytes;
  block->allocation.kind = "registered host memory";
  block->allocation.host = true;
  block->allocation.flags = flags;
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
  if (block.mapping == nullptr) {
    block.allocation.freed = true;
    if (pins_ > 0) retired_.push_back(std::move(found->second));
    blocks_.erase(found);
    return true;
  }
  (block.allocation.host ? used_host_ : used_) -= block.allocation.size;
  block.allocation.freed = true;
  madvise(block.mapping, block.mapping_bytes, MADV_DONTNEED);
  if (block.written != nullptr) block.written->forget_all();
  if (block.meetings != nullptr) block.meetings->forget_all();
  if (block.reserved) return true;
  freed_.push_back(base);
  while (pins_ == 0 && freed_.size() > kFreedBlocksKept) forget_oldest_freed();
  return true;
}

uint64_t DeviceMemory::reserve(uint64_t bytes, const char* kind) {
  const uint64_t base = allocate(bytes, kind);
  if (base == 0) return 0;
  std::unique_lock lock(mutex_);
  blocks_[base]->reserved = blocks_[base]->fresh = true;
  return base;
}

bool DeviceMemory::revive(uint64_t base) {
  std::unique_lock lock(mutex_);
  const auto found = blocks_.find(base);
  if (found == blocks_.end() || !found->second->reserved) return false;
  Allocation& allocation = found->second->allocation;
  if (std::exchange(found->second->fresh, false) && !allocation.freed) return true;
  if (!allocation.freed || allocation.size > capacity_ - used_) return false;
  std::memset(reinterpret_cast<void*>(base), kPoison, allocation.size);
  allocation.freed = false;
  used_ += allocation.size;
  ++live_;
  return true;
}

void DeviceMemory::forget(uint64_t base) {
  std::unique_lock lock(mutex_);
  const auto found = blocks_.find(base);
  if (found == blocks_.end() || !found->second->reserved) return;
  Block& block = *found->second;
  if (!block.allocation.freed) {
    used_ -= block.allocation.size;
    --live_;
  }
  block.allocation.freed = true;
  if (pins_ > 0) retired_.push_back(std::move(found->second));
  blocks_.erase(found);
}

void DeviceMemory::release_all() {
  std::unique_lock lock(mutex_);
  for (auto& [base, block] : blocks_) {
    block->allocation.freed = true;
    if (pins_ > 0) retired_.push_back(std::move(block));
  }
  blocks_.clear();
  textures_.clear();
  freed_.clear();
  live_ = 0;
  used_ = used_host_ = 0;
}

void DeviceMemory::forget_oldest_freed() {
  blocks_.erase(freed_.front());
  freed_.pop_front();
}

const Allocation* DeviceMemory::find(uint64_t address) const {
  const Allocation* own = find_own(address);
  if (own != nullptr) return own;
  for (const Link& link : links()) {
    const Allocation* allocation = link.memory->find_own(address);
    if (allocation != nullptr) return allocation->host || link.open ? allocation : nullptr;
  }
  return nullptr;
}

const Allocation* DeviceMemory::find_own(uint64_t address) const {
  std::shared_lock lock(mutex_);
  return find_locked(address);
}

std::vector<DeviceMemory::Link> DeviceMemory::links() const {
  std::shared_lock lock(mutex_);
  return links_;
}

void DeviceMemory::link(const std::shared_ptr<DeviceMemory>& one, const std::shared_ptr<DeviceMemory>& other) {
  {
    std::unique_lock lock(one->mutex_);
    one->links_.push_back({other, false});
  }
  std::unique_lock lock(other->mutex_);
  other->links_.push_back({one, false});
}

void DeviceMemory::unlink(const std::shared_ptr<DeviceMemory>& one, const std::shared_ptr<DeviceMemory>& other) {
  const auto drop = [](DeviceMemory& from, const std::shared_ptr<DeviceMemory>& linked) {
    std::unique_lock lock(from.mutex_);
    from.links_.erase(std::remove_if(from.links_.begin(), from.links_.end(),
                                     [&](const Link& link) { return link.memory == linked; }),
                      from.links_.end());
  };
  drop(*one, other);
  drop(*other, one);
}

bool DeviceMemory::set_open(const std::shared_ptr<DeviceMemory>& peer, bool open) {
  std::unique_lock lock(mutex_);
  for (Link& link : links_) {
    if (link.memory == peer) return std::exchange(link.open, open) != open;
  }
  return false;
}

bool DeviceMemory::open_to_others() const {
  for (const Link& link : links()) {
    for (const Link& back : link.memory->links()) {
      if (back.memory.get() == this && back.open) return true;
    }
  }
  return false;
}

DeviceMemory::Pin::Pin(const std::shared_ptr<DeviceMemory>& memory) {
  pinned_.push_back(memory);
  for (const Link& link : memory->links()) pinned_.push_back(link.memory);
  for (const auto& pinned : pinned_) {
    std::unique_lock lock(pinned->mutex_);
    ++pinned->pins_;
  }
}

DeviceMemory::Pin::~Pin() {
  for (const auto& pinned : pinned_) {
    std::unique_lock lock(pinned->mutex_);
    if (--pinned->pins_ == 0) pinned->retired_.clear();
  }
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
    return access + ": " + std::to_string(offset) + " bytes into " + name(*below);
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

void DeviceMemory::mark_written(uint64_t address, uint64_t bytes) {
  const Allocation* allocation = find(address);
  if (allocation != nullptr && allocation->written != nullptr) {
    allocation->written->mark(address - allocation->base, bytes);
  }
}

void DeviceMemory::copy_written(uint64_t to, uint64_t from, uint64_t bytes) {
  const Allocation *target = find(to), *source = find(from);
  if (target == nullptr || target->written == nullptr) return;
  target->written->copy(to - target->base, source == nullptr ? nullptr : source->written,
                        source == nullptr ? 0 : from - source->base, bytes);
}

std::string DeviceMemory::leaks() const {
  std::shared_lock lock(mutex_);
  std::string lines;
  for (const auto& [base, block] : blocks_) {
    const Allocation& allocation = block->allocation;
    if (allocation.freed || std::strcmp(allocation.kind, kModuleGlobal) == 0) continue;
    lines += name(allocation) + " at " + hex(base) + "\n";
  }
  return lines + textures_.leaks();
}

uint64_t DeviceMemory::used() const {
  std::shared_lock lock(mutex_);
  return used_;
}

uint64_t DeviceMemory::used_host() const {
  std::shared_lock lock(mutex_);
  return used_host_;
}

size_t DeviceMemory::live_allocations() const {
  std::shared_lock lock(mutex_);
  return live_;
}

}  // namespace talweg
