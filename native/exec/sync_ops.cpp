// Operations among the lanes of a warp: shfl, vote, match, redux, bar.warp.sync, activemask.
//
// Lanes named by the membermask wait for each other, wherever in the code they execute the same kind of operation
// with the same mask. The common case, that all of them arrive together, needs no waiting and no bookkeeping.
#include "sync_ops.hpp"

#include "../check/block_checker.hpp"
#include "block.hpp"
#include "lanes.hpp"

namespace talweg::exec {
namespace {

// What the lanes bring, and what each of them takes away.
struct Exchange {
  uint32_t a[kLanes], b[kLanes], c[kLanes];
  uint64_t wide[kLanes];
  uint32_t holds = 0;  // of the predicate operand
  uint32_t result[kLanes];
  uint32_t predicate = 0;
};

struct WarpBarrier;

// The one operation here that also orders memory.
template <class Op>
void order_memory(const Warp& warp) {
  if (std::is_same_v<Op, WarpBarrier> && warp.block->checker() != nullptr) {
    warp.block->checker()->warp_synchronised(warp);
  }
}

// An operation says which operands it reads, writes, and how lanes that came together compute.
struct Traits {
  bool reads_a, reads_bc, reads_wide, reads_predicate, writes_word, writes_predicate;
};

// Slots: dst result, d second result (a predicate), a value, b and c parameters; the membermask is in Instr::imm's
// slot. Predicate operands are in a, flags: negated.
Slot membermask_slot(const Instr& in) { return static_cast<Slot>(in.imm); }

template <class Op>
void gather(Warp& warp, const Instr& in, uint32_t lanes, Exchange& x) {
  constexpr Traits t = Op::kTraits;
  if (t.reads_a) {
    const uint32_t* a = slot<uint32_t>(warp, in.a);
    for_each_lane(lanes, [&](int i) { x.a[i] = a[i]; });
  }
  if (t.reads_bc) {
    const uint32_t *b = slot<uint32_t>(warp, in.b), *c = slot<uint32_t>(warp, in.c);
    for_each_lane(lanes, [&](int i) {
      x.b[i] = b[i];
      x.c[i] = c[i];
    });
  }
  if (t.reads_wide) {
    const uint64_t* a = slot<uint64_t>(warp, in.a);
    for_each_lane(lanes, [&](int i) { x.wide[i] = a[i]; });
  }
  if (t.reads_predicate) {
    const uint32_t bits = predicate(warp, in.a) ^ (in.flags != 0 ? kAllLanes : 0);
    x.holds = (x.holds & ~lanes) | (bits & lanes);
  }
}

template <class Op>
void scatter(Warp& warp, const Instr& in, uint32_t lanes, const Exchange& x) {
  constexpr Traits t = Op::kTraits;
  if (t.writes_word) {
    uint32_t* d = slot<uint32_t>(warp, in.dst);
    for_each_lane(lanes, [&](int i) { d[i] = x.result[i]; });
  }
  if (t.writes_predicate) write_predicate(warp, t.writes_word ? in.d : in.dst, lanes, x.predicate);
}

// The groups that wait at this kind of operation with this mask take part with the lanes that have just arrived.
template <class Op>
bool complete(Warp& warp, const Instr& in, uint32_t arrived, uint32_t mask) {
  uint32_t together = arrived;
  const auto waits_with = [&](const Group& group) {
    return group.state == Group::State::kSync && group.pc->run == in.run &&
           slot<uint32_t>(warp, membermask_slot(*group.pc))[__builtin_ctz(group.mask)] == mask;
  };
  std::byte* running = warp.bases[kFrame];
  const auto with_frame = [&](const Group& group, auto visit) {
    warp.bases[kFrame] = warp.frame(group.depth);
    visit();
    warp.bases[kFrame] = running;
  };
  warp.for_each_group([&](Group& group) {
    with_frame(group, [&] {
      if (waits_with(group)) together |= group.mask;
    });
  });
  if ((mask & warp.alive() & ~together) != 0) return false;
  Exchange x;
  gather<Op>(warp, in, arrived, x);
  warp.for_each_group([&](Group& group) {
    with_frame(group, [&] {
      if (waits_with(group)) gather<Op>(warp, *group.pc, group.mask, x);
    });
  });
  Op::compute(together, mask, in, x);
  order_memory<Op>(warp);
  scatter<Op>(warp, in, arrived, x);
  warp.for_each_group([&](Group& group) {
    with_frame(group, [&] {
      if (!waits_with(group)) return;
      scatter<Op>(warp, *group.pc, group.mask, x);
      group.state = Group::State::kReady;
      group.pc++;
    });
  });
  return true;
}

// Some lanes of a mask are missing, or the active lanes have different masks (as tiles of a warp do).
template <class Op>
const Instr* rendezvous(Warp& warp, const Instr& in, uint32_t active) {
  const uint32_t* masks = slot<uint32_t>(warp, membermask_slot(in));
  for (uint32_t left = active; left != 0;) {
    const int lane = __builtin_ctz(left);
    const uint32_t mask = masks[lane];
    if ((mask >> lane & 1) == 0) {
      return warp.block->fault(warp, in, lane, Status::kLaunchFailed,
                               "the lane executes a warp-wide operation whose mask leaves it out");
    }
    uint32_t same = 0;
    for_each_lane(left, [&](int i) { same |= masks[i] == mask && (mask >> i & 1) != 0 ? 1u << i : 0u; });
    left &= ~same;
    if (!complete<Op>(warp, in, same, mask)) warp.park(same, &in, warp.depth(), Group::State::kSync);
  }
  return warp.go_on(&in + 1);
}

template <class Op>
const Instr* synchronised(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  const uint32_t* masks = slot<uint32_t>(warp, membermask_slot(in));
  const uint32_t mask = masks[__builtin_ctz(active)];
  bool same = (mask & warp.alive()) == active;
  for_each_lane(same ? active : 0, [&](int i) { same = same && masks[i] == mask; });
  if (!same) return rendezvous<Op>(warp, in, active);
  Exchange x;
  gather<Op>(warp, in, active, x);
  Op::compute(active, mask, in, x);
  order_memory<Op>(warp);
  scatter<Op>(warp, in, active, x);
  return &in + 1;
}

enum class Shuffle { kUp, kDown, kButterfly, kIndex };

template <Shuffle kMode>
struct Shfl {
  static constexpr Traits kTraits{true, true, false, false, true, true};

