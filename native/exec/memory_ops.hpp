// What loads, stores and atomics share when they are decoded.
#pragma once

#include "decode.hpp"
#include "memory_access.hpp"

namespace talweg::exec {

// Takes the state space modifier.
AddressKind take_address_kind(Decoder& decoder, const Operand& address);
Slot address_slot(Decoder& decoder, const Operand& address, AddressKind kind, uint64_t& offset);

}  // namespace talweg::exec
