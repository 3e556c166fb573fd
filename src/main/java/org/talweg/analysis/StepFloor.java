package org.talweg.analysis;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.talweg.ops.Activation;
import org.talweg.ops.Activation.Saved;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.FusedMlpOps;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateRule;

/**
 * The least that one training step of dense layers can move to and from memory, launch by launch: a launch reads each of
 * its inputs once and writes each of its outputs once, and nothing stays in a cache from one launch to the next. Memory
 * hands out sectors of {@value #SECTOR_BYTES} bytes, so each of the following is rounded up to whole ones; with B rows,
 * layer l of I inputs and O outputs, P parameters in all, V outputs of the last layer, everything 4 bytes an element.
 * Weights that the device reads as bfloat16 ({@link DenseOps#weightBytes}) are 2 bytes, forward and towards the input, and
 * 2 bytes more are written for each parameter. Products count 2 B O I operations each.
 *
 * <ul>
 * <li>forward of l: X of B I elements, W and b of O I + O in, A of B O out; B O more where the activation saves its input;
 * <li>loss: prediction of B V and targets in, T = 1 a row for class numbers, V otherwise; gradient of B V, row losses of B
 *     and, if there are any, row hits of B out;
 * <li>backward of l, weights: X of B I and dZ of B O in; dW and db of O I + O and S partial sums of squares out;
 * <li>backward of l &gt; 1, input: dZ of B O, W of O I and what the activation below saved of B I, if it saves anything, in;
 *     dX of B I out. In one launch with the weights', dZ is read once for both, and so is a saved output, which is X;
 * <li>prepare: row losses, hits and all partial sums in; the {@link StepState}: counters in and out, the step's row of the
 *     schedule in and of the log out, control out, and what the optimizer {@linkplain UpdateRule#memory keeps} in and out;
 * <li>update: p, g and n {@linkplain UpdateRule#buffers buffers} of P in, p and the buffers out, which is 12 bytes a parameter
 *     for SGD, 20 with momentum, 28 for Adam, 2 more with a copy in bfloat16; and of control what every rule reads, {@value #READ_CONTROLS} elements.
 * </ul>
 *
 * <p>The first layer and the loss read rows of the data set through the epoch's order: B elements of the order and the cursor
 * more, and each sector in which one of the batch's rows lies, for a row that is shorter than a sector does not come alone.
 * The workspace of a split product counts as nothing: an ideal kernel has none.
 */
public record StepFloor(List<Launch> launches) {
    private static final int FLOAT = 4;
    private static final int BFLOAT16 = 2;
    private static final int SECTOR_BYTES = 32;
    /** Learning rate, clipping and skip flag, and the first scalars of the rule. */
    private static final int READ_CONTROLS = 2 * SECTOR_BYTES / FLOAT;

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
     * @param rows       numbers, in the data set, of the rows of the batch
     * @param widths     inputs, units of each hidden layer, outputs
     * @param activation of the hidden layers; the last has none
     * @param rule       or null for an optimizer of several launches, whose floor this does not know
     */
    public static StepFloor of(DenseOps dense, int[] rows, List<Integer> widths, Activation activation, LossRows loss,
                               UpdateRule rule) {
        int batch = rows.length;
        int layers = widths.size() - 1;
        List<Launch> forward = new ArrayList<>();
        List<Launch> backward = new ArrayList<>();
        long order = order(batch);
        long parameters = 0;
        long partials = 0;
        boolean copied = false;
        for (int l = 0; l < layers; l++) {
            DenseShape shape = new DenseShape(batch, widths.get(l + 1), widths.get(l));
            boolean first = l == 0;
            long inputs = (long) batch * shape.inputs();
            long outputs = (long) batch * shape.outputs();
            long weights = (long) shape.outputs() * shape.inputs();
            long flops = 2 * outputs * shape.inputs();
            int squares = dense.squarePartials(shape);
            long x = first ? order + gathered(rows, shape.inputs()) : sectors(inputs);
            long z = sectors(outputs);
            long trained = sectors(weights + shape.outputs());
            boolean shorter = dense.weightBytes(shape) < FLOAT;
            long w = sectorsOf(weights * dense.weightBytes(shape));
            copied |= shorter;
            long kept = l < layers - 1 && activation.saved() == Saved.INPUT ? z : 0;
            forward.add(launch("dense_forward", x + (shorter ? w + sectors(shape.outputs()) : trained) + z + kept, flops));
            long dw = x + z + trained + sectors(squares);
            long saved = activation.saved() == Saved.NOTHING ? 0 : x;
            if (!first && dense.groups(shape)) {
                backward.add(0, launch("dense_backward", dw + w + x
                    + (activation.saved() == Saved.INPUT ? saved : 0), 2 * flops));
            } else {
                if (!first) {
                    backward.add(0, launch("dense_backward", z + w + saved + x, flops));
                }
                backward.add(0, launch("dense_backward", dw, flops));
            }
            parameters += weights + shape.outputs();
            partials += squares;
        }
        List<Launch> all = new ArrayList<>(forward);
        all.add(launch(loss.kernel(), order + 2 * sectors((long) batch * widths.get(layers))
            + gathered(rows, loss.targetColumns()) + results(batch, loss), 0));
        all.addAll(backward);
        finish(all, batch, loss, partials, rule, parameters, copied);
        return new StepFloor(List.copyOf(all));
    }

