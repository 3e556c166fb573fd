// cp.async.bulk and its kin, though they are spelled as other instructions are.
#pragma once

#include "decode.hpp"

namespace talweg::exec {

void decode_bulk(Decoder& decoder, bool reduces);  // behind cp.async.bulk or cp.reduce.async.bulk
void decode_async_store(Decoder& decoder);         // behind st.async
void decode_async_reduction(Decoder& decoder);     // behind red.async

}  // namespace talweg::exec
