package org.talweg.cuda;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN;
import static org.talweg.cuda.CudaElementwise.ceilDivide;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.talweg.ops.Activation;
import org.talweg.ops.Activation.Saved;
import org.talweg.ops.BatchRows;
import org.talweg.ops.CrossEntropy;
import org.talweg.ops.ElementwiseLoss;
import org.talweg.ops.FusedMlp;
import org.talweg.ops.FusedMlpOps;
import org.talweg.ops.LossTerms;
import org.talweg.ops.MatrixProducts;
import org.talweg.ops.Precision;
import org.talweg.ops.Shapes;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/**
 * Launches {@code kernels/fused_mlp.cu}, or {@code fused_mlp_tensor.cu} for a precision of tensor cores. Rows of a slab,
 * threads of a block and the number of blocks follow from the model, the batch and the device's multiprocessors and shared
 * memory alone, so that sums have the same order every time.
 */
final class CudaFusedMlp implements FusedMlpOps {
    private static final String FAMILY = "fused_mlp";
    private static final String TENSOR_FAMILY = "fused_mlp_tensor";
    // As in the kernels.
    private static final int MAX_LAYERS = 16;
    static final int MAX_WIDTH = 128;
    private static final int MAX_WARPS = 16;
    private static final int WARP = 32;
    private static final int DEPTH = 32;
    private static final int INPUT_COLUMNS = 64;
    private static final int TILE_ROWS = 16;
    private static final int TILE_COLUMNS = 32;
    private static final int FINISH_BLOCK = 256;
    private static final int FINISH_ELEMENTS = 128;
    /** Stages of shared memory, and what rows there are filled up to. */
    private static final int STAGES = 2;
    private static final int TENSOR_STAGES = 3;
    private static final int QUAD = 4;
    private static final int TENSOR_DEPTH = 16;
    private static final int[] SLABS = {16, 32, 64};
    /** What a block has besides: the table of layers, the numbers of its rows, and what the driver takes. */
    private static final int STATIC_SHARED_BYTES = 2048;

    private final CudaDevice device;

    CudaFusedMlp(CudaDevice device) {
        this.device = device;
    }

    @Override
    public String refusal(FusedMlp mlp) {
        if (!device.chip().copiesAsynchronously()) {
            return "it takes asynchronous copies, compute capability 8.0, and this device has "
                + device.chip().computeCapability() / 10 + "." + device.chip().computeCapability() % 10;
        }
        if (device.products() != MatrixProducts.TALWEG) {
            return "the matrix products of " + device.name() + " are " + device.products() + "'s";
        }
        if (mlp.layers().size() > MAX_LAYERS) {
            return "the model has " + mlp.layers().size() + " layers, and at most " + MAX_LAYERS + " are fused";
        }
        for (FusedMlp.Layer layer : mlp.layers()) {
            if (layer.outputs() > MAX_WIDTH) {
                return layer.name() + " has " + layer.outputs() + " outputs, and at most " + MAX_WIDTH + " are fused";
            }
        }
        if (mlp.length() > Integer.MAX_VALUE) {
            return "the model has " + mlp.length() + " parameters, more than 2^31";
        }
        int needed = new Slab(mlp, SLABS[0]).sharedBytes();
        return needed <= sharedBytes() ? null : "a slab of " + SLABS[0] + " rows takes " + needed
            + " bytes of shared memory, and a block has " + sharedBytes();
    }

