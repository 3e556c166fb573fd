package org.talweg.cuda;

import static org.talweg.cuda.CudaElementwise.ceilDivide;

import java.util.function.IntFunction;
import org.talweg.ops.DenseShape;

/**
 * Chooses tiles without measuring: by how many blocks of a kernel a multiprocessor holds, how many waves of them a grid
 * makes, and what they read. It depends on shape and chip alone. Times are in multiply-adds of a multiprocessor, for each
 * step along k.
 */
final class DensePlanner {
    /** As {@code kMaxSplitTiles} of the kernels. */
    private static final int MAX_SPLIT_TILES = 1024;
    /** Rows of the batch that a split should at least have: eight times the tile's depth. */
    static final int MIN_SHARE = 128;
    private static final int MAX_SPLITS = 64;
    /** Up to so many outputs an input product is bound by what it writes, whatever its tiles. */
    private static final int FEW_OUTPUTS = 64;
    /** Warps that keep the four schedulers of a multiprocessor busy, each with a second one to turn to. */
    private static final double BUSY_WARPS = 8;
    private static final int WARP = 32;

    private final DenseKernels kernels;
    private final int multiprocessors;

    DensePlanner(DenseKernels kernels, int multiprocessors) {
        this.kernels = kernels;
        this.multiprocessors = multiprocessors;
    }

    DensePlan plan(DenseShape shape) {
        int forward = best(shape.batch(), shape.outputs(), kernels::forward);
        IntFunction<CudaKernel> alone = tile -> kernels.backward(tile, tile);
        int weights = best(shape.outputs(), shape.inputs(), alone);
        int input = best(shape.batch(), shape.inputs(), alone);
        // Tiles of dX larger than those of dW: a launch is less than the operand traffic of small tiles.
        int beside = kernels.pairs(weights, input) ? input : shape.outputs() <= FEW_OUTPUTS ? weights : 0;
        return new DensePlan(forward, input, weights, share(shape, weights), beside);
    }

    /** The largest of the tiles that take least time. */
    private int best(int rows, int columns, IntFunction<CudaKernel> kernel) {
        int best = 0;
        double least = Double.POSITIVE_INFINITY;
        for (int tile : kernels.tiles()) {
            double time = time((long) ceilDivide(rows, tile) * ceilDivide(columns, tile), tile, kernel.apply(tile));
            if (time < least) {
                least = time;
                best = tile;
            }
        }
        return best;
    }

    /** The longer of computing in waves, and of reading two operands for each tile through the cache. */
    private double time(long blocks, int tile, CudaKernel kernel) {
        int resident = Math.max(1, kernel.blocksPerMultiprocessor(kernels.threads(tile), 0));
        long slots = (long) resident * multiprocessors;
        double computing = blocks / slots * wave(resident, tile) + wave(ceilDivide(blocks % slots, multiprocessors), tile);
        return Math.max(computing, (double) blocks / multiprocessors * 4 * tile * kernels.intensity());
    }

    /** So many blocks at a time on each multiprocessor; few warps leave it idle between their instructions. */
    private double wave(long blocks, int tile) {
        return (double) blocks * tile * tile / Math.min(1, Math.max(1, blocks) * kernels.threads(tile) / WARP / BUSY_WARPS);
    }

    /** Rows of the batch for each block of the weights' product: splitting fills the chip, and then adds up shares. */
    int share(DenseShape shape, int tile) {
        int batch = Math.max(1, shape.batch());
        int tiles = ceilDivide(shape.outputs(), tile) * ceilDivide(shape.inputs(), tile);
        if (tiles == 0 || tiles > MAX_SPLIT_TILES) {
            return batch;
        }
        CudaKernel kernel = kernels.backward(tile, tile);
        int best = batch;
        double least = batch * time(tiles, tile, kernel);
        for (int splits = 2; splits <= MAX_SPLITS && ceilDivide(batch, splits) >= MIN_SHARE / 2; splits++) {
            int share = share(batch, splits);
            int made = ceilDivide(batch, share);
            double adding = 2.0 * kernels.intensity() * tile * tile * (made + 1);
            double time = share * time((long) tiles * made, tile, kernel) + adding;
            if (made > 1 && time < least) {
                least = time;
                best = share;
            }
        }
        return best;
    }

    /** For so many splits, or fewer: at least {@link #MIN_SHARE}, a multiple of the tile's depth. */
    static int share(int batch, int splits) {
        return Math.min(batch, Math.max(MIN_SHARE, ceilDivide(ceilDivide(batch, splits), 16) * 16));
    }

    /** Whether the kernels can do it: for plans that come from elsewhere. */
    boolean isPossible(DensePlan plan, DenseShape shape) {
        boolean known = isTile(plan.forward()) && isTile(plan.input()) && isTile(plan.weights())
            && (plan.beside() == 0 || isTile(plan.beside()) && kernels.pairs(plan.weights(), plan.beside()));
        if (!known || plan.share() < 1) {
            return false;
        }
        int batch = Math.max(1, shape.batch());
        int tiles = ceilDivide(shape.outputs(), plan.weights()) * ceilDivide(shape.inputs(), plan.weights());
        return plan.share() == batch
            || plan.share() < batch && plan.share() >= MIN_SHARE && plan.share() % 16 == 0 && tiles <= MAX_SPLIT_TILES;
    }

    private boolean isTile(int size) {
        for (int tile : kernels.tiles()) {
            if (tile == size) {
                return true;
            }
        }
        return false;
    }
}
