package org.talweg.cuda;

import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import org.talweg.ops.BatchRows;
import org.talweg.ops.CrossEntropy;
import org.talweg.ops.ElementwiseLoss;
import org.talweg.ops.ElementwiseLoss.Formula;
import org.talweg.ops.LossBatch;
import org.talweg.ops.LossOps;
import org.talweg.tensor.Tensor;

/** Launches {@code kernels/loss.cu}: a part of a warp for a short row, a block for a long one. */
final class CudaLoss implements LossOps {
    private static final String FAMILY = "loss";
    private static final int FACTOR_BLOCK = 1024;
    /** The longest rows that cross-entropy keeps in registers: eight values a thread. */
    private static final int LONGEST_HELD_WARP_ROW = 8 * CudaRows.WARP;
    private static final int LONGEST_HELD_BLOCK_ROW = 8 * CudaRows.BLOCK;

    private final CudaDevice device;
    private final Map<Formula, String> names = new EnumMap<>(Formula.class);

    CudaLoss(CudaDevice device) {
        this.device = device;
        for (Formula formula : Formula.values()) {
            names.put(formula, formula.name().toLowerCase(Locale.ROOT));
        }
    }

    @Override
    public void crossEntropy(CrossEntropy loss, LossBatch batch, Tensor classWeights, Tensor factors) {
        batch.expectColumns("class weights", classWeights);
        CudaElementwise.expectFloats("cross-entropy", batch.prediction(), classWeights, factors, batch.rowLosses(),
            batch.rowHits(), batch.gradient());
        int classes = batch.columns();
        boolean warps = classes <= LONGEST_HELD_WARP_ROW;
        String name = warps ? "cross_entropy_256" : classes <= LONGEST_HELD_BLOCK_ROW ? "cross_entropy_2048"
            : "cross_entropy_any";
        LaunchArguments arguments = device.arguments().tensor(batch.prediction())
            .tensor(batch.isLabelled() ? batch.target() : null).tensor(batch.isLabelled() ? null : batch.target());
        launch(name, warps, batch, CudaDense.rows(arguments, batch.rows()).tensor(classWeights).tensor(factors)
            .int32(loss.logits() ? 1 : 0).float32(loss.labelSmoothing()).int64(loss.ignoredLabel()));
    }

    @Override
    public void labelFactors(CrossEntropy loss, Tensor labels, BatchRows rows, int count, Tensor classWeights,
                             boolean weightedMean, Tensor factors) {
        CudaElementwise.expectFloats("label factors", classWeights, factors);
        device.launch(device.kernel(FAMILY, "label_factors"), 1, FACTOR_BLOCK,
            CudaDense.rows(device.arguments().tensor(labels), rows).tensor(classWeights).int64(loss.ignoredLabel())
                .int32(weightedMean ? 1 : 0).tensor(factors).int32(count)
                .int32(classWeights == null ? 0 : Math.toIntExact(classWeights.elements())));
    }

    @Override
    public void elementwise(ElementwiseLoss loss, LossBatch batch, Tensor weights, Tensor positiveWeights) {
        batch.expectElementwise(loss, weights, positiveWeights);
        CudaElementwise.expectFloats("loss", batch.prediction(), batch.target(), weights, positiveWeights,
            batch.rowLosses(), batch.rowHits(), batch.gradient());
        boolean warps = batch.columns() <= CudaRows.LONGEST_WARP_ROW;
        LaunchArguments arguments = device.arguments().tensor(batch.prediction()).tensor(batch.target());
        launch(names.get(loss.formula()) + (warps ? "_warp" : "_block"), warps, batch,
            CudaDense.rows(arguments, batch.rows()).tensor(weights).tensor(positiveWeights).float32(loss.a())
                .float32(loss.b()));
    }

    /** @param warps whether a row gets a part of a warp, else a block */
    private void launch(String name, boolean warps, LossBatch batch, LaunchArguments arguments) {
        if (batch.size() == 0) {
            return;
        }
        int width = CudaRows.width(warps, batch.columns());
        device.launch(device.kernel(FAMILY, name), CudaRows.grid(batch.size(), width), CudaRows.BLOCK,
            arguments.float32((float) batch.lossScale()).float32((float) batch.gradientScale())
                .tensor(batch.rowLosses()).tensor(batch.rowHits()).tensor(batch.gradient()).int64(batch.size()).int32(batch.columns())
                .int32(width));
    }
}