    private int sharedBytes() {
        return device.chip().attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN) - STATIC_SHARED_BYTES;
    }

    @Override
    public Plan plan(FusedMlp mlp, int batch) {
        String refusal = refusal(mlp);
        if (refusal != null) {
            throw new IllegalArgumentException(refusal);
        }
        FusedMlpCost cost = new FusedMlpCost(mlp, batch, device.chip().multiprocessors());
        CudaPlan best = null;
        for (int rows : SLABS) {
            Slab slab = new Slab(mlp, rows);
            if (slab.sharedBytes() <= sharedBytes() && slab.warps() <= MAX_WARPS) {
                CudaPlan plan = new CudaPlan(mlp, batch, slab, cost);
                best = best == null || plan.nanoseconds < best.nanoseconds ? plan : best;
            }
        }
        return best;
    }

    /** Where a block has what, for slabs of so many rows; places and sizes in floats. */
    private static final class Slab {
        private final FusedMlp mlp;
        private final int rows;
        private final boolean plain;
        private final int stage;
        private final List<Integer> table = new ArrayList<>();
        private int used;

        Slab(FusedMlp mlp, int rows) {
            this.mlp = mlp;
            this.rows = rows;
            plain = mlp.precision() == Precision.FLOAT32;
            int most = rows * (INPUT_COLUMNS + 4);
            for (FusedMlp.Layer layer : mlp.layers()) {
                boolean first = layer == mlp.first();
                most = Math.max(most, (layer.outputs() + (first ? rows : 0)) * (DEPTH + 4));
                most = Math.max(most, first ? 0 : Math.min(DEPTH, padded(layer.outputs())) * pitch(layer.inputs()));
                add(layer, layer == mlp.last());
            }
            stage = most;
        }

        private void add(FusedMlp.Layer layer, boolean last) {
            Activation activation = layer.activation();
            int size = rows * pitch(layer.outputs());
            int output = take(size);
            int saved = switch (activation.saved()) {
                case NOTHING -> -1;
                case OUTPUT -> output;
                case INPUT -> take(size);
            };
            int gradient = last && activation.saved() == Saved.OUTPUT ? take(size) : output;
            table.addAll(List.of(layer.inputs(), layer.outputs(), (int) layer.weights(), (int) layer.bias(),
                activation.kind().ordinal(), Float.floatToRawIntBits(activation.p()),
                Float.floatToRawIntBits(activation.q()), output, saved, gradient));
        }

        private int take(int floats) {
            used += floats;
            return used - floats;
        }

        int sharedBytes() {
            return Math.multiplyExact(Math.addExact((plain ? STAGES : TENSOR_STAGES) * stage, used), Float.BYTES);
        }

        /** One for each tile of the widest result. */
        int warps() {
            int widest = mlp.layers().stream().mapToInt(FusedMlp.Layer::outputs).max().orElseThrow();
            return rows / TILE_ROWS * ceilDivide(widest, TILE_COLUMNS);
        }

        private int padded(int width) {
            int multiple = plain ? QUAD : TENSOR_DEPTH;
            return ceilDivide(width, multiple) * multiple;
        }

        /** An odd number of quads. */
        private int pitch(int width) {
            return (padded(width) / QUAD | 1) * QUAD;
        }
    }

    private final class CudaPlan implements Plan {
        private final FusedMlp mlp;
        private final int batch;
        private final Slab slab;
        /** Slabs that a block takes one after the other. */
        private final int slabsEach;
        private final int blocks;
        private final double nanoseconds;
        private final boolean faster;
        private CudaKernel step;
        private CudaKernel finish;

        CudaPlan(FusedMlp mlp, int batch, Slab slab, FusedMlpCost cost) {
            this.mlp = mlp;
            this.batch = batch;
            this.slab = slab;
            int slabs = ceilDivide(batch, slab.rows);
            slabsEach = ceilDivide(slabs, Math.min(slabs, device.chip().multiprocessors()));
            blocks = ceilDivide(slabs, slabsEach);
            nanoseconds = cost.fused(slab.rows, slab.warps(), slabsEach, blocks);
            faster = cost.isFaster(slab.rows, slab.warps(), slabsEach, blocks);
        }

        @Override
        public boolean isFaster() {
            return faster;
        }

        @Override
        public int[] layout() {
            return slab.table.stream().mapToInt(Integer::intValue).toArray();
        }

        @Override
        public int shares() {
            return blocks;
        }

        @Override
        public int squarePartials() {
            return Math.toIntExact(ceilDivide(mlp.length(), FINISH_ELEMENTS));
        }

        @Override
        public void run(Step on) {
            check(on);
            if (step == null) {
                boolean plain = mlp.precision() == Precision.FLOAT32;
                step = plain ? device.kernel(FAMILY, "fused_mlp_step")
                    : device.kernel(TENSOR_FAMILY, "fused_mlp_step_" + mlp.precision().name().toLowerCase(Locale.ROOT));
                finish = device.kernel(FAMILY, "fused_mlp_finish");
            }
            LaunchArguments arguments = device.arguments().tensor(on.layout()).int32(mlp.layers().size()).int32(slab.rows)
                .int32(slab.stage).int32(slabsEach).tensor(on.features());
            CudaDense.rows(arguments, on.rows()).input(on.parameters()).tensor(on.shares()).int64(mlp.length());
            loss(arguments, on.loss().loss(), on.targets()).float32((float) on.loss().lossScale())
                .float32((float) on.loss().gradientScale()).tensor(on.rowLosses()).tensor(on.rowHits()).int32(batch);
            device.launch(step, blocks, 1, 1, slab.warps() * WARP, slab.sharedBytes(), arguments);
            device.launch(finish, squarePartials(), FINISH_BLOCK, device.arguments().tensor(on.shares()).int32(blocks)
                .int64(mlp.length()).tensor(on.gradients()).tensor(on.squarePartials()));
        }

        private static LaunchArguments loss(LaunchArguments arguments, LossTerms.RowLoss loss, Tensor targets) {
            boolean labels = targets.dtype() == DType.INT32;
            if (loss instanceof LossTerms.OfClasses classes) {
                CrossEntropy formula = classes.formula();
                return arguments.int32(-1).tensor(labels ? targets : null).tensor(labels ? null : targets)
                    .tensor(classes.classWeights()).tensor(classes.factors()).int32(formula.logits() ? 1 : 0)
                    .float32(formula.labelSmoothing()).float32(0).int64(formula.ignoredLabel());
            }
            LossTerms.OfElements elements = (LossTerms.OfElements) loss;
            ElementwiseLoss formula = elements.formula();
            return arguments.int32(formula.formula().ordinal()).tensor(null).tensor(targets).tensor(elements.weights())
                .tensor(elements.positiveWeights()).int32(0).float32(formula.a()).float32(formula.b()).int64(0);
        }

        private void check(Step on) {
            BatchRows rows = on.rows();
            Shapes.expectRank("features", on.features(), 2);
            Shapes.expect("features", on.features(), rows == null ? batch : on.features().dim(0), mlp.first().inputs());
            for (Tensor flat : new Tensor[] {on.parameters(), on.gradients()}) {
                Shapes.expect("flat buffer", flat, Math.toIntExact(mlp.length()));
            }
            boolean labels = on.targets().dtype() == DType.INT32;
            int targetRows = rows == null ? batch : on.targets().dim(0);
            if (labels) {
                Shapes.expect("labels", on.targets(), targetRows);
            } else {
                Shapes.expect("target", on.targets(), targetRows, mlp.last().outputs());
            }
            Shapes.expect("row losses", on.rowLosses(), batch);
            Shapes.expect("square partials", on.squarePartials(), squarePartials());
            if (on.shares().elements() < blocks * mlp.length()) {
                throw new IllegalArgumentException("shares of " + on.shares().elements() + " elements, expected " + blocks
                    + " times " + mlp.length());
            }
        }
    }
}
