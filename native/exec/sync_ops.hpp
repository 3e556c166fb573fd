// bar.warp.sync belongs to the operations that warps synchronise by, though it is spelled as a barrier.
#pragma once

#include "decode.hpp"

namespace talweg::exec {

void decode_warp_barrier(Decoder& decoder);  // behind .warp

}  // namespace talweg::exec
