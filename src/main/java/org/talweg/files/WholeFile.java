package org.talweg.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Writes files whole or not at all: under a temporary name in the same directory, forced to the disk, renamed over the
 * file, and the directory forced too. Whoever reads the file, also after a crash, sees all of it or what was there before.
 */
public final class WholeFile {
    /** Of names that a crash may leave behind. */
    public static final String TEMPORARY = ".tmp";

    /** So that two threads that write the same file do not write into each other's. */
    private static final AtomicLong WRITES = new AtomicLong();

    private WholeFile() {
    }

    /** Writes the content from the channel's beginning. */
    @FunctionalInterface
    public interface Content {
        void writeTo(FileChannel channel) throws IOException;
    }

    public static void write(Path path, Content content) throws IOException {
        Path target = path.toAbsolutePath();
        if (!Files.isDirectory(target.getParent())) {
            throw new IOException(path + " cannot be written: there is no folder " + target.getParent());
        }
        Path temporary = target.resolveSibling(target.getFileName() + "." + ProcessHandle.current().pid() + "-"
            + WRITES.incrementAndGet() + TEMPORARY);
        try {
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE,
                StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING)) {
                content.writeTo(channel);
                channel.force(true);
            }
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            force(target.getParent());
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    public static void write(Path path, String text) throws IOException {
        write(path, text.getBytes(StandardCharsets.UTF_8));
    }

    public static void write(Path path, byte[] bytes) throws IOException {
        ByteBuffer rest = ByteBuffer.wrap(bytes);
        write(path, channel -> {
            while (rest.hasRemaining()) {
                channel.write(rest);
            }
        });
    }

    /** The new name is on the disk only when the directory is. */
    private static void force(Path directory) throws IOException {
        FileChannel channel;
        try {
            channel = FileChannel.open(directory, StandardOpenOption.READ);
        } catch (IOException e) {
            // Windows opens no directories, and needs no more than the move.
            return;
        }
        try (channel) {
            channel.force(true);
        }
    }
}
