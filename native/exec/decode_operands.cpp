// Operands to slots, with the checks that keep a handler inside its slots.
#include <algorithm>
#include <cstring>

#include "decode.hpp"

namespace talweg::exec {

using Kind = Operand::Kind;

namespace {

struct SpecialName {
  const char* name;
  Special special;
};

constexpr SpecialName kSpecialNames[] = {
    {"%tid.x", kTidX},           {"%tid.y", kTidY},           {"%tid.z", kTidZ},
    {"%ntid.x", kNtidX},         {"%ntid.y", kNtidY},         {"%ntid.z", kNtidZ},
    {"%ctaid.x", kCtaidX},       {"%ctaid.y", kCtaidY},       {"%ctaid.z", kCtaidZ},
    {"%nctaid.x", kNctaidX},     {"%nctaid.y", kNctaidY},     {"%nctaid.z", kNctaidZ},
    {"%laneid", kLaneId},        {"%warpid", kWarpId},        {"%nwarpid", kNwarpId},
    {"%smid", kSmId},            {"%nsmid", kNsmId},          {"%lanemask_eq", kLanemaskEq},
    {"%lanemask_le", kLanemaskLe}, {"%lanemask_lt", kLanemaskLt}, {"%lanemask_ge", kLanemaskGe},
    {"%lanemask_gt", kLanemaskGt}, {"%total_smem_size", kTotalSharedBytes},
    {"%dynamic_smem_size", kDynamicSharedBytes}, {"%envreg1", kEnvreg1}, {"%envreg2", kEnvreg2},
    {"%clusterid.x", kClusterIdX},   {"%clusterid.y", kClusterIdY},   {"%clusterid.z", kClusterIdZ},
    {"%nclusterid.x", kNclusterIdX}, {"%nclusterid.y", kNclusterIdY}, {"%nclusterid.z", kNclusterIdZ},
    {"%cluster_ctaid.x", kClusterCtaidX}, {"%cluster_ctaid.y", kClusterCtaidY}, {"%cluster_ctaid.z", kClusterCtaidZ},
    {"%cluster_nctaid.x", kClusterNctaidX}, {"%cluster_nctaid.y", kClusterNctaidY},
    {"%cluster_nctaid.z", kClusterNctaidZ},
    {"%cluster_ctarank", kClusterCtarank}, {"%cluster_nctarank", kClusterNctarank},
};

}  // namespace

int Decoder::register_bytes(const Operand& operand) const {
  const Type type = source_.registers[static_cast<size_t>(operand.reg)].type;
  return type == Type::kPred ? 0 : std::max(4, ptx::bytes_of(type));
}

Slot Decoder::constant(Type type, uint64_t bits) {
  const int bytes = ptx::bytes_of(type);
  if (bytes == 8) return constants_.wide(bits);
  return constants_.word(static_cast<uint32_t>(bytes == 4 ? bits : bits & ((uint64_t{1} << (8 * bytes)) - 1)));
}

uint64_t Decoder::immediate(const Operand& operand) const {
  if (operand.kind != Kind::kInteger) fail("'" + std::string(opcode()) + "' needs an integer constant here");
  return operand.bits;
}

uint64_t Decoder::address_of(const ptx::Variable& variable) const {
  if (variable.space == ptx::Space::kShared && variable.is_extern && variable.size == 0) {
    const uint32_t align = std::max(variable.align, 1u);
    return (addresses_.dynamic_shared + align - 1) / align * align;
  }
  auto fixed = addresses_.fixed.find(&variable);
  if (fixed != addresses_.fixed.end()) return fixed->second;
  auto parameter = addresses_.kernel_parameter.find(&variable);
  if (parameter != addresses_.kernel_parameter.end()) return parameter->second;
  fail("the address of '" + std::string(variable.name) + "' is not a constant");
}

Slot Decoder::read_any_width(const Operand& operand, Type type, int& register_bytes_out) {
  const int bytes = ptx::bytes_of(type);
  register_bytes_out = std::max(4, bytes);
  if (bytes == 16 && operand.kind != Kind::kRegister) fail("128 bits are in registers only");
  switch (operand.kind) {
    case Kind::kRegister: {
      const int held = register_bytes(operand);
      const int declared = ptx::bytes_of(source_.registers[static_cast<size_t>(operand.reg)].type);
      if (held == 0 || declared < bytes) {
        fail("register '" + std::string(operand.name) + "' is too small for the type of '" + std::string(opcode()) +
             "'");
      }
      if ((held == 16) != (bytes == 16)) {
        fail("register '" + std::string(operand.name) + "' of 128 bits in '" + std::string(opcode()) + "'");
      }
      register_bytes_out = held;
      const uint32_t index = slots_.index[static_cast<size_t>(operand.reg)];
      return (held >= 8 ? layout_.wide(index) : layout_.word(index)) | kFrame;
    }
    case Kind::kInteger:
      if (type == Type::kF32 || type == Type::kF64) {  // an integer literal where a float is wanted is its value
        return constant(type, operand.bits);
      }
      return constant(type, operand.bits);
    case Kind::kFloat32:
      if (type == Type::kF64) {
        float narrow;
        const uint32_t bits = static_cast<uint32_t>(operand.bits);
        std::memcpy(&narrow, &bits, 4);
        const double wide = narrow;
        uint64_t wide_bits;
        std::memcpy(&wide_bits, &wide, 8);
        return constant(type, wide_bits);
      }
      return constant(type, operand.bits);
    case Kind::kFloat64:
      if (bytes == 4) {
        double wide;
        std::memcpy(&wide, &operand.bits, 8);
        const float narrow = static_cast<float>(wide);
        uint32_t bits;
        std::memcpy(&bits, &narrow, 4);
        return constant(type, bits);
      }
      return constant(type, operand.bits);
    case Kind::kSpecial:
      if (bytes == 8) fail("special register '" + std::string(operand.name) + "' has 32 bits");
      for (const SpecialName& entry : kSpecialNames) {
        if (operand.name == entry.name) return special_slot(entry.special);
      }
      fail("unknown special register '" + std::string(operand.name) + "'");
    case Kind::kVariable:
      return constant(type, address_of(*operand.variable) + static_cast<uint64_t>(operand.offset));
    case Kind::kName: {
      auto function = addresses_.functions.find(operand.name);
      if (function == addresses_.functions.end()) fail("unknown name '" + std::string(operand.name) + "'");
      return constant(type, kFunctionWindow | function->second);
    }
    default:
      fail("'" + std::string(opcode()) + "' cannot take this kind of operand here");
  }
}

Slot Decoder::read(const Operand& operand, Type type) {
  if (type == Type::kPred) return read_predicate(operand);
  if (operand.negated) fail("only predicates can be negated");
  int held = 0;
  const Slot slot = read_any_width(operand, type, held);
  if (held != std::max(4, ptx::bytes_of(type))) {
    fail("register '" + std::string(operand.name) + "' has not the size of the type of '" + std::string(opcode()) +
         "'");
  }
  return slot;
}

Slot Decoder::scratch(Type type, uint32_t index) const {
  if (type == Type::kPred) return layout_.predicate(0) | kFrame;
  return (ptx::bytes_of(type) >= 8 ? layout_.wide(index) : layout_.word(index)) | kFrame;
}

Slot Decoder::write_any_width(const Operand& operand, Type type, int& register_bytes_out) {
  if (operand.kind == Kind::kSink) {
    register_bytes_out = std::max(4, ptx::bytes_of(type));
    return scratch(type);
  }
  if (operand.kind != Kind::kRegister) fail("the destination of '" + std::string(opcode()) + "' must be a register");
  return read_any_width(operand, type, register_bytes_out);
}

Slot Decoder::write(const Operand& operand, Type type) {
  if (type == Type::kPred) return write_predicate(operand);
  if (operand.kind == Kind::kSink) return scratch(type);
  if (operand.kind != Kind::kRegister) fail("the destination of '" + std::string(opcode()) + "' must be a register");
  return read(operand, type);
}

Slot Decoder::read_predicate(const Operand& operand) {
  if (operand.kind == Kind::kInteger) return constants_.word(operand.bits != 0 ? 0xffffffffu : 0);
  if (operand.kind == Kind::kSpecial && operand.name == "%is_explicit_cluster") return special_slot(kIsExplicitCluster);
  if (operand.kind != Kind::kRegister || register_bytes(operand) != 0) {
    fail("'" + std::string(opcode()) + "' needs a predicate here");
  }
  return layout_.predicate(slots_.index[static_cast<size_t>(operand.reg)]) | kFrame;
}

Slot Decoder::write_predicate(const Operand& operand) {
  if (operand.kind == Kind::kSink) return scratch(Type::kPred);
  if (operand.kind != Kind::kRegister) fail("the destination of '" + std::string(opcode()) + "' must be a predicate");
  return read_predicate(operand);
}

}  // namespace talweg::exec
