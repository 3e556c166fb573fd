package org.talweg.cuda;

import static org.talweg.cuda.CudaElementwise.ceilDivide;

import org.talweg.ops.NormShape;
import org.talweg.ops.NormalisationOps;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Tensor;

/** Launches {@code kernels/normalisation.cu}. */
final class CudaNormalisation implements NormalisationOps {
    private static final String FAMILY = "normalisation";
    /** As {@code kWarp}, {@code kLanes} and {@code kColumnBlock} of the kernels. */
    static final int COLUMNS = 32;
    private static final int LANES = 16;
    static final int COLUMN_BLOCK = COLUMNS * LANES;
    /** Rows that a lane of the prediction kernel should at least have. */
    private static final int ROWS_PER_LANE = 4;
    private static final int MAX_ROW_BLOCKS = 4096;

    private final CudaDevice device;

    CudaNormalisation(CudaDevice device) {
        this.device = device;
    }

    @Override
    public void layerNorm(Tensor x, Tensor weight, Tensor bias, float epsilon, Tensor mean, Tensor inverseDeviation,
                          Tensor output) {
        NormShape shape = NormShape.of(x).like(output).ofRows(mean, inverseDeviation).ofColumns(weight, bias);
        CudaElementwise.expectFloats("layer norm", x, weight, bias, mean, inverseDeviation, output);
        CudaRows.launch(device, FAMILY, "layer_norm", shape.rows(), shape.columns(), device.arguments().tensor(x)
            .input(weight).input(bias).float32(epsilon).tensor(mean).tensor(inverseDeviation).tensor(output));
    }

    @Override
    public void layerNormBackwardInput(Tensor gradient, Tensor x, Tensor weight, Tensor mean, Tensor inverseDeviation,
                                       boolean accumulate, Tensor inputGradient) {
        NormShape shape = NormShape.of(x).like(gradient).like(inputGradient).ofRows(mean, inverseDeviation)
            .ofColumns(weight, null);
        CudaElementwise.expectFloats("layer norm gradient", gradient, x, weight, mean, inverseDeviation,
            inputGradient);
        CudaRows.launch(device, FAMILY, "layer_norm_backward_input", shape.rows(), shape.columns(),
            device.arguments().tensor(gradient).tensor(x).input(weight).tensor(mean).tensor(inverseDeviation)
                .int32(accumulate ? 1 : 0).tensor(inputGradient));
    }

    @Override
    public void layerNormBackwardWeights(Tensor gradient, Tensor x, Tensor mean, Tensor inverseDeviation,
                                         boolean accumulate, Tensor weightGradient, Tensor biasGradient,
                                         Tensor squarePartials) {
        NormShape shape = NormShape.of(x).like(gradient).ofRows(mean, inverseDeviation)
            .ofColumns(weightGradient, biasGradient);
        expectPartials(squarePartials, shape);
        CudaElementwise.expectFloats("layer norm gradient", gradient, x, mean, inverseDeviation, weightGradient,
            biasGradient, squarePartials);
        launchColumns("layer_norm_backward_weights", shape, 1, device.arguments().tensor(gradient).tensor(x)
            .tensor(mean).tensor(inverseDeviation).int32(accumulate ? 1 : 0).tensor(weightGradient)
            .tensor(biasGradient).tensor(squarePartials));
    }

    @Override
    public void batchNorm(Tensor x, Tensor weight, Tensor bias, float epsilon, boolean fromBatch, Tensor mean,
                          Tensor variance, Tensor output) {
        NormShape shape = NormShape.of(x).like(output).ofColumns(weight, bias).ofColumns(mean, variance);
        CudaElementwise.expectFloats("batch norm", x, weight, bias, mean, variance, output);
        int rowBlocks = 1;
        if (fromBatch) {
            shape.expectSeveralRows();
        } else {
            rowBlocks = Math.min(MAX_ROW_BLOCKS, Math.max(1, shape.rows() / (LANES * ROWS_PER_LANE)));
        }
        launchColumns(fromBatch ? "batch_norm_train" : "batch_norm_predict", shape, rowBlocks, device.arguments()
            .tensor(x).input(weight).input(bias).float32(epsilon).tensor(mean).tensor(variance).tensor(output));
    }

    @Override
    public void batchNormBackward(Tensor gradient, Tensor x, Tensor weight, float epsilon, boolean fromBatch,
                                  Tensor mean, Tensor variance, boolean accumulate, Tensor weightGradient,
                                  Tensor biasGradient, Tensor squarePartials, boolean accumulateInput,
                                  Tensor inputGradient) {
        NormShape shape = NormShape.of(x).like(gradient).like(inputGradient).ofColumns(weight, mean)
            .ofColumns(variance, weightGradient).ofColumns(biasGradient, null);
        expectPartials(squarePartials, shape);
        CudaElementwise.expectFloats("batch norm gradient", gradient, x, weight, mean, variance, weightGradient,
            biasGradient, squarePartials, inputGradient);
        launchColumns("batch_norm_backward", shape, 1, device.arguments().tensor(gradient).tensor(x).input(weight)
            .float32(epsilon).int32(fromBatch ? 1 : 0).tensor(mean).tensor(variance).int32(accumulate ? 1 : 0)
            .tensor(weightGradient).tensor(biasGradient).tensor(squarePartials).int32(accumulateInput ? 1 : 0)
            .tensor(inputGradient));
    }

    @Override
    public void updateRunningStatistics(Tensor skip, Tensor mean, Tensor variance, int rows, float momentum,
                                        Tensor runningMean, Tensor runningVariance) {
        Shapes.expectSameLength("running statistics", mean, variance, runningMean, runningVariance);
        CudaElementwise.expectFloats("running statistics", skip, mean, variance, runningMean, runningVariance);
        int columns = Math.toIntExact(mean.elements());
        device.launch(device.kernel(FAMILY, "update_running_statistics"), ceilDivide(columns, CudaElementwise.BLOCK),
            CudaElementwise.BLOCK, device.arguments().tensor(skip).tensor(mean).tensor(variance)
                .float32((float) (rows / (rows - 1.0))).float32(momentum).tensor(runningMean).tensor(runningVariance)
                .int32(columns));
    }

    @Override
    public int squarePartials(int columns) {
        return ceilDivide(columns, COLUMNS);
    }

    private void expectPartials(Tensor squarePartials, NormShape shape) {
        if (squarePartials != null) {
            Shapes.expect("square partials", squarePartials, squarePartials(shape.columns()));
        }
    }

    private void launchColumns(String kernel, NormShape shape, int rowBlocks, LaunchArguments arguments) {
        device.launch(device.kernel(FAMILY, kernel), ceilDivide(shape.columns(), COLUMNS), rowBlocks, 1, COLUMN_BLOCK,
            0, arguments.int64(shape.rows()).int32(shape.columns()));
    }
}
