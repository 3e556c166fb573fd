// The order in which basic blocks are laid out. Since a warp runs its smallest place first, the order decides where
// diverged lanes wait for each other: it must put each loop in one piece and every join behind what leads to it.
#pragma once

#include <cstdint>
#include <vector>

namespace talweg::exec {

// Blocks reachable from block 0 in a weak topological order (Bourdoncle 1993): reverse post-order, refined so that
// the blocks of a loop are contiguous and its exits follow it.
std::vector<uint32_t> flow_order(const std::vector<std::vector<uint32_t>>& successors);

}  // namespace talweg::exec
