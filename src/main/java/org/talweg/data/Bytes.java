package org.talweg.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Bytes addressed by 64 bits: a part of a file mapped into memory, where the operating system reads what is looked at and
 * forgets it again, or what came out of a compressed one. Safe to read from several threads.
 */
final class Bytes {
    /** Bytes of one part are 2 to the power of this. */
    private static final int PART = 30;
    /** By which each part reaches into the next, so that every number lies whole in the part where it begins. */
    private static final int OVERLAP = Long.BYTES;
    /** What is unpacked to more than this does not stay in the heap. */
    private static final int IN_HEAP = 1 << 20;
    private static final int BLOCK = 1 << 16;

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
     * Reads exactly so many bytes that must be all there are: into the heap if they are few, else into a temporary file
     * without a name, which is mapped. Memory and file grow with what really comes, not with what a header claims.
     *
     * @param what for messages
     * @throws IOException if there are fewer or more, or the temporary folder has no room for them
     */
    static Bytes read(InputStream stream, long size, ByteOrder order, String what) throws IOException {
        Bytes bytes = size <= IN_HEAP ? readToHeap(stream, (int) size, order, what) : readToFile(stream, size, order, what);
        if (stream.read() >= 0) {
            throw new IOException(what + " goes on after the " + size + " bytes that its header claims");
        }
        return bytes;
    }

    private static Bytes readToHeap(InputStream stream, int size, ByteOrder order, String what) throws IOException {
        byte[] bytes = stream.readNBytes(size);
        checkLength(bytes.length, size, what);
        ByteBuffer[] parts = size == 0 ? new ByteBuffer[0] : new ByteBuffer[] {ByteBuffer.wrap(bytes)};
        return new Bytes(parts, size, order);
    }

    private static Bytes readToFile(InputStream stream, long size, ByteOrder order, String what) throws IOException {
        Path file = Files.createTempFile("talweg-", ".unpacked");
        long room = Files.getFileStore(file).getUsableSpace();
        // On Unix its name goes as soon as it is open, so that nothing stays, whatever happens.
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE,
            StandardOpenOption.DELETE_ON_CLOSE)) {
            if (size > room) {
                throw new IOException(what + " takes " + size + " bytes unpacked, and " + file.getParent() + " has room for "
                    + room + "; name another folder with -Djava.io.tmpdir, or store it uncompressed, to be read where it lies");
            }
            byte[] block = new byte[BLOCK];
            long count = 0;
            for (int read = 1; count < size && read > 0; count += read) {
                read = stream.readNBytes(block, 0, (int) Math.min(BLOCK, size - count));
                for (ByteBuffer out = ByteBuffer.wrap(block, 0, read); out.hasRemaining();) {
                    channel.write(out);
                }
            }
            checkLength(count, size, what);
            return map(channel, 0, size, order);
        }
    }

    private static void checkLength(long count, long size, String what) throws IOException {
        if (count < size) {
            throw new IOException(what + " ends after " + count + " of " + size + " bytes");
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
