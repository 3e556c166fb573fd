package org.talweg.cuda;

import java.util.Locale;
import org.talweg.ops.Activation;
import org.talweg.ops.BatchRows;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Precision;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * Launches {@code kernels/dense_async.cu}, on older chips {@code dense.cu}, or {@code dense_tensor.cu} for a precision of
 * the tensor cores: one launch a call, for {@link #backward} where {@link #groups} says so, and else two side by side.
 * Which tiling, and how many ways the batch is split, depends on the shape and the number of multiprocessors alone, so
 * the same shape on the same kind of device always sums in the same order.
 */
final class CudaDense implements DenseOps {
    /** The first compute capability with asynchronous copies. */
    private static final int ASYNCHRONOUS_COPIES = 80;

    /**
     * The kernels of one precision.
     *
     * @param prefix of the tile in a kernel's name
     * @param tiles   largest first
     * @param mixed   whether a block may have smaller tiles of the input product beside larger ones of the weights'
     */
    private record Kernels(String family, String prefix, int[] tiles, boolean mixed) {
        static Kernels of(Precision precision, int computeCapability) {
            String float32 = computeCapability < ASYNCHRONOUS_COPIES ? "dense" : "dense_async";
            return precision == Precision.FLOAT32 ? new Kernels(float32, "", new int[] {128, 64, 32}, true)
                : new Kernels("dense_tensor", precision.name().toLowerCase(Locale.ROOT) + "_", new int[] {128, 64}, false);
        }

        /** Of a block: two for each row of a tile. */
        int threads(int tiling) {
            return 2 * tiles[tiling];
        }
    }

    /** As {@code kMaxSplitTiles} of the kernels. */
    private static final int MAX_SPLIT_TILES = 1024;
    /** Rows of the batch that a split should at least have: eight times the tile's depth. */
    private static final int MIN_SHARE = 128;
    private static final int MAX_SPLITS = 64;
    /** Up to so many outputs an input product is bound by what it writes, whatever its tiles. */
    private static final int FEW_OUTPUTS = 64;
    private static final int ALONE = -1;

    private final CudaDevice device;
    private final Kernels kernels;
    private final CudaKernel[] forward;
    /** By tiling of the weights, then of the input. */
    private final CudaKernel[][] backward;
    private final CudaProducts products;

    CudaDense(CudaDevice device, Precision precision, CudaProducts products) {
        this.device = device;
        this.products = products;
        kernels = Kernels.of(precision, device.computeCapability());
        forward = new CudaKernel[kernels.tiles.length];
        backward = new CudaKernel[kernels.tiles.length][kernels.tiles.length];
    }

    @Override
    public DenseOps at(Precision precision) {
        return products.at(precision);
    }

    @Override
    public void forward(Tensor x, BatchRows rows, Tensor weights, Tensor bias, Activation activation,
                             Tensor preActivation, Tensor output) {
        DenseShape shape = DenseShape.forward(x, rows, weights, bias, activation, preActivation, output);
        if (shape.batch() == 0 || shape.outputs() == 0) {
            return;
        }
        int tiling = tiling(shape.batch(), shape.outputs());
        if (forward[tiling] == null) {
            forward[tiling] = device.kernel(kernels.family, "dense_forward_" + kernels.prefix + kernels.tiles[tiling]);
        }
        int tile = kernels.tiles[tiling];
        device.launch(forward[tiling], ceilDivide(shape.outputs(), tile), ceilDivide(shape.batch(), tile), 1,
            kernels.threads(tiling), 0, rows(device.arguments().tensor(x), rows).tensor(weights).tensor(bias)
                .activation(activation).tensor(preActivation).tensor(output).int32(shape.batch()).int32(shape.outputs())
                .int32(shape.inputs()));
    }

    @Override
    public void backwardInput(Tensor gradient, Tensor weights, Activation below, Tensor saved, boolean accumulate,
                                   Tensor inputGradient) {
        DenseShape shape = DenseShape.backwardInput(gradient, weights, below, saved, inputGradient);
        int tiling = tiling(shape.batch(), shape.inputs());
        launch(shape, tiling, tiling, inputBlocks(shape, tiling, tiling), 0, null, null, gradient, false, null, null, null,
            null, weights, below, saved, accumulate, inputGradient);
    }

    @Override
    public void backwardWeights(Tensor x, BatchRows rows, Tensor gradient, boolean accumulate,
                                     Tensor weightGradient, Tensor biasGradient, Tensor squarePartials,
                                     Tensor workspace) {
        DenseShape shape = DenseShape.backwardWeights(x, rows, gradient, weightGradient, biasGradient);
        checkScratch(shape, squarePartials, workspace);
        int tiling = tiling(shape.outputs(), shape.inputs());
        launch(shape, tiling, tiling, 0, tiles(shape) * splits(shape), x, rows, gradient, accumulate, weightGradient,
            biasGradient, squarePartials, workspace, null, Activation.IDENTITY, null, false, null);
    }

    @Override
    public void backward(Tensor x, BatchRows rows, Tensor gradient, boolean accumulate, Tensor weightGradient,
                         Tensor biasGradient, Tensor squarePartials, Tensor workspace, Tensor weights,
                         Activation below, Tensor saved, boolean accumulateInput, Tensor inputGradient) {
        DenseShape shape = DenseShape.backwardWeights(x, rows, gradient, weightGradient, biasGradient);
        if (!groups(shape)) {
            device.beside(() -> backwardWeights(x, rows, gradient, accumulate, weightGradient, biasGradient, squarePartials,
                workspace), () -> backwardInput(gradient, weights, below, saved, accumulateInput, inputGradient));
            return;
        }
        DenseShape.backwardInput(gradient, weights, below, saved, inputGradient);
        checkScratch(shape, squarePartials, workspace);
        int tiling = tiling(shape.outputs(), shape.inputs());
        int input = inputTiling(shape, tiling);
        launch(shape, tiling, input, inputBlocks(shape, tiling, input), tiles(shape) * splits(shape), x, rows, gradient,
            accumulate, weightGradient, biasGradient, squarePartials, workspace, weights, below, saved, accumulateInput,
            inputGradient);
    }

    @Override
    public boolean groups(DenseShape shape) {
        return inputTiling(shape, tiling(shape.outputs(), shape.inputs())) != ALONE;
    }

    /** The tiling of the input product beside the weights', or {@link #ALONE} where it would lose more than a launch. */
    private int inputTiling(DenseShape shape, int weights) {
        int own = tiling(shape.batch(), shape.inputs());
        if (own == weights || kernels.mixed && own > weights) {
            return own;
        }
        return shape.outputs() <= FEW_OUTPUTS ? weights : ALONE;
    }

    private int inputBlocks(DenseShape shape, int weights, int input) {
        int tile = kernels.tiles[input];
        return ceilDivide(ceilDivide(shape.batch(), tile) * ceilDivide(shape.inputs(), tile),
            kernels.threads(weights) / kernels.threads(input));
    }

    private void checkScratch(DenseShape shape, Tensor squarePartials, Tensor workspace) {
        if (squarePartials != null) {
            Shapes.expect("square partials", squarePartials, squarePartials(shape));
        }
        long needed = workspace(shape);
        if (needed > 0 && (workspace == null || workspace.elements() < needed)) {
            throw new IllegalArgumentException("the weight gradient of " + shape + " needs a workspace of " + needed
                + " elements, not " + (workspace == null ? 0 : workspace.elements()));
        }
    }

    /** Blocks of the input product first: each sums over all outputs, and takes the longest. */
    private void launch(DenseShape shape, int tiling, int inputTiling, int inputBlocks, int weightBlocks, Tensor x,
                        BatchRows rows, Tensor gradient, boolean accumulate, Tensor weightGradient, Tensor biasGradient,
                        Tensor squarePartials, Tensor workspace, Tensor weights, Activation below, Tensor saved,
                        boolean accumulateInput, Tensor inputGradient) {
        int blocks = Math.addExact(inputBlocks, weightBlocks);
        if (blocks == 0) {
            return;
        }
        CudaKernel[] known = backward[tiling];
        if (known[inputTiling] == null) {
            known[inputTiling] = device.kernel(kernels.family, "dense_backward_" + kernels.prefix + kernels.tiles[tiling]
                + "_" + kernels.tiles[inputTiling]);
        }
        device.launch(known[inputTiling], blocks, 1, 1, kernels.threads(tiling), 0,
            rows(device.arguments().int32(inputBlocks).tensor(x), rows).tensor(gradient).tensor(weights).activation(below)
                .tensor(saved).int32(accumulateInput ? 1 : 0).tensor(inputGradient).int32(accumulate ? 1 : 0)
                .tensor(weightGradient).tensor(biasGradient).tensor(squarePartials).tensor(workspace)
                .int32(shape.batch()).int32(shape.outputs()).int32(shape.inputs()).int32(share(shape)));
    }

    @Override
    public int squarePartials(DenseShape shape) {
        return tiles(shape);
    }

    @Override
    public long workspace(DenseShape shape) {
        int splits = splits(shape);
        long tile = kernels.tiles[tiling(shape.outputs(), shape.inputs())];
        return splits == 1 ? 0 : splits * tiles(shape) * (tile * tile + tile);
    }

    /** How many ways the batch of a weight gradient is split so that the grid fills the chip. */
    int splits(DenseShape shape) {
        int share = share(shape);
        return Math.max(1, ceilDivide(shape.batch(), share));
    }

    /** Rows of the batch for each split, a multiple of the tile's depth. */
    private int share(DenseShape shape) {
        int tiles = tiles(shape);
        if (tiles > MAX_SPLIT_TILES) {
            return Math.max(1, shape.batch());
        }
        int wanted = Math.min(MAX_SPLITS, ceilDivide(2 * device.multiprocessors(), tiles));
        return Math.max(MIN_SHARE, ceilDivide(ceilDivide(shape.batch(), wanted), 16) * 16);
    }

    private int tiles(DenseShape shape) {
        int tile = kernels.tiles[tiling(shape.outputs(), shape.inputs())];
        return ceilDivide(shape.outputs(), tile) * ceilDivide(shape.inputs(), tile);
    }

    /** The largest tiling whose grid still has a block for each multiprocessor, or the smallest. */
    private int tiling(int rows, int columns) {
        int[] tiles = kernels.tiles;
        for (int i = 0; i < tiles.length - 1; i++) {
            if ((long) ceilDivide(rows, tiles[i]) * ceilDivide(columns, tiles[i]) >= device.multiprocessors()) {
                return i;
            }
        }
        return tiles.length - 1;
    }

    /** Order and cursor, both null for rows in order. */
    static LaunchArguments rows(LaunchArguments arguments, BatchRows rows) {
        return arguments.tensor(rows == null ? null : rows.order()).tensor(rows == null ? null : rows.cursor());
    }

    private static int ceilDivide(int a, int b) {
        return (a + b - 1) / b;
    }
}
