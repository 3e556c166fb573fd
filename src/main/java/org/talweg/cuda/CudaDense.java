package org.talweg.cuda;

import static org.talweg.cuda.CudaElementwise.ceilDivide;

import java.util.HashMap;
import java.util.Map;
import org.talweg.ops.Activation;
import org.talweg.ops.BatchRows;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Precision;
import org.talweg.ops.Shapes;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/**
 * Launches {@code kernels/dense_async.cu}, on older chips {@code dense.cu}, or {@code dense_tensor.cu} for a precision of
 * the tensor cores: one launch a call, for {@link #backward} where {@link #groups} says so, and else two side by side.
 * What they are made of is a {@link DensePlan}, found at a shape's first use and kept: by shape and chip, so that the same
 * shape on the same kind of device always sums in the same order, or measured where the device tunes. In
 * {@link Precision#BF16} weights are read from a {@link Bfloat16Copy} where {@link #plan} was told of them: the same bits in
 * half the bytes.
 */
final class CudaDense implements DenseOps {
    /** Weights of so many elements are copied at a time where they are bfloat16, and rows are whole pieces. */
    private static final int SHORT_PIECE = 4;

    private final CudaDevice device;
    private final Precision precision;
    private final CudaProducts products;
    private final DenseKernels kernels;
    /** For weights with a bfloat16 copy; null where the precision has no use for one. */
    private final DenseKernels shortKernels;
    private final DensePlanner planner;
    private final Map<DenseShape, DensePlan> plans = new HashMap<>();

    CudaDense(CudaDevice device, Precision precision, CudaProducts products) {
        this.device = device;
        this.precision = precision;
        this.products = products;
        kernels = new DenseKernels(device, precision);
        shortKernels = precision == Precision.BF16 ? new DenseKernels(device, precision, true) : null;
        planner = new DensePlanner(kernels, device.chip().multiprocessors());
    }

    Precision precision() {
        return precision;
    }

    DenseKernels kernels() {
        return kernels;
    }

    DensePlanner planner() {
        return planner;
    }

    @Override
    public void plan(DenseShape shape, Tensor weights) {
        planOf(shape);
        keepShort(weights);
    }

    /** Where the kernels can read weights as bfloat16, a copy of them is kept from now on. */
    void keepShort(Tensor weights) {
        if (weights != null && canBeShort(weights)) {
            device.copies().keep(CudaDevice.buffer(weights));
        }
    }

    @Override
    public int weightBytes(DenseShape shape) {
        return shortKernels != null && shape.inputs() % SHORT_PIECE == 0 ? Bfloat16Copy.BYTES : DType.FLOAT32.bytes();
    }

    private boolean canBeShort(Tensor weights) {
        return shortKernels != null && weights.dim(1) % SHORT_PIECE == 0 && weights.offset() % SHORT_PIECE == 0;
    }

    /** The copy that is read instead of these weights; null where there is none. */
    private Bfloat16Copy copy(Tensor weights) {
        return weights != null && canBeShort(weights) ? CudaDevice.buffer(weights).copy() : null;
    }

    /** Of the weights, or of their copy. To be asked before there are arguments of a launch: it may need one of its own. */
    private static long address(Tensor weights, Bfloat16Copy copy) {
        return copy != null ? copy.upToDate(weights) : weights == null ? 0 : CudaDevice.address(weights);
    }

    /** Of this shape from now on. */
    void use(DenseShape shape, DensePlan plan) {
        plans.put(shape, plan);
    }

    DensePlan planOf(DenseShape shape) {
        DensePlan plan = plans.get(shape);
        if (plan == null) {
            plan = products.tuner().plan(this, shape);
            plans.put(shape, plan);
        }
        return plan;
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
        int tile = planOf(shape).forward();
        Bfloat16Copy copy = copy(weights);
        long w = address(weights, copy);
        device.launch((copy == null ? kernels : shortKernels).forward(tile), ceilDivide(shape.outputs(), tile), ceilDivide(shape.batch(), tile), 1,
            kernels.threads(tile), 0, rows(device.arguments().input(x), rows).address(w).input(bias)
                .activation(activation).tensor(preActivation).tensor(output).int32(shape.batch()).int32(shape.outputs())
                .int32(shape.inputs()));
    }

