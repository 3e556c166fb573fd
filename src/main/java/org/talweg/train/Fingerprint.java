package org.talweg.train;

import java.util.Arrays;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.files.Sha256;

/** Tells whether data are the same. */
public final class Fingerprint {
    private static final int BLOCK = 1 << 16;

    private Fingerprint() {
    }

    /** SHA-256 of names, features and targets, in hexadecimal. */
    public static String of(Dataset data) {
        Sha256 sum = new Sha256().add(data.featureNames() + "\n" + data.targetNames() + "\n" + data.classNames());
        // Block by block: they may be larger than memory.
        int columns = data.columns();
        float[] block = new float[Math.min(data.rows(), Math.max(1, BLOCK / columns)) * columns];
        for (int from = 0; from < data.rows(); from += block.length / columns) {
            int rows = Math.min(block.length / columns, data.rows() - from);
            for (int row = 0; row < rows; row++) {
                data.source().read(from + row, block, row * columns);
            }
            sum.add(rows * columns == block.length ? block : Arrays.copyOf(block, rows * columns));
        }
        return (data.isClassification() ? sum.add(data.labels()) : sum.add(data.targets())).hex();
    }

    /** Of the data and of the way they are cut into batches. */
    static String of(DataLoader loader) {
        return of(loader.data()) + ", batches of " + loader.batchSize() + ", "
            + (loader.shuffleSeed().isPresent() ? "shuffled by " + loader.shuffleSeed().getAsLong() : "in order");
    }
}
