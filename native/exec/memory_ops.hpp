// What loads, stores and atomics share when they are decoded.
#pragma once

#include "decode.hpp"
#include "memory_access.hpp"

namespace talweg::exec {

// Takes the state space modifier.
AddressKind take_address_kind(Decoder& decoder, const Operand& address);
Slot address_slot(Decoder& decoder, const Operand& address, AddressKind kind, uint64_t& offset);

// Emits a load or store of one word between a register's slot and the addresses in `base`.
void emit_access(Decoder& decoder, bool is_load, Type type, AddressKind kind, Slot base, uint64_t offset, Slot reg);

}  // namespace talweg::exec