  static void compute(uint32_t lanes, uint32_t, const Instr&, Exchange& x) {
    x.predicate = 0;
    for_each_lane(lanes, [&](int lane) {
      const int b = static_cast<int>(x.b[lane] & 31), clamp = static_cast<int>(x.c[lane] & 31);
      const int segment = static_cast<int>(x.c[lane] >> 8 & 31);
      const int last = (lane & segment) | (clamp & ~segment), first = lane & segment;
      int from = lane;
      bool inside = true;
      switch (kMode) {
        case Shuffle::kUp:
          from = lane - b;
          inside = from >= last;
          break;
        case Shuffle::kDown:
          from = lane + b;
          inside = from <= last;
          break;
        case Shuffle::kButterfly:
          from = lane ^ b;
          inside = from <= last;
          break;
        case Shuffle::kIndex:
          from = first | (b & ~segment);
          inside = from <= last;
          break;
      }
      if (!inside) from = lane;
      // A source lane that takes no part has no value to give: the lane keeps its own.
      if ((lanes >> from & 1) == 0) from = lane;
      x.result[lane] = x.a[from];
      x.predicate |= inside ? 1u << lane : 0u;
    });
  }
};

enum class Vote { kAll, kAny, kUniform, kBallot };

template <Vote kMode>
struct VoteOp {
  static constexpr Traits kTraits{false, false, false, true, kMode == Vote::kBallot, kMode != Vote::kBallot};

  static void compute(uint32_t lanes, uint32_t, const Instr&, Exchange& x) {
    const uint32_t votes = x.holds & lanes;
    const bool all = votes == lanes, any = votes != 0;
    if (kMode == Vote::kBallot) {
      for_each_lane(lanes, [&](int i) { x.result[i] = votes; });
    } else {
      const bool result = kMode == Vote::kAll ? all : kMode == Vote::kAny ? any : all || !any;
      x.predicate = result ? kAllLanes : 0;
    }
  }
};

template <bool kWide, bool kAll>
struct Match {
  static constexpr Traits kTraits{!kWide, false, kWide, false, true, kAll};

