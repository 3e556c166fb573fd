// Branches, calls, returns and exits (PTX ISA, "Control Flow Instructions").
#include "control_flow.hpp"

#include "../check/block_checker.hpp"
#include "block.hpp"
#include "builtins.hpp"
#include "decode.hpp"
#include "lanes.hpp"

namespace talweg::exec {

const Instr* jump_forward(Warp&, const Instr& in) { return &in + in.jump; }
const Instr* jump_backward(Warp& warp, const Instr& in) { return warp.back_edge(&in + in.jump); }

namespace {

template <bool kBackward>
const Instr* branch(Warp& warp, const Instr& in) {
  const uint32_t taken = active_lanes(warp, in);
  if (taken == 0) return &in + 1;
  const Instr* target = &in + in.jump;
  if (taken == warp.mask) return kBackward ? warp.back_edge(target) : target;
  warp.park(taken, target, warp.depth());
  return warp.go_on(&in + 1);
}

const Instr* branch_indexed(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  const std::vector<int32_t>& table = warp.block->launch().program.branch_tables[in.imm];
  const uint32_t* index = slot<uint32_t>(warp, in.a);
  for (uint32_t left = active; left != 0;) {
    const int lane = __builtin_ctz(left);
    if (index[lane] >= table.size()) {
      return warp.block->fault(warp, in, lane, Status::kLaunchFailed, "branch index outside its table");
    }
    if (table[index[lane]] <= 0) warp.count_back_edge();
    uint32_t same = 0;
    for_each_lane(left, [&](int other) { same |= index[other] == index[lane] ? 1u << other : 0u; });
    warp.park(same, &in + table[index[lane]], warp.depth());
    left &= ~same;
  }
  return warp.go_on(&in + 1);
}

const Instr* exit_thread(Warp& warp, const Instr& in) {
  const uint32_t lanes = active_lanes(warp, in);
  if (lanes == 0) return &in + 1;
  warp.exit(lanes);
  warp.go_on(&in + 1);
  warp.block->lanes_exited();
  return stop();
}

std::byte* frame_memory(Warp& warp, int lane) { return warp.local_memory(lane) + warp.local_base(lane); }

const Instr* enter_function(Warp& warp, const Instr& in, uint32_t lanes, const ptx::DecodedFunction& callee) {
  const Call& call = warp.block->launch().program.calls[in.imm];
  const uint32_t caller_bytes = static_cast<uint32_t>(in.jump);
  const uint32_t stack = warp.block->launch().function.stack_bytes;
  for (uint32_t left = lanes; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    if (warp.local_base(lane) + caller_bytes + callee.local_bytes > stack) {
      return warp.block->fault(warp, in, lane, Status::kLaunchFailed,
                               "stack overflow: calls nest deeper than " + std::to_string(stack) +
                                   " bytes of local memory allow");
    }
    std::byte* frame = frame_memory(warp, lane);
    check::BlockChecker* checker = warp.block->checker();
    if (checker != nullptr) checker->frame_entered(frame + caller_bytes, callee.local_bytes);
    for (size_t i = 0; i < call.arguments.size(); i++) {
      if (checker != nullptr) {
        checker->frame_copied(frame + caller_bytes + callee.parameter_offsets[i], frame + call.arguments[i],
                              callee.parameter_bytes[i]);
      }
      std::memcpy(frame + caller_bytes + callee.parameter_offsets[i], frame + call.arguments[i],
                  callee.parameter_bytes[i]);
    }
  }
  warp.enter(lanes, caller_bytes, &in, callee);
  return nullptr;
}

const Instr* call_direct(Warp& warp, const Instr& in) {
  const uint32_t lanes = active_lanes(warp, in);
  if (lanes == 0) return &in + 1;
  const Program& program = warp.block->launch().program;
  const Instr* fault = enter_function(warp, in, lanes, program.functions[program.calls[in.imm].callee]);
  return fault != nullptr ? fault : warp.go_on(&in + 1);
}

// What is passed must be as large as what is received.
bool fits(const Call& call, const ptx::DecodedFunction& callee) {
  return call.argument_bytes == callee.parameter_bytes && call.result_bytes == callee.result_bytes;
}

const Instr* call_indirect(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  const Program& program = warp.block->launch().program;
  const Call& call = program.calls[in.imm];
  const uint64_t* address = slot<uint64_t>(warp, in.a);
  for (uint32_t left = active; left != 0;) {
    const int lane = __builtin_ctz(left);
    const uint64_t index = address[lane] & ~kWindowMask;
    if ((address[lane] & kWindowMask) != kFunctionWindow || index >= program.functions.size() ||
        !program.functions[index].has_body || !fits(call, program.functions[index])) {
      return warp.block->fault(warp, in, lane, Status::kLaunchFailed, "call through a pointer to no such function");
    }
    uint32_t same = 0;
    for_each_lane(left, [&](int other) { same |= address[other] == address[lane] ? 1u << other : 0u; });
    if (const Instr* fault = enter_function(warp, in, same, program.functions[index])) return fault;
    left &= ~same;
  }
  return warp.go_on(&in + 1);
}

// imm is the index of the function that returns.
const Instr* return_to_caller(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  const Program& program = warp.block->launch().program;
  const ptx::DecodedFunction& callee = program.functions[in.imm];
  for (uint32_t left = active; left != 0;) {
    const Instr* caller = warp.caller(__builtin_ctz(left));
    const Call& call = program.calls[caller->imm];
    const uint32_t caller_bytes = static_cast<uint32_t>(caller->jump);
    uint32_t same = 0;
    for_each_lane(left, [&](int lane) {
      if (warp.caller(lane) != caller) return;
      same |= 1u << lane;
      std::byte* frame = frame_memory(warp, lane);
      check::BlockChecker* checker = warp.block->checker();
      for (size_t i = 0; i < call.results.size(); i++) {
        if (checker != nullptr) {
          checker->frame_copied(frame - caller_bytes + call.results[i], frame + callee.result_offsets[i],
                                callee.result_bytes[i]);
        }
        std::memcpy(frame - caller_bytes + call.results[i], frame + callee.result_offsets[i], callee.result_bytes[i]);
      }
    });
    warp.leave(same, caller_bytes);
    warp.park(same, caller + 1, warp.depth() - 1);
    left &= ~same;
  }
  return warp.go_on(&in + 1);
}

const Instr* trap(Warp& warp, const Instr& in) {
  const uint32_t lanes = active_lanes(warp, in);
  if (lanes == 0) return &in + 1;
  return warp.block->fault(warp, in, __builtin_ctz(lanes), Status::kLaunchFailed, "trap");
}

const Instr* nothing(Warp&, const Instr& in) { return &in + 1; }

const Instr* sleep(Warp& warp, const Instr& in) {
  warp.likely_spin();
  return &in + 1;
}

void decode_bra(Decoder& d) {
  d.ignore({".uni"});
  d.expect_operands(1);
  const bool conditional = d.instruction().guard >= 0;
  d.emit(conditional ? &branch<false> : &jump_forward);
  d.jump_to(d.operand(0).name, conditional ? &branch<true> : &jump_backward);
}

void decode_brx(Decoder& d) {
  d.ignore({".uni"});
  if (!d.take(".idx")) d.fail("'brx' needs .idx");
  d.expect_operands(2);
  const uint32_t table = static_cast<uint32_t>(d.program().branch_tables.size());
  d.program().branch_tables.emplace_back();
  d.emit(&branch_indexed, 0, d.read(0, Type::kU32)).imm = table;
  d.branch_table(table, d.branch_targets(d.operand(1).name));
}

void decode_ret(Decoder& d) {
  d.ignore({".uni"});
  if (d.function().is_entry) d.emit(&exit_thread);
  else d.emit(&return_to_caller).imm = d.addresses().functions.at(d.function().name);
}

void decode_exit(Decoder& d) { d.emit(&exit_thread); }
void decode_trap(Decoder& d) { d.emit(&trap); }
void decode_brkpt(Decoder& d) { d.emit(&nothing); }

// pmevent and griddepcontrol: launches do not overlap here, and nobody counts events.
void decode_pmevent(Decoder& d) {
  d.ignore({".mask"});
  d.expect_operands(1);
}
void decode_dependency(Decoder& d) {
  if (d.take_one_of({".wait", ".launch_dependents"}) < 0) d.fail("'griddepcontrol' is .wait or .launch_dependents");
}

void decode_nanosleep(Decoder& d) {
  d.take(".u32");
  d.expect_operands(1);
  d.read(0, Type::kU32);
  d.emit(&sleep);
}

std::vector<uint32_t> frame_offsets(Decoder& d, const Operand& list, std::vector<uint32_t>& bytes) {
  std::vector<uint32_t> offsets;
  for (const Operand& part : list.parts) {
    auto found = d.addresses().frame.find(part.variable);
    if (part.variable == nullptr || found == d.addresses().frame.end()) {
      d.fail("'call' passes .param variables only");
    }
    offsets.push_back(found->second);
    bytes.push_back(static_cast<uint32_t>(part.variable->size));
  }
  return offsets;
}

// call (results), callee, (arguments)[, prototype]
void decode_call(Decoder& d) {
  d.ignore({".uni"});
  size_t at = 0;
  Call call;
  if (d.operand(at).kind == Operand::Kind::kList) call.results = frame_offsets(d, d.operand(at++), call.result_bytes);
  const Operand& callee = d.operand(at++);
  if (at < d.operand_count() && d.operand(at).kind == Operand::Kind::kList) {
    call.arguments = frame_offsets(d, d.operand(at++), call.argument_bytes);
  }
  if (at < d.operand_count() && d.operand(at).kind == Operand::Kind::kName) at++;  // the prototype
  d.expect_operands(at);
  Program& program = d.program();
  const uint32_t caller_bytes = program.functions[d.addresses().functions.at(d.function().name)].local_bytes;
  Handler handler = &call_indirect;
  Slot address = 0;
  if (callee.kind == Operand::Kind::kName) {
    auto found = d.addresses().functions.find(callee.name);
    if (found == d.addresses().functions.end()) d.fail("call of unknown function '" + std::string(callee.name) + "'");
    call.callee = found->second;
    const ptx::DecodedFunction& function = program.functions[call.callee];
    if (!fits(call, function)) {
      d.fail("call of '" + function.name + "' with the wrong number of arguments or results, or of the wrong size");
    }
    handler = function.has_body ? &call_direct : builtin(function);
    if (handler == nullptr) d.fail("call of '" + function.name + "', which has no body here");
  } else {
    address = d.read(callee, Type::kU64);
  }
  Instr& instr = d.emit(handler, 0, address);
  instr.imm = program.calls.size();
  instr.jump = static_cast<int32_t>(caller_bytes);
  program.calls.push_back(std::move(call));
}

}  // namespace

const OpcodeTable kControlOpcodes = {
    {"bra", decode_bra},     {"brx", decode_brx},     {"ret", decode_ret},     {"exit", decode_exit},
    {"trap", decode_trap},   {"brkpt", decode_brkpt}, {"call", decode_call},   {"nanosleep", decode_nanosleep},
    {"pmevent", decode_pmevent}, {"griddepcontrol", decode_dependency},
};

}  // namespace talweg::exec
