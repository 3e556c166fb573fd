// Device memory: every cuMemAlloc, module global and pinned host block is one bounded object.
// A device address is the host address of the byte behind it, so that execution reads and writes it directly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>

namespace talweg {

struct Allocation {
  uint64_t base = 0;
  uint64_t size = 0;
  uint64_t serial = 0;       // order of allocation, for reports
  const char* kind = "";     // "cuMemAlloc", "module global", "pinned host memory", "registered host memory"
  bool host = false;         // page-locked host memory: does not count as device memory
  bool freed = false;        // kept for a while after free, so that use after free can be named
};

class DeviceMemory {
 public:
  explicit DeviceMemory(uint64_t capacity);
  ~DeviceMemory();

  // Base address, 256-byte aligned, or 0 when the device is full. Contents are a poison pattern (0xCD).
  uint64_t allocate(uint64_t bytes, const char* kind);

  // The same in host memory that the device can reach.
  uint64_t allocate_host(uint64_t bytes);

  // Lets the device reach memory of the caller's. False if a part of it is an allocation already.
  bool register_host(uint64_t base, uint64_t bytes);

  // False if `base` is not the start of a live allocation.
  bool release(uint64_t base);

  // The live allocation that holds `address`, or null. Pointers stay valid until the allocation is released.
  const Allocation* find(uint64_t address) const;

  // True if all of the range lies within one live allocation.
  bool holds(uint64_t address, uint64_t bytes) const;

  // One line that says what lies at or nearest to an address nobody may touch.
  std::string describe(uint64_t address, uint64_t bytes) const;

  uint64_t capacity() const { return capacity_; }
  uint64_t used() const;
  size_t live_allocations() const;

 private:
  struct Block;
  using Blocks = std::map<uint64_t, std::unique_ptr<Block>>;

  uint64_t map_block(uint64_t bytes, const char* kind, bool host);
  void insert(std::unique_ptr<Block> block);
  void forget_oldest_freed();
  const Allocation* find_locked(uint64_t address) const;

  uint64_t capacity_;
  uint64_t used_ = 0;
  uint64_t next_serial_ = 1;
  size_t live_ = 0;
  mutable std::shared_mutex mutex_;
  Blocks blocks_;                // live and freed, by base
  std::deque<uint64_t> freed_;  // bases, oldest first
};

}  // namespace talweg
