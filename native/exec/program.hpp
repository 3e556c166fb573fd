// A module's code as it is executed: a flat array of instructions, each with the function that runs it.
//
// Registers live in slots of 32 lanes, so that a handler is one loop over contiguous words. A 1- to 32-bit register
// takes a slot of 32 words of 32 bits, a 64-bit register one of 32 words of 64 bits, a predicate one 32-bit mask.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../count/instruction_class.hpp"
#include "aligned_buffer.hpp"

namespace talweg::exec {

class Warp;
struct Instr;

// Runs one instruction for the active lanes and gives the next one, or stop() when the warp has to be rescheduled.
using Handler = const Instr* (*)(Warp&, const Instr&);
inline const Instr* stop() { return reinterpret_cast<const Instr*>(UINTPTR_MAX); }

// Where an operand lies: a byte offset (a multiple of 4) from one of the bases below, whose index is in the low bits.
using Slot = uint32_t;
enum Base : uint32_t { kFrame = 0, kConstants = 1, kSpecials = 2, kBaseMask = 3 };
inline constexpr uint32_t kSlotBytes32 = 128, kSlotBytes64 = 256;

// How an address operand is to be understood. Constant variables lie in global memory.
enum class AddressKind : uint8_t {
  kGlobal, kGeneric, kShared32, kShared64, kCluster32, kCluster64, kLocal32, kLocal64, kFrame, kParameter,
};

struct Instr {
  Handler run;
  Slot dst, a, b, c, d;
  Slot guard;           // a predicate; the constant "all lanes" where there is no guard
  uint32_t guard_flip;  // all ones for @!p
  int32_t jump;         // branches: distance to the target; memory: index of the remembered allocation
  uint64_t imm;         // address offset, or what the handler says
  AddressKind kind;     // of memory accesses
  uint8_t flags;        // what the handler says
  uint8_t access;       // of ld and st: see memory_access.hpp
};

// Special registers that do not change under a running warp: one 32-bit slot each.
enum Special : uint32_t {
  kTidX, kTidY, kTidZ, kNtidX, kNtidY, kNtidZ, kCtaidX, kCtaidY, kCtaidZ, kNctaidX, kNctaidY, kNctaidZ,
  kLaneId, kWarpId, kNwarpId, kSmId, kNsmId, kGridId, kLanemaskEq, kLanemaskLe, kLanemaskLt, kLanemaskGe, kLanemaskGt,
  kTotalSharedBytes, kDynamicSharedBytes, kEnvreg1, kEnvreg2, kClusterCtaidX, kClusterCtaidY, kClusterCtaidZ,
  kClusterNctaidX, kClusterNctaidY, kClusterNctaidZ, kClusterIdX, kClusterIdY, kClusterIdZ, kNclusterIdX, kNclusterIdY,
  kNclusterIdZ, kClusterCtarank, kClusterNctarank, kIsExplicitCluster, kSpecialCount,
};
inline constexpr Slot special_slot(Special special) { return special * kSlotBytes32 | kSpecials; }

// Generic addresses: shared and local memory, kernel parameters and functions are told from global memory by top
// bits that no pointer of a user process has.
inline constexpr uint64_t kFunctionWindow = uint64_t{1} << 60, kSharedWindow = uint64_t{2} << 60,
                          kLocalWindow = uint64_t{4} << 60, kParamWindow = uint64_t{6} << 60,
                          kWindowMask = uint64_t{0xf} << 60;

// An address in the shared memory of a cluster holds the rank of its block, plus one, above these bits, as mapa writes
// it; 0 stands for the block itself.
inline constexpr int kRankAt = 24;
inline constexpr uint64_t kSharedOffsetMask = (uint64_t{1} << kRankAt) - 1;

// What a call instruction passes: offsets of the .param variables in the caller's frame. Instr::imm is its index.
struct Call {
  uint32_t callee = 0;  // index into Program::functions, unless the call is indirect
  std::vector<uint32_t> arguments, results;
  std::vector<uint32_t> argument_bytes, result_bytes;
};

struct SourcePlace {
  std::string_view file, caller_file;
  int line = 0, caller_line = 0;  // 0: unknown, not inlined
  int ptx_line = 0;
};

struct ImageAccess;    // of tex, suld and their kin: see image_ops.hpp
struct MatrixProduct;  // of mma and wmma.mma: see matrix_ops.hpp

// Where each lane's element of a wmma fragment lies in memory: (major * stride + minor) * bits / 8 + offset.
struct ElementPlaces {
  struct At {
    uint16_t major, minor;
  };
  std::array<At, 32> lanes;
  int bits = 0;
  uint64_t offset = 0;
};

// Instr::flags of barriers: all lanes of the warp must execute the same instruction.
inline constexpr uint8_t kAlignedBarrier = 2;

struct Program;

}  // namespace talweg::exec

namespace talweg::ptx {

struct DecodedFunction {
  const exec::Program* program = nullptr;
  std::string name;
  bool has_body = false;
  uint32_t first = 0, last = 0;  // its instructions in Program::code
  uint32_t local_bytes = 0;      // frame of one activation: parameters, call parameters, local variables
  std::vector<uint32_t> parameter_offsets, parameter_bytes, result_offsets, result_bytes;
  // Of kernels:
  uint32_t stack_bytes = 0;  // local memory of a thread, with everything it may call
  uint32_t static_shared_bytes = 0;
};

}  // namespace talweg::ptx

namespace talweg::exec {

struct Program {
  std::vector<Instr> code;
  std::vector<count::Class> classes;  // per instruction; kNone for what no PTX instruction stands for
  std::vector<bool> branches;         // per instruction: conditional ones
  std::vector<int> places;      // per instruction, index into locations
  std::vector<int> ptx_lines;   // per instruction
  std::vector<SourcePlace> locations;
  std::map<int, std::string> file_names;
  std::vector<ptx::DecodedFunction> functions;
  std::vector<Call> calls;
  std::vector<std::vector<int32_t>> branch_tables;  // of brx.idx: distances
  std::vector<std::shared_ptr<const MatrixProduct>> matrix_products;
  std::vector<std::shared_ptr<const ElementPlaces>> element_places;
  std::vector<std::shared_ptr<const ImageAccess>> image_accesses;
  AlignedBuffer constants;
  uint32_t frame_bytes = 0;      // registers of the largest function
  uint32_t remembered_allocations = 0;

  SourcePlace place(const Instr& instr) const;
  const ptx::DecodedFunction& function_at(const Instr& instr) const;
};

}  // namespace talweg::exec
