package org.talweg.data;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The fields of a protobuf message, in the order in which they are added.
 *
 * @see <a href="https://protobuf.dev/programming-guides/encoding/">the encoding</a>
 */
public final class Protobuf {
    private static final int VARINT = 0;
    private static final int DOUBLE = 1;
    private static final int BYTES = 2;
    private static final int FLOAT = 5;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    /** A double. */
    public Protobuf number(int field, double value) {
        varint(field << 3 | DOUBLE);
        out.writeBytes(little(Double.BYTES).putDouble(value).array());
        return this;
    }

    /** A float. */
    public Protobuf single(int field, float value) {
        varint(field << 3 | FLOAT);
        out.writeBytes(little(Float.BYTES).putFloat(value).array());
        return this;
    }

    /** An int32, int64 or enum. */
    public Protobuf whole(int field, long value) {
        varint(field << 3 | VARINT);
        varint(value);
        return this;
    }

    public Protobuf text(int field, String value) {
        return bytes(field, value.getBytes(StandardCharsets.UTF_8));
    }

    public Protobuf message(int field, Protobuf value) {
        return bytes(field, value.bytes());
    }

    public Protobuf bytes(int field, byte[] value) {
        varint(field << 3 | BYTES);
        varint(value.length);
        out.writeBytes(value);
        return this;
    }

    private void varint(long value) {
        long left = value;
        for (; (left & ~0x7fL) != 0; left >>>= 7) {
            out.write((int) (left & 0x7f | 0x80));
        }
        out.write((int) left);
    }

    private static ByteBuffer little(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The message so far. */
    public byte[] bytes() {
        return out.toByteArray();
    }
}
