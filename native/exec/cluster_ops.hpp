// barrier.cluster belongs to clusters, though it is spelled as a barrier.
#pragma once

#include "decode.hpp"

namespace talweg::exec {

void decode_cluster_barrier(Decoder& decoder);  // behind .cluster

}  // namespace talweg::exec