    /**
     * Of a step whose forward, loss and backward are one kernel ({@link org.talweg.ops.FusedMlpOps}): inputs, targets,
     * parameters and the table of layers in, row results and n shares of the weight gradients out; then those in, gradients
     * and partial sums of squares out. What lies between the layers never reaches memory.
     *
     * @param plan of the step, for its shares, partial sums and table
     */
    public static StepFloor ofFused(FusedMlpOps.Plan plan, int[] rows, List<Integer> widths, LossRows loss, UpdateRule rule) {
        int batch = rows.length;
        long parameters = 0;
        long flops = 0;
        for (int l = 1; l < widths.size(); l++) {
            long w = (long) widths.get(l) * widths.get(l - 1);
            parameters += w + widths.get(l);
            flops += (l == 1 ? 4 : 6) * batch * w;
        }
        long shares = sectors(plan.shares() * parameters);
        List<Launch> all = new ArrayList<>();
        all.add(launch("fused_mlp_step", sectors(plan.layout().length) + order(batch) + gathered(rows, widths.get(0))
            + gathered(rows, loss.targetColumns()) + sectors(parameters) + results(batch, loss) + shares, flops));
        all.add(launch("fused_mlp_finish", shares + sectors(parameters) + sectors(plan.squarePartials()), 0));
        finish(all, batch, loss, plan.squarePartials(), rule, parameters, false);
        return new StepFloor(List.copyOf(all));
    }

    /** Prepare and update. */
    private static void finish(List<Launch> all, int batch, LossRows loss, long partials, UpdateRule rule, long parameters,
                               boolean copied) {
        int memory = rule == null ? 0 : rule.memory();
        long state = 2 * sectors(StepState.COUNTERS) + sectors(StepState.SCHEDULE_COLUMNS) + sectors(StepState.LOG_COLUMNS)
            + sectors(StepState.CONTROLS) + 2 * sectors(2L * memory);
        all.add(launch("prepare_step", results(batch, loss) + sectors(partials) + state, 0));
        if (rule != null) {
            all.add(launch(rule.kernel(), (3 + 2L * rule.buffers()) * sectors(parameters)
                + (copied ? sectorsOf(BFLOAT16 * parameters) : 0) + sectors(READ_CONTROLS), 0));
        }
    }

    /** The batch's part of the epoch's order, and the cursor. */
    private static long order(int batch) {
        return sectors(batch) + 1;
    }

    /** Row losses and hits. */
    private static long results(int batch, LossRows loss) {
        return sectors(batch) * (loss.hits() ? 2 : 1);
    }

    /** At least, of elements that lie side by side. */
    private static long sectors(long elements) {
        return sectorsOf(elements * FLOAT);
    }

    private static long sectorsOf(long bytes) {
        return (bytes + SECTOR_BYTES - 1) / SECTOR_BYTES;
    }

    /** In which rows of a data set lie. */
    private static long gathered(int[] rows, int columns) {
        long width = (long) columns * FLOAT;
        long count = 0;
        long end = 0;
        for (int row : Arrays.stream(rows).sorted().toArray()) {
            long first = Math.max(end, row * width / SECTOR_BYTES);
            end = Math.max(end, ((row + 1) * width + SECTOR_BYTES - 1) / SECTOR_BYTES);
            count += end - first;
        }
        return count;
    }

    private static Launch launch(String kernel, long sectors, long flops) {
        return new Launch(kernel, SECTOR_BYTES * sectors, flops);
    }

    public long flops() {
        return launches.stream().mapToLong(Launch::flops).sum();
    }
}
