package org.talweg.data;

import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.talweg.tensor.Philox;

/**
 * A data set with the way it is cut into batches. It stays in host memory; training uploads it once and reads batches
 * on the device through the epoch's order.
 *
 * @param shuffleSeed decides each epoch's order; empty: always the data set's order
 */
public record DataLoader(Dataset data, int batchSize, OptionalLong shuffleSeed) {
    /** Keeps the draws of an order apart from those of initialisers that have the same seed. */
    private static final long ORDER_STREAM = 1L << 32;

    /**
     * @throws IllegalArgumentException if the batch size is below 1 or there are no rows
     */
    public DataLoader {
        if (batchSize < 1) {
            throw new IllegalArgumentException("batch size is " + batchSize + "; it must be at least 1");
        }
        if (data.rows() == 0) {
            throw new IllegalArgumentException(data.name() + " has no rows to make batches of");
        }
    }

    /** Batches in the data set's order; the last one may be smaller. */
    public static DataLoader of(Dataset data, int batchSize) {
        return new DataLoader(data, batchSize, OptionalLong.empty());
    }

    /** A new order each epoch, decided by the seed and the epoch's number alone. */
    public DataLoader shuffled(long seed) {
        return new DataLoader(data, batchSize, OptionalLong.of(seed));
    }

    /** Row numbers in the order of an epoch. */
    public int[] order(int epoch) {
        return shuffleSeed.isPresent()
            ? Philox.permutation(data.rows(), shuffleSeed.getAsLong(), ORDER_STREAM + epoch)
            : IntStream.range(0, data.rows()).toArray();
    }

    public int fullBatches() {
        return data.rows() / batchSize;
    }

    /** Rows of the smaller last batch; 0 if all are full. */
    public int lastBatch() {
        return data.rows() % batchSize;
    }

    /** Batches of an epoch, a smaller last one included. */
    public int batches() {
        return fullBatches() + (lastBatch() > 0 ? 1 : 0);
    }
}
