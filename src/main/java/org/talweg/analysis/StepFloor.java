package org.talweg.analysis;

import java.util.ArrayList;
import java.util.List;
import org.talweg.ops.Activation;
import org.talweg.ops.Activation.Saved;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.UpdateRule;

/**
 * The least that one training step of dense layers can move to and from memory, launch by launch: a launch reads each of
 * its inputs once and writes each of its outputs once, and nothing stays in a cache from one launch to the next. In
 * bytes, with B rows, layer l of I inputs and O outputs, P parameters in all, V outputs of the last layer; everything is
 * 4 bytes an element. Products count 2 B O I operations each.
 *
 * <ul>
 * <li>forward of l: 4 (B I + O I + O + B O) — X, W, b in, A out; B O more where the activation saves its input;
 * <li>loss: 4 (B V + B T) in, 4 (B V + B H) out — prediction and targets, T = 1 a row for class numbers, V otherwise;
 *     gradient and row losses, H = 2 with row hits, else 1;
 * <li>backward of l, weights: 4 (B I + B O) in, 4 (O I + O + S) out — X and dZ; dW, db and S partial sums of squares;
 * <li>backward of l &gt; 1, input: 4 (B O + O I + B I) in, 4 B I out — dZ, W and what the activation below saved, if it
 *     saves anything; dX. In one launch with the weights', dZ is read once for both, and so is a saved output, which is X;
 * <li>prepare: 4 (B H + Σ S) — row losses, hits and partial sums in;
 * <li>update: (12 + 8 n) P for n {@linkplain UpdateRule#buffers buffers} — p, g and the buffers in, p and the buffers
 *     out: 12 for SGD, 20 with momentum, 28 for Adam.
 * </ul>
 *
 * <p>Where a launch reads rows through the epoch's order (the first layer's and the loss), 4 B more for the order. The
 * workspace of a split product counts as nothing: an ideal kernel has none. Nor do the step's scalars, some 200 bytes.
 */
public record StepFloor(List<Launch> launches) {
    private static final int FLOAT = 4;

    /**
     * @param kernel how the kernel's name begins
     * @param bytes  the floor
     * @param flops  of the matrix product, else 0
     */
    public record Launch(String kernel, long bytes, long flops) {
        public boolean is(String name) {
            return name.startsWith(kernel);
        }
    }

    /**
     * What the loss works on.
     *
     * @param kernel        how its kernel's name begins
     * @param targetColumns values of a row's target: 1 for class numbers
     */
    public record LossRows(String kernel, int targetColumns, boolean hits) {
    }

    /**
     * The launches of a step, in the order they run.
     *
     * @param dense      of the device and precision, for the number of partial sums
     * @param widths     inputs, units of each hidden layer, outputs
     * @param activation of the hidden layers; the last has none
     * @param rule       or null for an optimizer of several launches, whose floor this does not know
     */
    public static StepFloor of(DenseOps dense, int batch, List<Integer> widths, Activation activation, LossRows loss,
                               UpdateRule rule) {
        int layers = widths.size() - 1;
        List<Launch> forward = new ArrayList<>();
        List<Launch> backward = new ArrayList<>();
        long order = batch;
        long parameters = 0;
        long partials = 0;
        for (int l = 0; l < layers; l++) {
            DenseShape shape = new DenseShape(batch, widths.get(l + 1), widths.get(l));
            boolean first = l == 0;
            long x = (long) batch * shape.inputs();
            long z = (long) batch * shape.outputs();
            long w = (long) shape.outputs() * shape.inputs();
            long flops = 2 * z * shape.inputs();
            long rows = first ? order : 0;
            long kept = l < layers - 1 && activation.saved() == Saved.INPUT ? z : 0;
            long squares = dense.squarePartials(shape);
            forward.add(launch("dense_forward", rows + x + w + shape.outputs() + z + kept, flops));
            long weights = rows + x + z + w + shape.outputs() + squares;
            if (!first && dense.groups(shape)) {
                long saved = activation.saved() == Saved.INPUT ? x : 0;
                backward.add(0, launch("dense_backward", weights + w + saved + x, 2 * flops));
            } else {
                if (!first) {
                    long saved = activation.saved() == Saved.NOTHING ? 0 : x;
                    backward.add(0, launch("dense_backward", z + w + saved + x, flops));
                }
                backward.add(0, launch("dense_backward", weights, flops));
            }
            parameters += w + shape.outputs();
            partials += squares;
        }
        long outputs = (long) batch * widths.get(layers);
        long results = (long) batch * (loss.hits() ? 2 : 1);
        List<Launch> all = new ArrayList<>(forward);
        all.add(launch(loss.kernel(), order + 2 * outputs + (long) batch * loss.targetColumns() + results, 0));
        all.addAll(backward);
        all.add(launch("prepare_step", results + partials, 0));
        if (rule != null) {
            all.add(launch(rule.kernel(), (3 + 2L * rule.buffers()) * parameters, 0));
        }
        return new StepFloor(List.copyOf(all));
    }

    /**
     * Of a step whose forward, loss and backward are one kernel ({@link org.talweg.ops.FusedMlpOps}): inputs, targets and
     * parameters in, row results and n shares of the weight gradients out; then those in, gradients and partial sums of
     * squares out. What lies between the layers never reaches memory.
     *
     * @param shares   n
     * @param partials of the sum of squares
     */
    public static StepFloor ofFused(int batch, List<Integer> widths, int shares, int partials, LossRows loss,
                                    UpdateRule rule) {
        long parameters = 0;
        long flops = 0;
        for (int l = 1; l < widths.size(); l++) {
            long w = (long) widths.get(l) * widths.get(l - 1);
            parameters += w + widths.get(l);
            flops += (l == 1 ? 4 : 6) * batch * w;
        }
        long results = (long) batch * (loss.hits() ? 2 : 1);
        long rows = (long) batch * (1 + widths.get(0) + loss.targetColumns());
        List<Launch> all = new ArrayList<>();
        all.add(launch("fused_mlp_step", rows + parameters + results + shares * parameters, flops));
        all.add(launch("fused_mlp_finish", shares * parameters + parameters + partials, 0));
        all.add(launch("prepare_step", results + partials, 0));
        if (rule != null) {
            all.add(launch(rule.kernel(), (3 + 2L * rule.buffers()) * parameters, 0));
        }
        return new StepFloor(List.copyOf(all));
    }

    private static Launch launch(String kernel, long elements, long flops) {
        return new Launch(kernel, FLOAT * elements, flops);
    }

    public long flops() {
        return launches.stream().mapToLong(Launch::flops).sum();
    }
}
