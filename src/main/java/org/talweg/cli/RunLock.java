package org.talweg.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * While it is open, no other process writes to a run's folder. The operating system gives the lock back however a process
 * ends, so that nothing has to be removed after {@code kill -9}; the file stays, and means nothing.
 */
final class RunLock implements AutoCloseable {
    static final String NAME = ".lock";
    private static final Logger LOG = LoggerFactory.getLogger(RunLock.class);
    /** Of this process: to close a second channel to a locked file would give the first one's lock back. */
    private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();
    /** Beyond the text, which others can read so even where a lock keeps them out. */
    private static final long AT = Long.MAX_VALUE - 1;
    private static final int LONGEST_PID = 20;

    private final Path held;
    /** Null where the file system has no locks. */
    private final FileChannel channel;

    private RunLock(Path held, FileChannel channel) {
        this.held = held;
        this.channel = channel;
    }

    /** @throws IOException if another process has the folder; says which, and what to do */
    static RunLock of(Path folder) throws IOException {
        Path key = folder.toRealPath();
        if (!HELD.add(key)) {
            throw taken(folder, String.valueOf(ProcessHandle.current().pid()));
        }
        try {
            return new RunLock(key, lock(folder));
        } catch (IOException | RuntimeException e) {
            HELD.remove(key);
            throw e;
        }
    }

    private static FileChannel lock(Path folder) throws IOException {
        FileChannel channel = FileChannel.open(folder.resolve(NAME), StandardOpenOption.CREATE, StandardOpenOption.READ,
            StandardOpenOption.WRITE);
        try {
            FileLock lock;
            try {
                lock = channel.tryLock(AT, 1, false);
            } catch (IOException e) {
                LOG.warn("{} is on a file system without locks ({}); see to it that no other process trains in it", folder,
                    e.getMessage());
                channel.close();
                return null;
            }
            if (lock == null) {
                throw taken(folder, pid(channel));
            }
            channel.truncate(0).write(StandardCharsets.US_ASCII.encode(String.valueOf(ProcessHandle.current().pid())));
            return channel;
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    private static String pid(FileChannel channel) throws IOException {
        ByteBuffer text = ByteBuffer.allocate(LONGEST_PID);
        channel.read(text, 0);
        return StandardCharsets.US_ASCII.decode(text.flip()).toString().strip();
    }

    private static IOException taken(Path folder, String pid) {
        return new IOException(folder + " is in use by process " + (pid.isEmpty() ? "of another talweg" : pid)
            + ", which trains in it; wait for its end or stop it, or name another folder with --out");
    }

    @Override
    public void close() throws IOException {
        try {
            if (channel != null) {
                channel.close();
            }
        } finally {
            HELD.remove(held);
        }
    }
}
