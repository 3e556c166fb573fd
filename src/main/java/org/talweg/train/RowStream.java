package org.talweg.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.talweg.data.Dataset;
import org.talweg.data.Rows;
import org.talweg.ops.Device;
import org.talweg.ops.DeviceMemoryException;
import org.talweg.ops.Feed;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/**
 * A data set that passes through the device in windows of whole batches, because it does not fit there. The memory of two
 * windows is used in turn: while the steps of one run, the next is copied there, and a thread gathers the one after it into
 * pinned memory. Row p of an epoch's order lies in slot p mod 2W, so that programs read it through a fixed table, and a step
 * is the same launch on the same numbers as with all rows on the device.
 */
final class RowStream implements AutoCloseable {
    private static final long USUAL_WINDOW = 64L << 20;
    private static final int LARGEST_BUFFER = Integer.MAX_VALUE - 8;

    private final Resources resources = new Resources();
    private final String name;
    private final Rows rows;
    private final TargetRows targets;
    private final int batch;
    private final int window;
    private final Tensor features;
    private final Tensor targetSlots;
    private final Feed[] feeds = new Feed[2];
    private final Feed[] targetFeeds = new Feed[2];
    private final ExecutorService gatherer;
    private Future<?> gathering;
    private int[] order;
    private int current;

    /**
     * @param targets to be streamed with the features, or null
     * @param batches of {@code batch} rows in a window
     * @throws DeviceMemoryException if two windows do not fit
     */
    RowStream(Device device, Dataset data, TargetRows targets, int batch, int batches) {
        name = data.name();
        rows = data.source();
        this.targets = targets;
        this.batch = batch;
        window = Math.multiplyExact(batch, batches);
        long bytes = (long) window * rows.columns() * Float.BYTES;
        if (bytes > LARGEST_BUFFER) {
            throw new DeviceMemoryException("a window of " + window + " rows of " + data.name() + " takes " + bytes
                + " bytes, more than a buffer holds; make the batch smaller");
        }
        try {
            features = resources.tensor(device, DType.FLOAT32, data.inputShape().batch(2 * window),
                data.name() + " features, two windows");
            targetSlots = targets == null ? null : resources.tensor(device, targets.type(),
                targets.row().batch(2 * window), data.name() + " targets, two windows");
            for (int half = 0; half < 2; half++) {
                feeds[half] = resources.add(device.feed((int) bytes), Feed::close);
                targetFeeds[half] = targets == null ? null
                    : resources.add(device.feed(Math.multiplyExact(window, targets.bytes())), Feed::close);
            }
        } catch (RuntimeException e) {
            resources.close();
            throw e;
        }
        gatherer = Executors.newSingleThreadExecutor(task -> {
            Thread thread = new Thread(task, "rows of " + data.name());
            thread.setDaemon(true);
            return thread;
        });
    }

    /** As many batches as make a window of the usual size, or two of {@code most} bytes together; at least 1. */
    static int batches(Dataset data, int batch, long most) {
        long bytes = (long) batch * data.columns() * Float.BYTES;
        return (int) Math.max(1, Math.min(data.rows() / batch, Math.min(USUAL_WINDOW, most / 2) / bytes));
    }

    /** [2·window×row]. */
    Tensor features() {
        return features;
    }

    /** [2·window×target row], or null. */
    Tensor targets() {
        return targetSlots;
    }

    /** Rows of both windows. */
    int slots() {
        return 2 * window;
    }

    /**
     * Starts a pass over all rows.
     *
     * @param passOrder row numbers, or null for the data set's order
     * @param first     batch to start with
     */
    void begin(int[] passOrder, int first) {
        order = passOrder;
        await();
        int at = (int) ((long) first * batch / window);
        gather(at);
        await();
        send(at);
        if (exists(at + 1)) {
            gather(at + 1);
        }
        current = at - 1;
    }

    /** To be called before the operations of each batch, in order. */
    void before(int number) {
        int wanted = (int) ((long) number * batch / window);
        if (wanted == current) {
            return;
        }
        if (exists(wanted + 1)) {
            // Into the half whose steps have all been entered: the copy waits for them.
            await();
            send(wanted + 1);
        }
        join(wanted);
        if (exists(wanted + 2)) {
            gather(wanted + 2);
        }
        current = wanted;
    }

    private boolean exists(int number) {
        return (long) number * window < rows.count();
    }

    private int end(int number) {
        return (int) Math.min(rows.count(), (number + 1L) * window);
    }

    private void gather(int number) {
        int half = number & 1;
        ByteBuffer to = feeds[half].memory();
        ByteBuffer targetsTo = targets == null ? null : targetFeeds[half].memory();
        int[] passOrder = order;
        gathering = gatherer.submit(() -> {
            float[] row = new float[rows.columns()];
            for (int position = number * window; position < end(number) && !Thread.currentThread().isInterrupted();
                position++) {
                int index = passOrder == null ? position : passOrder[position];
                rows.read(index, row, 0);
                to.asFloatBuffer().put(row);
                to.position(to.position() + row.length * Float.BYTES);
                if (targets != null) {
                    targets.write(index, targetsTo);
                }
            }
        });
    }

    private void await() {
        if (gathering == null) {
            return;
        }
        try {
            gathering.get();
        } catch (ExecutionException e) {
            throw new UncheckedIOException(new IOException("rows of " + name + " cannot be read, as they could before: "
                + e.getCause().getMessage(), e.getCause()));
        } catch (InterruptedException | CancellationException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while rows were read", e);
        }
        gathering = null;
    }

    private void send(int number) {
        int from = (number & 1) * window;
        int to = from + end(number) - number * window;
        feeds[number & 1].send(features.rows(from, to));
        if (targets != null) {
            targetFeeds[number & 1].send(targetSlots.rows(from, to));
        }
    }

    private void join(int number) {
        feeds[number & 1].join();
        if (targets != null) {
            targetFeeds[number & 1].join();
        }
    }

    @Override
    public void close() {
        gatherer.shutdownNow();
        try {
            // Nobody may write into memory that is about to be freed.
            gatherer.awaitTermination(1, TimeUnit.MINUTES);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        resources.close();
    }
}
