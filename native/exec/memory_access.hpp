// From the addresses a warp holds to host memory, with every access checked against the object it must stay in.
#pragma once

#include "block.hpp"
#include "lanes.hpp"

namespace talweg::exec {

enum class Access : uint8_t { kRead, kWrite, kAtomic };
enum class Region : uint8_t { kGlobal, kShared, kOther };

// Instr::access of loads and stores: elements of the vector, whether the registers have 64 bits, and whether the access
// is volatile or stronger.
inline constexpr uint8_t kVectorSize = 7, kWideWords = 8, kStrong = 16;

// How the lanes' accesses lie in memory.
enum class Shape : uint8_t {
  kFault,       // reported already
  kContiguous,  // all 32 lanes, one behind the other from host[0]
  kUniform,     // all active lanes at host[0]
  kSpread,      // each active lane at its host[lane]
};

struct Located {
  Shape shape;
  std::byte* host[32];

  // Of an active lane, where each accesses so many bytes.
  std::byte* of(uint32_t lane, size_t bytes) const {
    switch (shape) {
      case Shape::kSpread: return host[lane];
      case Shape::kContiguous: return host[0] + lane * bytes;
      default: return host[0];
    }
  }
};

// `bytes` is what each lane reads or writes; the address must be a multiple of `align`. Addresses come from slot
// Instr::a plus Instr::imm; Instr::jump names the remembered allocation.
void locate_global(Warp& warp, const Instr& in, uint32_t active, uint32_t bytes, Access access, Located& located);
void locate_shared(Warp& warp, const Instr& in, uint32_t active, uint32_t bytes, Access access, Located& located);
void locate(Warp& warp, const Instr& in, AddressKind kind, uint32_t active, uint32_t bytes, Access access,
            Located& located);

// Of elements that textures and surfaces know by themselves: host[lane] of all active lanes. False if it was reported.
bool locate_elements(Warp& warp, const Instr& in, uint32_t active, uint32_t bytes, Access access, Located& located);

// Of a launch that is suspected to stand still: notes a read of memory that others than its blocks may write.
void listen(Warp& warp, uint32_t active, const Located& located);

// The allocation that holds the address, remembered for the instruction, or null.
const Remembered* remember(Block& block, const Instr& in, uint64_t address);

// The block in whose shared memory an address of a cluster lies, or null if there is no such block.
Block* block_of(Block& block, uint64_t address);

// A generic address of one lane, or null if it is out of bounds.
std::byte* host_address(Warp& warp, int lane, uint64_t address, uint64_t bytes);

}  // namespace talweg::exec
