package org.talweg.cuda;

/**
 * What a shape's products are made of. Sums of an element run in the order of k in tiles of every size; only
 * {@code share} decides how they are grouped.
 *
 * @param forward tiles of A
 * @param input   tiles of dX in a launch of its own
 * @param weights tiles of dW
 * @param share   rows of the batch that a block of dW sums: the whole batch, or a multiple of 16
 * @param beside  tiles of dX in the launch of dW; 0 for launches of their own, side by side
 */
record DensePlan(int forward, int input, int weights, int share, int beside) {
    /** {@code A 64, dX 64, dW 128 over 512 rows, in one launch with dX 64}. */
    @Override
    public String toString() {
        return "A " + forward + ", dX " + input + ", dW " + weights + " over " + share + " rows, "
            + (beside == 0 ? "each in its launch" : "in one launch with dX " + beside);
    }

    DensePlan withForward(int tile) {
        return new DensePlan(tile, input, weights, share, beside);
    }

    DensePlan withInput(int tile) {
        return new DensePlan(forward, tile, weights, share, beside);
    }

    DensePlan withWeights(int tile, int rows) {
        return new DensePlan(forward, input, tile, rows, 0);
    }

    DensePlan withBeside(int tile) {
        return new DensePlan(forward, input, weights, share, tile);
    }
}
