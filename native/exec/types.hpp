// Choosing an instance of a handler template by a PTX type.
#pragma once

#include "decode.hpp"
#include "lanes.hpp"

namespace talweg::exec {

// Op<T>::f as a handler, for the integer types of 16, 32 and 64 bits. Untyped bits count as unsigned.
template <template <class> class Op>
Handler integer_handler(Decoder& d, Type type) {
  switch (type) {
    case Type::kB16:
    case Type::kU16: return &Lanewise<&Op<uint16_t>::f>::run;
    case Type::kS16: return &Lanewise<&Op<int16_t>::f>::run;
    case Type::kB32:
    case Type::kU32: return &Lanewise<&Op<uint32_t>::f>::run;
    case Type::kS32: return &Lanewise<&Op<int32_t>::f>::run;
    case Type::kB64:
    case Type::kU64: return &Lanewise<&Op<uint64_t>::f>::run;
    case Type::kS64: return &Lanewise<&Op<int64_t>::f>::run;
    default: d.fail("'" + std::string(d.opcode()) + "' knows no such type");
  }
}

template <template <class> class Op>
Handler wide_integer_handler(Decoder& d, Type type) {  // 32 and 64 bits
  switch (type) {
    case Type::kB32:
    case Type::kU32: return &Lanewise<&Op<uint32_t>::f>::run;
    case Type::kS32: return &Lanewise<&Op<int32_t>::f>::run;
    case Type::kB64:
    case Type::kU64: return &Lanewise<&Op<uint64_t>::f>::run;
    case Type::kS64: return &Lanewise<&Op<int64_t>::f>::run;
    default: d.fail("'" + std::string(d.opcode()) + "' knows no such type");
  }
}

inline void emit_unary(Decoder& d, Handler handler, Type type) {
  d.expect_operands(2);
  d.emit(handler, d.write(0, type), d.read(1, type));
}

inline void emit_binary(Decoder& d, Handler handler, Type type) {
  d.expect_operands(3);
  d.emit(handler, d.write(0, type), d.read(1, type), d.read(2, type));
}

inline void emit_ternary(Decoder& d, Handler handler, Type type) {
  d.expect_operands(4);
  d.emit(handler, d.write(0, type), d.read(1, type), d.read(2, type), d.read(3, type));
}

}  // namespace talweg::exec
