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
#include <string_view>
#include <vector>

#include "../check/block_meetings.hpp"
#include "../check/written_bytes.hpp"
#include "texture.hpp"

namespace talweg {

struct Allocation {
  uint64_t base = 0;
  uint64_t size = 0;
  uint64_t serial = 0;       // order of allocation, for reports
  const char* kind = "";     // "cuMemAlloc", "managed memory", "module global", "pinned host memory", ...
  bool host = false;         // page-locked host memory: does not count as device memory
  unsigned flags = 0;        // of page-locked memory, as asked for
  check::WrittenBytes* written = nullptr;  // null: all of it counts as written
  check::BlockMeetings* meetings = nullptr;  // null: who meets here is not looked at
  bool reaches_host() const { return host || std::string_view(kind) == "managed memory"; }
  bool freed = false;        // kept for a while after free, so that use after free can be named
};

class DeviceMemory {
 public:
  explicit DeviceMemory(uint64_t capacity);
  ~DeviceMemory();

  // Base address, 256-byte aligned, or 0 when the device is full. Contents are a poison pattern (0xCD).
  uint64_t allocate(uint64_t bytes, const char* kind);

  // The same in host memory that the device can reach.
  uint64_t allocate_host(uint64_t bytes, unsigned flags);

  // Lets the device reach memory of the caller's. False if a part of it is an allocation already.
  bool register_host(uint64_t base, uint64_t bytes, unsigned flags);

  // False if `base` is not the start of a live allocation.
  bool release(uint64_t base);

  // Memory of a graph. It is there while the graph is made, and then from each revive() to the next release(). False if
  // it is there already or the device is full. forget() ends it all.
  uint64_t reserve(uint64_t bytes, const char* kind);
  bool revive(uint64_t base);
  void forget(uint64_t base);

  // Everything at once; nothing is kept to be named later.
  void release_all();

  // The live allocation that holds `address`, here or in a memory that kernels may reach from here; or null. Pointers
  // stay valid until the allocation is released.
  const Allocation* find(uint64_t address) const;

  // As find, in this memory alone.
  const Allocation* find_own(uint64_t address) const;

  // True if all of the range lies within one live allocation of this memory.
  bool holds(uint64_t address, uint64_t bytes) const;
  bool owns(uint64_t address) const { return holds(address, 1); }

  // Lets each reach the other's page-locked host memory, and ends that.
  static void link(const std::shared_ptr<DeviceMemory>& one, const std::shared_ptr<DeviceMemory>& other);
  static void unlink(const std::shared_ptr<DeviceMemory>& one, const std::shared_ptr<DeviceMemory>& other);

  // Gives access to all of a linked memory, and takes it back. False if that is so already.
  bool open_to(const std::shared_ptr<DeviceMemory>& peer) { return set_open(peer, true); }
  bool close_to(const std::shared_ptr<DeviceMemory>& peer) { return set_open(peer, false); }

  // Whether a linked memory's kernels may write here.
  bool open_to_others() const;

  // While one of these lives, no address of this memory or of one reachable from it becomes invalid: what is freed
  // meanwhile reads as zeros.
  class Pin {
   public:
    explicit Pin(const std::shared_ptr<DeviceMemory>& memory);
    ~Pin();
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;

   private:
    std::vector<std::shared_ptr<DeviceMemory>> pinned_;
  };

  // One line that says what lies at or nearest to an address nobody may touch.
  std::string describe(uint64_t address, uint64_t bytes) const;

  // For the check of uninitialised reads: what fills and copies do.
  void mark_written(uint64_t address, uint64_t bytes);
  void copy_written(uint64_t to, uint64_t from, uint64_t bytes);

  TextureObjects& textures() { return textures_; }

  // One line for each live allocation and texture object that somebody has to free.
  std::string leaks() const;

  uint64_t capacity() const { return capacity_; }
  uint64_t used() const;
  uint64_t used_host() const;  // page-locked bytes allocated here
  size_t live_allocations() const;

 private:
  struct Block;
  using Blocks = std::map<uint64_t, std::unique_ptr<Block>>;

  struct Link {
    std::shared_ptr<DeviceMemory> memory;
    bool open;
  };

  uint64_t map_block(uint64_t bytes, const char* kind, bool host, unsigned flags);
  bool set_open(const std::shared_ptr<DeviceMemory>& peer, bool open);
  std::vector<Link> links() const;
  void insert(std::unique_ptr<Block> block);
  void forget_oldest_freed();
  const Allocation* find_locked(uint64_t address) const;

  uint64_t capacity_;
  uint64_t used_ = 0, used_host_ = 0;
  uint64_t next_serial_ = 1;
  size_t live_ = 0;
  mutable std::shared_mutex mutex_;
  Blocks blocks_;                // live and freed, by base
  std::deque<uint64_t> freed_;  // bases, oldest first
  std::vector<Link> links_;
  TextureObjects textures_;
  int pins_ = 0;
  std::vector<std::unique_ptr<Block>> retired_;  // no longer registered, but pinned
};

}  // namespace talweg
