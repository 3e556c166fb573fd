// Instructions marked .aligned, which need the whole warp at one place.
#pragma once

#include "block.hpp"
#include "lanes.hpp"

namespace talweg::exec {

// A handler that runs when all lanes have come together; those that come first wait.
template <Handler kRun>
const Instr* aligned(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  if (active == kAllLanes) return kRun(warp, in);
  if (active == 0) return &in + 1;
  if (warp.alive() != kAllLanes || active != warp.mask) {
    const bool predicated = active != warp.mask;
    return warp.block->fault(warp, in, __builtin_ctz(active), Status::kLaunchFailed,
                             predicated ? "a predicate lets only some lanes execute an instruction of the whole warp"
                                        : "an instruction of the whole warp, of which some lanes have exited or do not exist");
  }
  if (warp.converge(in)) return kRun(warp, in);
  warp.park(active, &in, warp.depth(), Group::State::kSync);
  return warp.go_on(&in + 1);
}

}  // namespace talweg::exec
