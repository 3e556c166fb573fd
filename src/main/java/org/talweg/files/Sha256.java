package org.talweg.files;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** A running SHA-256 of texts and arrays, each with its length; and that of bytes as they are. */
public final class Sha256 {
    private static final int BLOCK = 1 << 14;

    private final MessageDigest digest = digest();
    private final ByteBuffer bytes = ByteBuffer.allocate(BLOCK * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);

    public static byte[] of(byte[] bytes) {
        return digest().digest(bytes);
    }

    private static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    public Sha256 add(String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        length(utf8.length);
        digest.update(utf8);
        return this;
    }

    public Sha256 add(float[] values) {
        length(values.length);
        for (int from = 0; from < values.length; from += BLOCK) {
            int count = Math.min(BLOCK, values.length - from);
            bytes.clear().asFloatBuffer().put(values, from, count);
            digest.update(bytes.limit(count * Float.BYTES));
        }
        return this;
    }

    public Sha256 add(int[] values) {
        length(values.length);
        for (int from = 0; from < values.length; from += BLOCK) {
            int count = Math.min(BLOCK, values.length - from);
            bytes.clear().asIntBuffer().put(values, from, count);
            digest.update(bytes.limit(count * Integer.BYTES));
        }
        return this;
    }

    private void length(int length) {
        digest.update(bytes.clear().putInt(length).flip());
    }

    public String hex() {
        return HexFormat.of().formatHex(digest.digest());
    }
}
