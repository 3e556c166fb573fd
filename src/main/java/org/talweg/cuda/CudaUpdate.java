package org.talweg.cuda;

import java.util.List;
import org.talweg.ops.ClipRule;
import org.talweg.ops.MeasuredRule;
import org.talweg.ops.Segments;
import org.talweg.ops.Shapes;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateOps;
import org.talweg.ops.UpdateRule;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Launches {@code kernels/step.cu} and the update kernels. */
final class CudaUpdate implements UpdateOps {
    private static final String STEP = "step";
    private static final String MEASURED = "update_measured";
    private static final int WARP = 32;
    /** State tensors that every update kernel takes. */
    private static final int STATES = 4;
    private static final int MAX_GRID = 1 << 20;
    private static final int PREPARE_BLOCK = 1024;
    /** Elements of a partial sum of squares, while there are few; a multiple of 4. */
    private static final long SMALLEST_PART = 4096;
    private static final int MAX_PARTS = 1024;

    private final CudaDevice device;

    CudaUpdate(CudaDevice device) {
        this.device = device;
    }

    @Override
    public void sumOfSquares(Tensor x, Tensor partials) {
        CudaElementwise.expectFloats("sum of squares", x, partials);
        Shapes.expect("square partials", partials, squarePartials(x.elements()));
        device.launch(device.kernel(STEP, "sum_of_squares"), partials.dim(0), CudaElementwise.BLOCK,
            device.arguments().input(x).int64(x.elements()).int64(part(x.elements())).tensor(partials));
    }

    @Override
    public int squarePartials(long elements) {
        return Math.toIntExact(Math.max(1, (elements + part(elements) - 1) / part(elements)));
    }

    @Override
    public void gradientNorms(Tensor gradients, Segments segments, ClipRule clip, Tensor partials) {
        CudaElementwise.expectFloats("gradients or norm partials", gradients, partials);
        Shapes.expect("norm partials", partials, segments.count());
        device.launch(device.kernel(STEP, "gradient_norms"), blocks(segments.count()), CudaElementwise.BLOCK,
            device.arguments().tensor(gradients).tensor(segments.chunks()).int64(segments.count())
                .float32(clip.low()).float32(clip.high()).float32(clip.order()).tensor(partials));
    }

    @Override
    public void segmentFactors(Segments segments, ClipRule clip, Tensor partials) {
        Shapes.expect("norm partials", partials, segments.count());
        int count = segments.list().size();
        int perBlock = CudaElementwise.BLOCK / WARP;
        device.launch(device.kernel(STEP, "segment_factors"), (count + perBlock - 1) / perBlock, CudaElementwise.BLOCK,
            device.arguments().tensor(partials).tensor(segments.spans()).int32(count).float32(clip.order())
                .float32(clip.maxNorm()).tensor(segments.factors()));
    }

    @Override
    public void adaptiveClip(Tensor parameters, Tensor gradients, Segments segments, float clipping, float epsilon) {
        Shapes.expectSameLength("gradients", parameters, gradients);
        CudaElementwise.expectFloats("parameters or gradients", parameters, gradients);
        device.launch(device.kernel(STEP, "adaptive_clip"), blocks(segments.units()), CudaElementwise.BLOCK,
            device.arguments().input(parameters).tensor(gradients).tensor(segments.spans())
                .int32(segments.list().size()).int32(segments.units()).float32(clipping).float32(epsilon));
    }

    @Override
    public void prepareStep(StepState state, UpdateRule rule, ClipRule clip, Tensor rowLosses, Tensor rowHits,
                            Tensor partials) {
        Shapes.expectSameLength("row hits", rowLosses, rowHits);
        CudaElementwise.expectFloats("losses, hits or norm partials", rowLosses, rowHits, partials);
        LaunchArguments arguments = device.arguments().tensor(state.counters()).tensor(state.control())
            .tensor(state.memory()).tensor(state.schedule()).tensor(state.log()).tensor(rowLosses).tensor(rowHits)
            .int32(Math.toIntExact(rowLosses.elements())).tensor(partials).int64(partials.elements())
            .float32(clip.low()).float32(clip.high()).float32(clip.order()).float32(clip.maxNorm())
            .int32(clip.negated() ? 1 : 0).int32(rule.number());
        double[] settings = rule.settings();
        for (int i = 0; i < UpdateRule.SETTINGS; i++) {
            arguments.float64(i < settings.length ? settings[i] : 0);
        }
        device.launch(device.kernel(STEP, "prepare_step"), 1, PREPARE_BLOCK, arguments);
    }

    @Override
    public void apply(UpdateRule rule, Tensor parameters, Tensor gradients, List<Tensor> buffers, Segments segments,
                      StepState state) {
        // The second phase of some needs fewer states than the first; the kernel does not look at the others.
        launch(rule, rule.kernel(), parameters, gradients, buffers, segments, state, null);
    }