  static void compute(uint32_t lanes, uint32_t, const Instr&, Exchange& x) {
    if (!kWide) for_each_lane(lanes, [&](int i) { x.wide[i] = x.a[i]; });
    bool all = true;
    for_each_lane(lanes, [&](int i) {
      uint32_t equal = 0;
      for_each_lane(lanes, [&](int j) { equal |= x.wide[i] == x.wide[j] ? 1u << j : 0u; });
      all = all && equal == lanes;
      x.result[i] = equal;
    });
    if (kAll) {
      for_each_lane(lanes, [&](int i) { x.result[i] = all ? lanes : 0; });
      x.predicate = all ? kAllLanes : 0;
    }
  }
};

enum class Fold { kAdd, kMin, kMax, kAnd, kOr, kXor };

template <class T, Fold kFold>
struct Redux {
  static constexpr Traits kTraits{true, false, false, false, true, false};

  static void compute(uint32_t lanes, uint32_t, const Instr&, Exchange& x) {
    uint32_t folded = x.a[__builtin_ctz(lanes)];
    for_each_lane(lanes & (lanes - 1), [&](int i) {
      const T p = static_cast<T>(folded), q = static_cast<T>(x.a[i]);
      switch (kFold) {
        case Fold::kAdd: folded += x.a[i]; break;
        case Fold::kMin: folded = static_cast<uint32_t>(q < p ? q : p); break;
        case Fold::kMax: folded = static_cast<uint32_t>(p < q ? q : p); break;
        case Fold::kAnd: folded &= x.a[i]; break;
        case Fold::kOr: folded |= x.a[i]; break;
        case Fold::kXor: folded ^= x.a[i]; break;
      }
    });
    for_each_lane(lanes, [&](int i) { x.result[i] = folded; });
  }
};

struct WarpBarrier {
  static constexpr Traits kTraits{false, false, false, false, false, false};
  static void compute(uint32_t, uint32_t, const Instr&, Exchange&) {}
};

const Instr* activemask(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  uint32_t* d = slot<uint32_t>(warp, in.dst);
  for_each_lane(active, [&](int i) { d[i] = active; });
  return &in + 1;
}

void expect_sync(Decoder& d) {
  if (!d.take(".sync")) d.fail("'" + std::string(d.opcode()) + "' without .sync does not exist on this architecture");
}

// shfl.sync.mode.b32 d[|p], a, b, c, membermask
void decode_shfl(Decoder& d) {
  expect_sync(d);
  const int mode = d.take_one_of({".up", ".down", ".bfly", ".idx"});
  if (mode < 0 || d.take_type() != Type::kB32) d.fail("'shfl' is .up, .down, .bfly or .idx, and .b32");
  d.expect_operands(5);
  const bool pair = d.operand(0).kind == Operand::Kind::kPair;
  const Slot dst = d.write(pair ? d.operand(0).parts[0] : d.operand(0), Type::kB32);
  const Slot p = pair ? d.write_predicate(d.operand(0).parts[1]) : d.scratch(Type::kPred);
  constexpr Handler kHandlers[] = {&synchronised<Shfl<Shuffle::kUp>>, &synchronised<Shfl<Shuffle::kDown>>,
                                   &synchronised<Shfl<Shuffle::kButterfly>>, &synchronised<Shfl<Shuffle::kIndex>>};
  const Slot a = d.read(1, Type::kB32), b = d.read(2, Type::kB32), c = d.read(3, Type::kB32);
  d.emit(kHandlers[mode], dst, a, b, c, p).imm = d.read(4, Type::kB32);
}

// vote.sync.mode d, [!]p, membermask
void decode_vote(Decoder& d) {
  expect_sync(d);
  const int mode = d.take_one_of({".all", ".any", ".uni", ".ballot"});
  if (mode < 0) d.fail("'vote' is .all, .any, .uni or .ballot");
  const Type type = d.take_any_type();
  d.expect_operands(3);
  constexpr Handler kHandlers[] = {&synchronised<VoteOp<Vote::kAll>>, &synchronised<VoteOp<Vote::kAny>>,
                                   &synchronised<VoteOp<Vote::kUniform>>, &synchronised<VoteOp<Vote::kBallot>>};
  if (mode < 0 || type != (mode == 3 ? Type::kB32 : Type::kPred)) d.fail("'vote.ballot' gives .b32, the others .pred");
  Instr& instr = d.emit(kHandlers[mode], d.write(0, type), d.read_predicate(d.operand(1)));
  instr.flags = d.operand(1).negated;
  instr.imm = d.read(2, Type::kB32);
}

// match.any.sync.type d, a, membermask; match.all.sync.type d[|p], a, membermask
void decode_match(Decoder& d) {
  const int mode = d.take_one_of({".any", ".all"});
  expect_sync(d);
  const Type type = d.take_type();
  d.expect_operands(3);
  if (mode < 0 || ptx::bytes_of(type) < 4) d.fail("'match' is .any or .all, and .b32 or .b64");
  const bool pair = d.operand(0).kind == Operand::Kind::kPair, wide = ptx::bytes_of(type) == 8;
  const Slot dst = d.write(pair ? d.operand(0).parts[0] : d.operand(0), Type::kB32);
  const Slot p = pair ? d.write_predicate(d.operand(0).parts[1]) : d.scratch(Type::kPred);
  const Handler handler = wide ? (mode == 0 ? &synchronised<Match<true, false>> : &synchronised<Match<true, true>>)
                               : (mode == 0 ? &synchronised<Match<false, false>> : &synchronised<Match<false, true>>);
  d.emit(handler, dst, d.read(1, type), 0, 0, p).imm = d.read(2, Type::kB32);
}

template <class T>
Handler redux_handler(int fold) {
  constexpr Handler kHandlers[] = {&synchronised<Redux<T, Fold::kAdd>>, &synchronised<Redux<T, Fold::kMin>>,
                                   &synchronised<Redux<T, Fold::kMax>>, &synchronised<Redux<T, Fold::kAnd>>,
                                   &synchronised<Redux<T, Fold::kOr>>,  &synchronised<Redux<T, Fold::kXor>>};
  return kHandlers[fold];
}

// redux.sync.op.type d, a, membermask
void decode_redux(Decoder& d) {
  expect_sync(d);
  const int fold = d.take_one_of({".add", ".min", ".max", ".and", ".or", ".xor"});
  const Type type = d.take_type();
  d.expect_operands(3);
  if (fold < 0 || ptx::bytes_of(type) != 4 || ptx::is_float(type)) d.fail("'redux' needs an operation on 32-bit integers");
  d.emit(type == Type::kS32 ? redux_handler<int32_t>(fold) : redux_handler<uint32_t>(fold), d.write(0, type),
         d.read(1, type))
      .imm = d.read(2, Type::kB32);
}

// elect.sync d|p, membermask: the lowest lane of those that came is the leader.
struct Elect {
  static constexpr Traits kTraits{false, false, false, false, true, true};

