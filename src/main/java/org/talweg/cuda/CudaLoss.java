package org.talweg.cuda;

import org.talweg.ops.BatchRows;
import org.talweg.ops.LossOps;
import org.talweg.ops.LossShape;
import org.talweg.tensor.Tensor;

/** Launches {@code kernels/loss.cu}: a warp for a short row, a block for a long one. */
final class CudaLoss implements LossOps {
    private static final String FAMILY = "loss";
    private static final int BLOCK = 256;
    private static final int WARP = 32;
    /** Rows longer than this get a block: a warp would take 32 rounds. */
    private static final int LONGEST_WARP_ROW = 1024;

    private final CudaDevice device;

    CudaLoss(CudaDevice device) {
        this.device = device;
    }

    @Override
    public void softmaxCrossEntropy(Tensor logits, Tensor labels, BatchRows rows, float gradientScale, Tensor rowLosses,
                                    Tensor rowHits, Tensor gradient) {
        LossShape shape = LossShape.labelled(logits, labels, rows, rowLosses, rowHits, gradient);
        CudaElementwise.expectFloats("loss", logits, rowLosses, rowHits, gradient);
        launch("softmax_cross_entropy", shape, start(logits, labels, rows, gradientScale).tensor(rowLosses)
            .tensor(rowHits).tensor(gradient));
    }

    @Override
    public void squaredError(Tensor prediction, Tensor target, BatchRows rows, float gradientScale, Tensor rowLosses,
                             Tensor gradient) {
        LossShape shape = LossShape.elementwise(prediction, target, rows, rowLosses, null, gradient);
        CudaElementwise.expectFloats("loss", prediction, target, rowLosses, gradient);
        launch("squared_error", shape, start(prediction, target, rows, gradientScale).tensor(rowLosses)
            .tensor(gradient));
    }

    @Override
    public void binaryCrossEntropyWithLogits(Tensor logits, Tensor target, BatchRows rows, float gradientScale,
                                             Tensor rowLosses, Tensor rowHits, Tensor gradient) {
        LossShape shape = LossShape.elementwise(logits, target, rows, rowLosses, rowHits, gradient);
        CudaElementwise.expectFloats("loss", logits, target, rowLosses, rowHits, gradient);
        launch("bce_with_logits", shape, start(logits, target, rows, gradientScale).tensor(rowLosses).tensor(rowHits)
            .tensor(gradient));
    }

    private LaunchArguments start(Tensor prediction, Tensor target, BatchRows rows, float gradientScale) {
        return CudaDense.rows(device.arguments().tensor(prediction).tensor(target), rows).float32(gradientScale);
    }

    private void launch(String name, LossShape shape, LaunchArguments arguments) {
        if (shape.batch() == 0) {
            return;
        }
        boolean warps = shape.columns() <= LONGEST_WARP_ROW;
        int rowsPerBlock = warps ? BLOCK / WARP : 1;
        device.launch(device.kernel(FAMILY, name + (warps ? "_warp" : "_block")),
            (shape.batch() + rowsPerBlock - 1) / rowsPerBlock, BLOCK,
            arguments.int64(shape.batch()).int32(shape.columns()));
    }
}
