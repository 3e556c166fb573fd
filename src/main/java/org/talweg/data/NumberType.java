package org.talweg.data;

import java.nio.ByteBuffer;
import java.util.Optional;

/** How a file stores one number. Every type is widened exactly, but for 64-bit integers beyond 2⁵³, which are rounded. */
enum NumberType {
    BOOL(1, false) {
        @Override
        double get(ByteBuffer bytes, int at) {
            return bytes.get(at) != 0 ? 1 : 0;
        }
    },
    INT8(1, false) {
        @Override
        double get(ByteBuffer bytes, int at) {
            return bytes.get(at);
        }
    },
    UINT8(1, false) {
        @Override
        double get(ByteBuffer bytes, int at) {
            return bytes.get(at) & 0xff;
        }
    },
    INT16(2, false) {
        @Override
        double get(ByteBuffer bytes, int at) {
            return bytes.getShort(at);
        }
    },
    UINT16(2, false) {
        @Override
        double get(ByteBuffer bytes, int at) {
            return bytes.getShort(at) & 0xffff;
        }
    },
    INT32(4, false) {
        @Override
        double get(ByteBuffer bytes, int at) {
            return bytes.getInt(at);
        }
    },
    UINT32(4, false) {
        @Override
        double get(ByteBuffer bytes, int at) {
            return Integer.toUnsignedLong(bytes.getInt(at));
        }
    },
    INT64(8, false) {
        @Override
        double get(ByteBuffer bytes, int at) {
            return bytes.getLong(at);
        }
    },
    UINT64(8, false) {
        @Override
        double get(ByteBuffer bytes, int at) {
            long value = bytes.getLong(at);
            // The lowest bit, which is halved away, may still decide how the rest is rounded.
            return value >= 0 ? value : 2.0 * (value >>> 1 | value & 1);
        }
    },
    FLOAT16(2, true) {
        @Override
        double get(ByteBuffer bytes, int at) {
            int half = bytes.getShort(at);
            int exponent = half >> 10 & 31;
            int fraction = half & 1023;
            double magnitude = exponent == 0 ? Math.scalb((double) fraction, -24)
                : exponent < 31 ? Math.scalb((double) (1024 + fraction), exponent - 25)
                : fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
            return half < 0 ? -magnitude : magnitude;
        }
    },
    BFLOAT16(2, true) {
        @Override
        double get(ByteBuffer bytes, int at) {
            return Float.intBitsToFloat(bytes.getShort(at) << 16);
        }
    },
    FLOAT32(4, true) {
        @Override
        double get(ByteBuffer bytes, int at) {
            return bytes.getFloat(at);
        }
    },
    FLOAT64(8, true) {
        @Override
        double get(ByteBuffer bytes, int at) {
            return bytes.getDouble(at);
        }
    };

    private final int bytes;
    private final boolean floating;

    NumberType(int bytes, boolean floating) {
        this.bytes = bytes;
        this.floating = floating;
    }

    /** The number at a place, in the buffer's byte order. */
    abstract double get(ByteBuffer bytes, int at);

    int bytes() {
        return bytes;
    }

    /** Whether it can be NaN or infinite, or have a fraction. */
    boolean isFloat() {
        return floating;
    }

    /** By its name in a safetensors header. */
    static Optional<NumberType> ofSafetensors(String name) {
        return Optional.ofNullable(switch (name) {
            case "BOOL" -> BOOL;
            case "I8" -> INT8;
            case "U8" -> UINT8;
            case "I16" -> INT16;
            case "U16" -> UINT16;
            case "I32" -> INT32;
            case "U32" -> UINT32;
            case "I64" -> INT64;
            case "U64" -> UINT64;
            case "F16" -> FLOAT16;
            case "BF16" -> BFLOAT16;
            case "F32" -> FLOAT32;
            case "F64" -> FLOAT64;
            default -> null;
        });
    }

    /** By kind and size in a NumPy type string, as {@code f4}. */
    static Optional<NumberType> ofNumpy(String name) {
        return Optional.ofNullable(switch (name) {
            case "b1" -> BOOL;
            case "i1" -> INT8;
            case "u1" -> UINT8;
            case "i2" -> INT16;
            case "u2" -> UINT16;
            case "i4" -> INT32;
            case "u4" -> UINT32;
            case "i8" -> INT64;
            case "u8" -> UINT64;
            case "f2" -> FLOAT16;
            case "f4" -> FLOAT32;
            case "f8" -> FLOAT64;
            default -> null;
        });
    }

    /** By the third byte of an IDX file. */
    static Optional<NumberType> ofIdx(int code) {
        return Optional.ofNullable(switch (code) {
            case 0x08 -> UINT8;
            case 0x09 -> INT8;
            case 0x0b -> INT16;
            case 0x0c -> INT32;
            case 0x0d -> FLOAT32;
            case 0x0e -> FLOAT64;
            default -> null;
        });
    }
}
