package org.talweg.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.Arrays;

/**
 * Bytes addressed by 64 bits: a part of a file mapped into memory, where the operating system reads what is looked at and
 * forgets it again, or what came out of a compressed one. Safe to read from several threads.
 */
final class Bytes {
    /** Bytes of one part are 2 to the power of this. */
    private static final int PART = 30;
    /** By which each part reaches into the next, so that every number lies whole in the part where it begins. */
    private static final int OVERLAP = Long.BYTES;
    private static final int FIRST_READ = 1 << 16;

    private final ByteBuffer[] parts;
    private final long size;

    private Bytes(ByteBuffer[] parts, long size, ByteOrder order) {
        this.parts = parts;
        this.size = size;
        for (ByteBuffer part : parts) {
            part.order(order);
        }
    }

    /** @param size no more than the file has from {@code position} on */
    static Bytes map(FileChannel channel, long position, long size, ByteOrder order) throws IOException {
        ByteBuffer[] parts = new ByteBuffer[parts(size)];
        for (int i = 0; i < parts.length; i++) {
            parts[i] = channel.map(FileChannel.MapMode.READ_ONLY, position + start(i), length(i, size));
        }
        return new Bytes(parts, size, order);
    }

    private static int parts(long size) {
        return (int) (size + (1L << PART) - 1 >>> PART);
    }

    private static long start(int part) {
        return (long) part << PART;
    }

    private static long length(int part, long size) {
        return Math.min((1L << PART) + OVERLAP, size - start(part));
    }

    /**
     * Reads exactly so many bytes that must be all there are. Memory grows with what really comes, not with what a
     * header claims.
     *
     * @param what for messages
     * @throws IOException if there are fewer or more, or they do not fit into the heap
     */
    static Bytes read(InputStream stream, long size, ByteOrder order, String what) throws IOException {
        if (size > Integer.MAX_VALUE - 8) {
            throw new IOException(what + " takes " + size + " bytes unpacked, more than a Java array holds; store it "
                + "uncompressed, to be read where it lies");
        }
        try {
            byte[] bytes = new byte[(int) Math.min(size, FIRST_READ)];
            int count = 0;
            while (true) {
                int read = stream.readNBytes(bytes, count, bytes.length - count);
                count += read;
                if (count < bytes.length) {
                    throw new IOException(what + " ends after " + count + " of " + size + " bytes");
                }
                if (count == size) {
                    break;
                }
                bytes = Arrays.copyOf(bytes, (int) Math.min(size, 4L * count));
            }
            if (stream.read() >= 0) {
                throw new IOException(what + " goes on after the " + size + " bytes that its header claims");
            }
            ByteBuffer[] parts = new ByteBuffer[parts(size)];
            for (int i = 0; i < parts.length; i++) {
                parts[i] = ByteBuffer.wrap(bytes).slice((int) start(i), (int) length(i, size));
            }
            return new Bytes(parts, size, order);
        } catch (OutOfMemoryError e) {
            throw new IOException(what + " takes " + size + " bytes unpacked, and the Java heap has no room for them; "
                + "give it more with -Xmx, or store it uncompressed, to be read where it lies", e);
        }
    }

    long size() {
        return size;
    }

    /** The number at a byte address. */
    double get(NumberType type, long address) {
        return type.get(parts[(int) (address >>> PART)], (int) address & (1 << PART) - 1);
    }
}
