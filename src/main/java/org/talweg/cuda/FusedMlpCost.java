package org.talweg.cuda;

import org.talweg.ops.FusedMlp;
import org.talweg.ops.Precision;

/**
 * Predicts the time of a step without its update, fused and layer by layer, to choose between them: launches, bytes, and
 * the longest row of sums that must run one after the other. In float32 a multiprocessor is taken to start a fused
 * multiply-add of four warps each cycle and to wait for nothing but the loads of a depth; tensor cores wait for what feeds
 * them. The constants are round numbers for chips from A100 to H100, not measurements; only the comparison is used.
 */
final class FusedMlpCost {
    private static final double LAUNCH = 2_000;
    private static final double CYCLES_A_NANOSECOND = 1.5;
    private static final double BYTES_A_NANOSECOND = 1_500;
    /** Before the first sum of a product and after the last. */
    private static final double CYCLES_A_PRODUCT = 800;
    /** How many times the bytes of the layers one by one a fused step may move: time is saved, not memory worn. */
    private static final double MOST_BYTES = 1.5;

    /**
     * What products cost.
     *
     * @param depthAndWarp cycles that a warp with 16 sums a thread keeps a multiprocessor for, a depth. In float32 18
     *                     instructions from four schedulers; on tensor cores 24 wavefronts of shared memory for 16 depths,
     *                     for tf32 also 24 roundings a thread, for its three products twice those and 24 instructions
     * @param least        cycles from depth to depth, whatever there is to do: loads and sums wait for each other
     * @param sums         multiply-adds of a multiprocessor in layers one by one, a cycle
     */
    private record Rate(double depthAndWarp, double least, double sums) {

        static Rate of(Precision precision) {
            return switch (precision) {
                case FLOAT32 -> new Rate(4.5, 25, 75);
                case TF32X3 -> new Rate(5, 14, 120);
                case TF32 -> new Rate(2.5, 9, 300);
                case BF16 -> new Rate(1.5, 8, 500);
            };
        }
    }

    private final FusedMlp mlp;
    private final Rate rate;
    private final long batch;
    private final int multiprocessors;

    FusedMlpCost(FusedMlp mlp, int batch, int multiprocessors) {
        this.mlp = mlp;
        rate = Rate.of(mlp.precision());
        this.batch = batch;
        this.multiprocessors = multiprocessors;
    }

    /** Whether a fused step takes less time, and moves not many more bytes: each block writes a share of all gradients. */
    boolean isFaster(int rows, int warps, int slabsEach, int blocks) {
        return fused(rows, warps, slabsEach, blocks) < layered() && fusedElements(blocks) <= MOST_BYTES * layeredElements();
    }

    /** In nanoseconds. */
    double fused(int rows, int warps, int slabsEach, int blocks) {
        double depths = 0;
        double products = 0;
        for (FusedMlp.Layer layer : mlp.layers()) {
            boolean first = layer == mlp.first();
            double tiles = Math.ceil(layer.outputs() / 16.0) * Math.ceil(layer.inputs() / 32.0);
            depths += layer.inputs() + (first ? 0 : layer.outputs()) + Math.ceil(tiles / warps) * rows;
            products += first ? 2 : 3;
        }
        double cycles = depths * Math.max(rate.least, rate.depthAndWarp * warps)
            + products * CYCLES_A_PRODUCT;
        return 2 * LAUNCH + slabsEach * cycles / CYCLES_A_NANOSECOND
            + fusedElements(blocks) * Float.BYTES / BYTES_A_NANOSECOND;
    }

    private double fusedElements(int blocks) {
        return batch * mlp.first().inputs() + (2.0 * blocks + 2) * mlp.length();
    }

    private double layeredElements() {
        double moved = 3.0 * batch * mlp.last().outputs();
        for (FusedMlp.Layer layer : mlp.layers()) {
            boolean first = layer == mlp.first();
            double x = (double) batch * layer.inputs();
            double z = (double) batch * layer.outputs();
            double w = (double) layer.inputs() * layer.outputs();
            moved += 2 * x + 2 * z + 2 * w + (first ? 0 : w + x);
        }
        return moved;
    }

    /** In nanoseconds. */
    double layered() {
        double cycles = 0;
        long launches = 1;
        long sums = 0;
        for (FusedMlp.Layer layer : mlp.layers()) {
            boolean first = layer == mlp.first();
            long w = (long) layer.inputs() * layer.outputs();
            long deepest = Math.max(Math.min(batch, DensePlanner.MIN_SHARE), first ? 0 : layer.outputs());
            cycles += (layer.inputs() + deepest) * rate.least + 2 * CYCLES_A_PRODUCT;
            sums += (first ? 2 : 3) * batch * w;
            launches += 2;
        }
        return launches * LAUNCH + (cycles + sums / (rate.sums * multiprocessors)) / CYCLES_A_NANOSECOND
            + layeredElements() * Float.BYTES / BYTES_A_NANOSECOND;
    }
}
