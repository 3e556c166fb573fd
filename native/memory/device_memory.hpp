// Device memory: every cuMemAlloc, module global and pinned host block is one bounded object.
// A device address is the host address of the byte behind it, so that execution reads and writes it directly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>

namespace talweg {

struct Allocation {
  uint64_t base = 0;
  uint64_t size = 0;
  uint64_t serial = 0;       // order of allocation, for reports
  const char* kind = "";     // "cuMemAlloc", "module global", "pinned host memory"
  bool freed = false;        // kept for a while after free, so that use after free can be named
};

class DeviceMemory {
 public:
  explicit DeviceMemory(uint64_t capacity);
  ~DeviceMemory();

  // Base address, 256-byte aligned, or 0 when the device is full. Contents are a poison pattern (0xCD).
  uint64_t allocate(uint64_t bytes, const char* kind);

  // False if `base` is not the start of a live allocation.
  bool release(uint64_t base);

  // The live allocation that holds `address`, or null. Pointers stay valid until the allocation is released.
  const Allocation* find(uint64_t address) const;

  // One line that says what lies at or nearest to an address nobody may touch.
  std::string describe(uint64_t address, uint64_t bytes) const;

  uint64_t capacity() const { return capacity_; }
  uint64_t used() const;
  size_t live_allocations() const;

 private:
  struct Block;
  uint64_t capacity_;
  uint64_t used_ = 0;
  uint64_t next_serial_ = 1;
  mutable std::shared_mutex mutex_;
  std::map<uint64_t, std::unique_ptr<Block>> blocks_;
};

}  // namespace talweg
