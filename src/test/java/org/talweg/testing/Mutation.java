package org.talweg.testing;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.SplittableRandom;

/** What may happen to a file: bytes lost, added, doubled, flipped, and numbers that are likely to trip over. */
public final class Mutation {
    /** What sizes and counts are likely to trip over. */
    private static final long[] EDGES = {0, -1, 1, 127, 255, 65535, Integer.MAX_VALUE, Integer.MIN_VALUE, Long.MAX_VALUE,
        Long.MIN_VALUE, 1L << 40};

    private Mutation() {
    }

    /** One to three of them. */
    public static byte[] of(byte[] good, SplittableRandom random) {
        byte[] bad = good.clone();
        for (int i = random.nextInt(1, 4); i > 0 && bad.length > 0; i--) {
            int at = random.nextInt(bad.length);
            bad = switch (random.nextInt(8)) {
                case 0 -> Arrays.copyOf(bad, at);
                case 1 -> splice(bad, at, at, bytes(random, random.nextInt(1, 20)));
                case 2 -> splice(bad, at, Math.min(bad.length, at + random.nextInt(1, 20)), new byte[0]);
                case 3 -> splice(bad, at, Math.min(bad.length, at + Long.BYTES), edge(random));
                case 4 -> splice(bad, at, Math.min(bad.length, at + 1),
                    String.valueOf(EDGES[random.nextInt(EDGES.length)]).getBytes(StandardCharsets.UTF_8));
                case 5 -> splice(bad, at, at, Arrays.copyOfRange(bad, at, Math.min(bad.length, at + 40)));
                case 6 -> set(bad, at, (byte) random.nextInt(256));
                default -> set(bad, at, (byte) (bad[at] ^ 1 << random.nextInt(8)));
            };
        }
        return bad;
    }

    private static byte[] edge(SplittableRandom random) {
        ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES)
            .order(random.nextBoolean() ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
        return Arrays.copyOf(bytes.putLong(EDGES[random.nextInt(EDGES.length)]).array(), random.nextBoolean() ? 8 : 4);
    }

    private static byte[] bytes(SplittableRandom random, int count) {
        byte[] bytes = new byte[count];
        random.nextBytes(bytes);
        return bytes;
    }

    private static byte[] set(byte[] bytes, int at, byte value) {
        bytes[at] = value;
        return bytes;
    }

    private static byte[] splice(byte[] bytes, int from, int to, byte[] between) {
        byte[] result = new byte[bytes.length - (to - from) + between.length];
        System.arraycopy(bytes, 0, result, 0, from);
        System.arraycopy(between, 0, result, from, between.length);
        System.arraycopy(bytes, to, result, from + between.length, bytes.length - to);
        return result;
    }
}
