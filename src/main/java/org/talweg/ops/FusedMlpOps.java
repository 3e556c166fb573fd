package org.talweg.ops;

import org.talweg.tensor.Tensor;

/**
 * Forward, loss and backward of a whole {@link FusedMlp} in two launches: one takes rows through all layers and back, with
 * what lies between the layers never in memory, the other adds up the weight gradients of its blocks. The result is that
 * of {@link DenseOps} and {@link LossOps} layer by layer in the same {@link Precision}, but for the order in which a weight
 * gradient's rows are summed.
 */
public interface FusedMlpOps {

    /** For devices without: there the layers are computed one by one. */
    FusedMlpOps NONE = new FusedMlpOps() {
        @Override
        public String refusal(FusedMlp mlp) {
            return "this device computes layer by layer";
        }

        @Override
        public Plan plan(FusedMlp mlp, int batch) {
            throw new UnsupportedOperationException(refusal(mlp));
        }
    };

    /** Why this device cannot fuse it, in words; null if it can. */
    String refusal(FusedMlp mlp);

    /**
     * @param batch at least 1
     * @throws IllegalArgumentException with the {@link #refusal}, if there is one
     */
    Plan plan(FusedMlp mlp, int batch);

    /** How a step of so many rows runs. */
    interface Plan {

        /** Whether it is predicted to take less time than the layers one by one, without moving many more bytes. */
        boolean isFaster();

        /** Which the device must find in an INT32 tensor. */
        int[] layout();

        /** Shares of the weight gradients: their memory is {@link FusedMlp#length} elements for each, zero at first. */
        int shares();

        /** Number of partial sums of squares. */
        int squarePartials();

        /** Two launches. */
        void run(Step step);
    }

    /**
     * What a step reads and writes, all on the device.
     *
     * @param layout         {@link Plan#layout}
     * @param shares         {@link Plan#shares} times the flat length
     * @param features       a data set [rows×inputs], read through {@code rows}
     * @param rows           or null for the first
     * @param parameters     flat
     * @param targets        as {@link LossBatch} has them
     * @param rowLosses      [batch]
     * @param rowHits        [batch] or null
     * @param gradients      flat, overwritten
     * @param squarePartials {@link Plan#squarePartials} elements, whose sum, in order, is the squared norm
     */
    record Step(Tensor layout, Tensor shares, Tensor features, BatchRows rows, Tensor parameters, LossTerms loss,
                Tensor targets, Tensor rowLosses, Tensor rowHits, Tensor gradients, Tensor squarePartials) {
    }
}
