package org.talweg.cuda;

import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import org.talweg.ops.Activation;
import org.talweg.ops.BatchRows;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Precision;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * Launches {@code kernels/dense.cu}, or {@code dense_tensor.cu} for a precision of the tensor cores: one launch a call.
 * Which tiling, and how many ways the batch is split, depends on
 * the shape and the number of multiprocessors alone, so the same shape on the same kind of device always sums in the
 * same order.
 */
final class CudaDense implements DenseOps {
    /** The first compute capability whose tensor cores take tf32 and bfloat16. */
    private static final int TENSOR_CORES = 80;

    /**
     * The kernels of one precision.
     *
     * @param prefix of the tile in a kernel's name
     * @param tiles   largest first
     * @param threads of a block of each
     */
    private record Kernels(String family, String prefix, int[] tiles, int[] threads) {
        static Kernels of(Precision precision) {
            return precision == Precision.FLOAT32
                ? new Kernels("dense", "", new int[] {128, 64, 32}, new int[] {256, 256, 64})
                : new Kernels("dense_tensor", precision.name().toLowerCase(Locale.ROOT) + "_", new int[] {128, 64},
                    new int[] {256, 128});
        }
    }

    /** As {@code kMaxSplitTiles} of the kernels. */
    private static final int MAX_SPLIT_TILES = 1024;
    /** Rows of the batch that a split should at least have: eight times the tile's depth. */
    private static final int MIN_SHARE = 128;
    private static final int MAX_SPLITS = 64;

    private final CudaDevice device;
    private final Kernels kernels;
    private final CudaKernel[] forward;
    private final CudaKernel[] backwardInput;
    private final CudaKernel[] backwardWeights;
    private final Map<Precision, CudaDense> others = new EnumMap<>(Precision.class);

    CudaDense(CudaDevice device, Precision precision) {
        this.device = device;
        kernels = Kernels.of(precision);
        forward = new CudaKernel[kernels.tiles.length];
        backwardInput = new CudaKernel[kernels.tiles.length];
        backwardWeights = new CudaKernel[kernels.tiles.length];
        others.put(precision, this);
    }

    @Override
    public DenseOps at(Precision precision) {
        Precision possible = device.computeCapability() < TENSOR_CORES ? Precision.FLOAT32 : precision;
        return others.computeIfAbsent(possible, other -> new CudaDense(device, other));
    }

    @Override
    public void forward(Tensor x, BatchRows rows, Tensor weights, Tensor bias, Activation activation,
                             Tensor preActivation, Tensor output) {
        DenseShape shape = DenseShape.forward(x, rows, weights, bias, activation, preActivation, output);
        int tiling = tiling(shape.batch(), shape.outputs());
        launch(kernel(forward, "dense_forward_", tiling), tiling, shape.outputs(), shape.batch(), 1, rows(
            device.arguments().tensor(x), rows).tensor(weights).tensor(bias).activation(activation)
            .tensor(preActivation).tensor(output).int32(shape.batch()).int32(shape.outputs()).int32(shape.inputs()));
    }

    @Override
    public void backwardInput(Tensor gradient, Tensor weights, Activation below, Tensor saved, boolean accumulate,
                                   Tensor inputGradient) {
        DenseShape shape = DenseShape.backwardInput(gradient, weights, below, saved, inputGradient);
        int tiling = tiling(shape.batch(), shape.inputs());
        launch(kernel(backwardInput, "dense_backward_input_", tiling), tiling, shape.inputs(), shape.batch(), 1,
            device.arguments().tensor(gradient).tensor(weights).activation(below).tensor(saved)
                .int32(accumulate ? 1 : 0).tensor(inputGradient).int32(shape.batch()).int32(shape.outputs())
                .int32(shape.inputs()));
    }

    @Override
    public void backwardWeights(Tensor x, BatchRows rows, Tensor gradient, boolean accumulate,
                                     Tensor weightGradient, Tensor biasGradient, Tensor squarePartials,
                                     Tensor workspace) {
        DenseShape shape = DenseShape.backwardWeights(x, rows, gradient, weightGradient, biasGradient);
        if (squarePartials != null) {
            Shapes.expect("square partials", squarePartials, Shape.of(squarePartials(shape)));
        }
        long needed = workspace(shape);
        if (needed > 0 && (workspace == null || workspace.elements() < needed)) {
            throw new IllegalArgumentException("the weight gradient of " + shape + " needs a workspace of " + needed
                + " elements, not " + (workspace == null ? 0 : workspace.elements()));
        }
        int tiling = tiling(shape.outputs(), shape.inputs());
        int share = share(shape);
        launch(kernel(backwardWeights, "dense_backward_weights_", tiling), tiling, shape.inputs(), shape.outputs(),
            splits(shape), rows(device.arguments().tensor(x), rows).tensor(gradient).int32(accumulate ? 1 : 0)
                .tensor(weightGradient).tensor(biasGradient).tensor(squarePartials).tensor(workspace)
                .int32(shape.batch()).int32(shape.outputs()).int32(shape.inputs()).int32(share));
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
            return shape.batch();
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

    private CudaKernel kernel(CudaKernel[] known, String name, int tiling) {
        if (known[tiling] == null) {
            known[tiling] = device.kernel(kernels.family, name + kernels.prefix + kernels.tiles[tiling]);
        }
        return known[tiling];
    }

    private void launch(CudaKernel kernel, int tiling, int columns, int rows, int splits, LaunchArguments arguments) {
        if (columns == 0 || rows == 0) {
            return;
        }
        int tile = kernels.tiles[tiling];
        device.launch(kernel, ceilDivide(columns, tile), ceilDivide(rows, tile), splits, kernels.threads[tiling], 0,
            arguments);
    }

    /** Order and cursor, both null for rows in order. */
    static LaunchArguments rows(LaunchArguments arguments, BatchRows rows) {
        return arguments.tensor(rows == null ? null : rows.order()).tensor(rows == null ? null : rows.cursor());
    }

    private static int ceilDivide(int a, int b) {
        return (a + b - 1) / b;
    }
}