    @Override
    public void backwardInput(Tensor gradient, Tensor weights, Activation below, Tensor saved, boolean accumulate,
                                   Tensor inputGradient) {
        DenseShape shape = DenseShape.backwardInput(gradient, weights, below, saved, inputGradient);
        int tile = planOf(shape).input();
        launch(shape, tile, tile, inputBlocks(shape, tile, tile), 0, null, null, gradient, false, null, null, null,
            null, weights, below, saved, accumulate, inputGradient);
    }

    @Override
    public void backwardWeights(Tensor x, BatchRows rows, Tensor gradient, boolean accumulate,
                                     Tensor weightGradient, Tensor biasGradient, Tensor squarePartials,
                                     Tensor workspace) {
        DenseShape shape = DenseShape.backwardWeights(x, rows, gradient, weightGradient, biasGradient);
        checkScratch(shape, squarePartials, workspace);
        int tile = planOf(shape).weights();
        launch(shape, tile, tile, 0, tiles(shape) * splits(shape), x, rows, gradient, accumulate, weightGradient,
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
        int weightTile = planOf(shape).weights();
        int input = planOf(shape).beside();
        launch(shape, weightTile, input, inputBlocks(shape, weightTile, input), tiles(shape) * splits(shape), x, rows, gradient,
            accumulate, weightGradient, biasGradient, squarePartials, workspace, weights, below, saved, accumulateInput,
            inputGradient);
    }

    @Override
    public boolean groups(DenseShape shape) {
        return planOf(shape).beside() != 0;
    }

    private int inputBlocks(DenseShape shape, int weights, int input) {
        return ceilDivide(ceilDivide(shape.batch(), input) * ceilDivide(shape.inputs(), input),
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
    private void launch(DenseShape shape, int tile, int inputTile, int inputBlocks, int weightBlocks, Tensor x,
                        BatchRows rows, Tensor gradient, boolean accumulate, Tensor weightGradient, Tensor biasGradient,
                        Tensor squarePartials, Tensor workspace, Tensor weights, Activation below, Tensor saved,
                        boolean accumulateInput, Tensor inputGradient) {
        int blocks = Math.addExact(inputBlocks, weightBlocks);
        if (blocks == 0) {
            return;
        }
        Bfloat16Copy copy = copy(weights);
        long w = address(weights, copy);
        device.launch((copy == null ? kernels : shortKernels).backward(tile, inputTile), blocks, 1, 1, kernels.threads(tile), 0,
            rows(device.arguments().int32(inputBlocks).input(x), rows).input(gradient).address(w).activation(below)
                .input(saved).int32(accumulateInput ? 1 : 0).tensor(inputGradient).int32(accumulate ? 1 : 0)
                .tensor(weightGradient).tensor(biasGradient).tensor(squarePartials).tensor(workspace)
                .int32(shape.batch()).int32(shape.outputs()).int32(shape.inputs()).int32(planOf(shape).share()));
    }

    @Override
    public int squarePartials(DenseShape shape) {
        return tiles(shape);
    }

    @Override
    public long workspace(DenseShape shape) {
        int splits = splits(shape);
        long tile = planOf(shape).weights();
        return splits == 1 ? 0 : splits * tiles(shape) * (tile * tile + tile);
    }

    /** How many ways the batch of a weight gradient is split so that the grid fills the chip. */
    int splits(DenseShape shape) {
        return Math.max(1, ceilDivide(shape.batch(), planOf(shape).share()));
    }

    private int tiles(DenseShape shape) {
        int tile = planOf(shape).weights();
        return ceilDivide(shape.outputs(), tile) * ceilDivide(shape.inputs(), tile);
    }

    /** Order and cursor, both null for rows in order. */
    static LaunchArguments rows(LaunchArguments arguments, BatchRows rows) {
        return arguments.tensor(rows == null ? null : rows.order()).tensor(rows == null ? null : rows.cursor());
    }
}