  static void compute(uint32_t lanes, uint32_t, const Instr&, Exchange& x) {
    const int leader = __builtin_ctz(lanes);
    for_each_lane(lanes, [&](int i) { x.result[i] = static_cast<uint32_t>(leader); });
    x.predicate = 1u << leader;
  }
};

void decode_elect(Decoder& d) {
  expect_sync(d);
  d.expect_operands(2);
  const Operand& result = d.operand(0);
  if (result.kind != Operand::Kind::kPair) d.fail("'elect' gives a leader and a predicate");
  d.emit(&synchronised<Elect>, d.write(result.parts[0], Type::kB32), 0, 0, 0, d.write_predicate(result.parts[1]))
      .imm = d.read(1, Type::kB32);
}

void decode_activemask(Decoder& d) {
  d.take_type();
  d.expect_operands(1);
  d.emit(&activemask, d.write(0, Type::kB32));
}

}  // namespace

void decode_warp_barrier(Decoder& d) {
  expect_sync(d);
  d.expect_operands(1);
  d.emit(&synchronised<WarpBarrier>).imm = d.read(0, Type::kB32);
}

const OpcodeTable kSyncOpcodes = {
    {"shfl", decode_shfl}, {"vote", decode_vote}, {"match", decode_match}, {"redux", decode_redux},
    {"activemask", decode_activemask}, {"elect", decode_elect},
};

}  // namespace talweg::exec