    @Override
    public void measure(UpdateRule rule, Tensor parameters, Tensor gradients, List<Tensor> buffers, Segments segments,
                        StepState state, Tensor partials) {
        Shapes.expect("partials", partials, segments.count(), 2);
        String nesterov = rule instanceof MeasuredRule.Muon muon && muon.nesterov() ? "_nesterov" : "";
        launch(rule, rule.kernel() + nesterov + "_measure", parameters, gradients, buffers, segments, state, partials);
    }

    private void launch(UpdateRule rule, String kernel, Tensor parameters, Tensor gradients, List<Tensor> buffers,
                        Segments segments, StepState state, Tensor partials) {
        UpdateOps.check(rule, parameters, gradients, buffers);
        CudaElementwise.expectFloats("parameters or gradients", parameters, gradients);
        CudaElementwise.expectFloats("optimizer state", buffers.toArray(Tensor[]::new));
        long length = parameters.elements();
        long count = segments == null ? (length + Segments.CHUNK - 1) / Segments.CHUNK : segments.count();
        if (count == 0) {
            return;
        }
        // Not as something that is written: so is the copy, in the same pass.
        LaunchArguments arguments = device.arguments().input(parameters).address(copy(parameters)).tensor(gradients);
        for (int i = 0; i < STATES; i++) {
            arguments.tensor(i < buffers.size() ? buffers.get(i) : null);
        }
        arguments.tensor(state.control()).tensor(segments == null ? null : segments.chunks()).int64(count)
            .tensor(segments == null ? null : segments.multipliers())
            .tensor(segments == null ? null : segments.factors())
            .tensor(segments == null ? null : segments.ratios()).tensor(partials).int64(length);
        device.launch(device.kernel(rule.family(), kernel), blocks(count), CudaElementwise.BLOCK, arguments);
    }

    @Override
    public void settle(UpdateRule rule, Segments segments, StepState state, Tensor partials) {
        Shapes.expect("partials", partials, segments.count(), 2);
        if (rule instanceof MeasuredRule.Prodigy prodigy) {
            device.launch(device.kernel(MEASURED, "settle_prodigy"), 1, PREPARE_BLOCK, device.arguments()
                .tensor(partials).int64(segments.count()).tensor(state.control()).tensor(state.memory())
                .float64(prodigy.beta2()).float64(prodigy.epsilon()).float64(prodigy.initial())
                .float64(prodigy.coefficient()));
            return;
        }
        int count = segments.list().size();
        int perBlock = CudaElementwise.BLOCK / WARP;
        boolean muon = rule instanceof MeasuredRule.Muon;
        device.launch(device.kernel(MEASURED, "settle_ratios"), (count + perBlock - 1) / perBlock,
            CudaElementwise.BLOCK, device.arguments().tensor(partials).tensor(segments.spans()).int32(count)
                .tensor(state.control()).int32(muon ? 1 : 0)
                .float64(muon ? ((MeasuredRule.Muon) rule).epsilon() : 0).tensor(segments.ratios()));
    }

    @Override
    public void scale(Tensor values, Segments segments) {
        CudaElementwise.expectFloats("values", values);
        device.launch(device.kernel(MEASURED, "scale_segments"), blocks(segments.count()), CudaElementwise.BLOCK,
            device.arguments().tensor(values).tensor(segments.chunks()).int64(segments.count())
                .tensor(segments.ratios()));
    }

    @Override
    public void polynomial(Tensor matrix, Tensor square, float a, float b, float c, Tensor result) {
        UpdateOps.checkSquare(matrix, square, result);
        CudaElementwise.expectFloats("matrix, square or result", matrix, square, result);
        CudaElementwise.launch(device, device.kernel(MEASURED, "polynomial"), matrix.elements(),
            device.arguments().tensor(matrix).tensor(square).float32(a).float32(b).float32(c).int32(matrix.dim(0))
                .tensor(result));
    }

    @Override
    public void dot(Tensor x, Tensor y, Tensor partials) {
        Shapes.expectSameLength("y", x, y);
        CudaElementwise.expectFloats("x, y or partials", x, y, partials);
        Shapes.expect("partials", partials, squarePartials(x.elements()));
        device.launch(device.kernel(STEP, "dot"), partials.dim(0), CudaElementwise.BLOCK, device.arguments().input(x)
            .input(y).int64(x.elements()).int64(part(x.elements())).tensor(partials));
    }

    /** Where products read the same values as bfloat16; 0 if they do not. */
    private static long copy(Tensor parameters) {
        Bfloat16Copy copy = CudaDevice.buffer(parameters).copy();
        return copy == null ? 0 : copy.address(parameters);
    }

    /** A block for each chunk, until they stride. */
    private static int blocks(long count) {
        return (int) Math.min(count, MAX_GRID);
    }

    /** Elements that one block of the sum of squares takes, a multiple of 4. */
    private static long part(long elements) {
        long even = (elements + MAX_PARTS - 1) / MAX_PARTS;
        return Math.max(SMALLEST_PART, (even + 3) / 4 * 4);
    }
}
