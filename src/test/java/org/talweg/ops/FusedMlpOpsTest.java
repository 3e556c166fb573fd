package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.talweg.ops.Activation.Saved;
import org.talweg.ops.ElementwiseLoss.Formula;
import org.talweg.reference.ReferenceOps;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Contract;
import org.talweg.testing.Draw;
import org.talweg.testing.Sandbox;
import org.talweg.testing.Sandbox.Operation;
import org.talweg.testing.TestDevice;

/** {@link FusedMlpOps} against the layers one by one on the reference, and against central differences in double. */
class FusedMlpOpsTest {
    private static final double ULP = 0x1p-24;
    private static final Activation[] SMOOTH = {Activation.TANH, Activation.GELU, Activation.SIGMOID, Activation.SILU};

    /**
     * Of the largest gradient of a run: sums of a few hundred products, through five layers. The oracle rounds operands as
     * tensor cores do, but what lies a last bit of float32 beside the middle between two neighbours in tf32 or bfloat16 may
     * become the other one, with all that is computed from it.
     */
    private static double tolerance(Precision precision) {
        return switch (precision) {
            case FLOAT32, TF32X3 -> 512 * ULP;
            case TF32 -> 0x1p-10;
            case BF16 -> 0x1p-7;
        };
    }

    /** A network, a batch and a loss. */
    private static final class Case {
        final int batch;
        final int[] widths;
        final Activation activation;
        Activation last = Activation.IDENTITY;
        Precision precision = Precision.FLOAT32;
        final int sourceRows;
        final int cursor;
        final int[] order;
        final boolean bias;
        boolean hits = true;
        float[] features;
        float[] parameters;
        int[] labels;
        float[] targets;
        float[] weights;
        float[] others;
        CrossEntropy classes = CrossEntropy.plain(true);
        ElementwiseLoss elements;

        /** @param widths inputs, then the outputs of each layer */
        Case(Draw draw, int batch, Activation activation, int... widths) {
            this.batch = batch;
            this.widths = widths;
            this.activation = activation;
            boolean indexed = draw.flag();
            sourceRows = indexed ? batch + draw.below(20) : 0;
            cursor = draw.below(5);
            order = draw.indices(cursor + batch + 3, Math.max(1, sourceRows));
            bias = batch == 1 || draw.flag();
            int rows = Math.max(sourceRows, batch);
            features = draw.reals(rows * widths[0], 1);
            parameters = parameters(draw);
            labels = draw.indices(rows, outputs());
            targets = draw.reals(rows * outputs(), 1);
        }

        int outputs() {
            return widths[widths.length - 1];
        }

        /** Weights that keep the size of what passes through them. */
        private float[] parameters(Draw draw) {
            float[] values = new float[(int) mlp().length()];
            for (FusedMlp.Layer layer : mlp().layers()) {
                float[] w = draw.reals(layer.inputs() * layer.outputs(), Math.sqrt(3.0 / layer.inputs()));
                System.arraycopy(w, 0, values, (int) layer.weights(), w.length);
                if (layer.bias() >= 0) {
                    System.arraycopy(draw.reals(layer.outputs(), 0.5), 0, values, (int) layer.bias(), layer.outputs());
                }
            }
            return values;
        }

        FusedMlp mlp() {
            List<FusedMlp.Layer> layers = new ArrayList<>();
            long at = 0;
            for (int l = 1; l < widths.length; l++) {
                long weights = at;
                at += align((long) widths[l] * widths[l - 1]);
                long b = bias ? at : FusedMlp.Layer.NO_BIAS;
                at += bias ? align(widths[l]) : 0;
                layers.add(new FusedMlp.Layer("dense_" + l, widths[l - 1], widths[l], weights, b,
                    l == widths.length - 1 ? last : activation));
            }
            return new FusedMlp(layers, at, precision);
        }

        private static long align(long elements) {
            return (elements + 3) / 4 * 4;
        }

        boolean labelled() {
            return elements == null;
        }

        Operation operation() {
            return (ops, memory) -> {
                FusedMlp mlp = mlp();
                Map<String, Tensor> written = new LinkedHashMap<>();
                Tensor x = memory.input(features, features.length / widths[0], widths[0]);
                Tensor target = labelled() ? memory.input(labels, labels.length)
                    : memory.input(targets, targets.length / outputs(), outputs());
                Tensor flat = memory.input(parameters, parameters.length);
                BatchRows rows = sourceRows == 0 ? null
                    : new BatchRows(memory.input(order, order.length), memory.input(new int[] {cursor}, 1));
                LossTerms loss = terms(memory);
                written.put("losses", memory.output(batch));
                if (hits) {
                    written.put("hits", memory.output(batch));
                }
                written.put("gradients", memory.state(new float[parameters.length], parameters.length));
                if (ops.fusedMlp() == FusedMlpOps.NONE) {
                    layers(ops, memory, mlp, x, rows, flat, loss, target, written);
                    return written;
                }
                FusedMlpOps.Plan plan = ops.fusedMlp().plan(mlp, batch);
                written.put("partials", memory.output(plan.squarePartials()));
                Tensor shares = memory.state(new float[plan.shares() * parameters.length], plan.shares()
                    * parameters.length);
                plan.run(new FusedMlpOps.Step(memory.input(plan.layout(), plan.layout().length), shares, x, rows, flat,
                    loss, target, written.get("losses"), written.get("hits"), written.get("gradients"),
                    written.get("partials")));
                return written;
            };
        }

        private LossTerms terms(Sandbox memory) {
            Tensor w = weights == null ? null : memory.input(weights, weights.length);
            Tensor o = others == null ? null : memory.input(others, others.length);
            return new LossTerms(labelled() ? new LossTerms.OfClasses(classes, w, o)
                : new LossTerms.OfElements(elements, w, o), 1.5, 1.0 / 8);
        }

        /** As {@code tape} does it. */
        private void layers(Ops ops, Sandbox memory, FusedMlp mlp, Tensor x, BatchRows rows, Tensor flat, LossTerms loss,
                            Tensor target, Map<String, Tensor> written) {
            Tensor gradients = written.get("gradients");
            DenseOps dense = ops.dense().at(precision);
            int depth = mlp.layers().size();
            Tensor[] a = new Tensor[depth];
            Tensor[] saved = new Tensor[depth];
            for (int l = 0; l < depth; l++) {
                FusedMlp.Layer layer = mlp.layers().get(l);
                Tensor z = layer.activation().saved() == Saved.INPUT ? memory.output(batch, layer.outputs()) : null;
                a[l] = memory.output(batch, layer.outputs());
                saved[l] = z != null ? z : layer.activation().saved() == Saved.OUTPUT ? a[l] : null;
                dense.forward(l == 0 ? x : a[l - 1], l == 0 ? rows : null, weights(flat, layer), bias(flat, layer),
                    layer.activation(), z, a[l]);
            }
            Tensor dz = memory.output(batch, outputs());
            loss.plan(ops, a[depth - 1], target, rows, written.get("losses"), written.get("hits"), dz).run();
            ops.activation().backward(dz, last, saved[depth - 1], false, dz);
            for (int l = depth - 1; l >= 0; l--) {
                FusedMlp.Layer layer = mlp.layers().get(l);
                dense.backwardWeights(l == 0 ? x : a[l - 1], l == 0 ? rows : null, dz, false,
                    weights(gradients, layer), bias(gradients, layer), null, null);
                if (l > 0) {
                    Tensor dx = memory.output(batch, layer.inputs());
                    dense.backwardInput(dz, weights(flat, layer), mlp.layers().get(l - 1).activation(),
                        saved[l - 1], false, dx);
                    dz = dx;
                }
            }
        }

        private static Tensor weights(Tensor flat, FusedMlp.Layer layer) {
            return flat.view(layer.weights(), Shape.of(layer.outputs(), layer.inputs()));
        }

        private static Tensor bias(Tensor flat, FusedMlp.Layer layer) {
            return layer.bias() < 0 ? null : flat.view(layer.bias(), Shape.of(layer.outputs()));
        }

        @Override
        public String toString() {
            return "batch " + batch + ", widths " + Arrays.toString(widths) + ", " + activation + " and " + last + ", " + precision
                + (bias ? "" : ", no bias") + (sourceRows == 0 ? "" : ", rows of " + sourceRows);
        }
    }

    private static void check(Case c) {
        double tolerance = tolerance(c.precision);
        Contract contract = Contract.checkSchedules(TestDevice.accelerator(), c.toString(), c.operation());
        expectClose(contract, "losses", tolerance);
        expectClose(contract, "gradients", tolerance);
        if (c.hits) {
            contract.expectEqual("hits");
        }
        double squares = 0;
        for (float g : contract.actual("gradients")) {
            squares += (double) g * g;
        }
        double partials = IntStream.range(0, contract.actual("partials").length)
            .mapToDouble(i -> contract.actual("partials")[i]).sum();
        assertEquals(squares, partials, 64 * ULP * squares, c + ": sum of squares");
    }

    private static void expectClose(Contract contract, String name, double tolerance) {
        double largest = 0;
        for (float value : contract.expected(name)) {
            largest = Math.max(largest, Math.abs(value));
        }
        double bound = tolerance * largest;
        contract.expectWithin(name, i -> bound);
    }

    /** Widths of whole tiles and of none, up to five layers, batches of one row, primes and more slabs than blocks. */
    @ParameterizedTest
    @MethodSource
    void networks(Precision precision, int batch, String widths) {
        Draw draw = new Draw(widths.hashCode());
        int[] all = Arrays.stream(widths.split(" ")).mapToInt(Integer::parseInt).toArray();
        Case c = new Case(draw, batch, draw.oneOf(SMOOTH), all);
        c.precision = precision;
        if (c.outputs() == 1) {
            c.elements = ElementwiseLoss.of(Formula.SQUARED_ERROR);
            c.hits = false;
        }
        check(c);
    }

    static List<Arguments> networks() {
        return inEveryPrecision("1, 3 16 10", "7, 16 16 16 16 16 16", "33, 17 17 17 3", "64, 32 32 32", "67, 64 64 10",
            "31, 100 100 100 7", "49, 128 128 128 128 10", "5, 784 128 10", "129, 5 1", "1009, 20 24 2", "300, 2 64 64 128");
    }

    static List<Arguments> wholeNumbersAreExact() {
        return inEveryPrecision("1, 3 16 10", "67, 17 17 3", "129, 100 64 128", "50, 128 128 128", "257, 64 32 1");
    }

    private static List<Arguments> inEveryPrecision(String... cases) {
        return Arrays.stream(Precision.values()).flatMap(precision -> Arrays.stream(cases).map(each -> each.split(", "))
            .map(parts -> Arguments.of(precision, Integer.parseInt(parts[0]), parts[1]))).toList();
    }

    /** Every order of summation is exact, and what a number is rounded to is the same everywhere. */
    @ParameterizedTest
    @MethodSource
    void wholeNumbersAreExact(Precision precision, int batch, String widths) {
        Draw draw = new Draw(batch);
        int[] all = Arrays.stream(widths.split(" ")).mapToInt(Integer::parseInt).toArray();
        Case c = new Case(draw, batch, Activation.RELU, all);
        c.precision = precision;
        c.elements = ElementwiseLoss.of(Formula.SQUARED_ERROR);
        c.hits = false;
        fill(draw, c.features, 2);
        fill(draw, c.targets, 2);
        fill(draw, c.parameters, 12);
        Contract contract = Contract.checkSchedules(TestDevice.accelerator(), c.toString(), c.operation());
        for (float gradient : contract.expected("gradients")) {
            assertTrue(Math.abs(gradient) < 1 << 20, "gradients of " + c + " are too large to be exact: " + gradient);
        }
        contract.expectEqual("losses");
        contract.expectEqual("gradients");
    }

    /** −1, 0 or 1, the ones once in {@code rarity}. */
    private static void fill(Draw draw, float[] values, int rarity) {
        for (int i = 0; i < values.length; i++) {
            values[i] = draw.below(rarity) > 0 ? 0 : draw.flag() ? 1 : -1;
        }
    }

    static List<Arguments> everyActivation() {
        return Activation.all().stream().flatMap(each -> Arrays.stream(Precision.values())
            .map(precision -> Arguments.of(each, precision))).toList();
    }

    /** In the middle and at the end, where the loss must leave what the derivative is computed from. */
    @ParameterizedTest
    @MethodSource
    void everyActivation(Activation activation, Precision precision) {
        Case c = new Case(new Draw(activation.kind().ordinal()), 19, activation, 9, 17, 12, 6);
        c.precision = precision;
        c.last = activation;
        c.elements = ElementwiseLoss.of(Formula.SQUARED_ERROR);
        c.hits = false;
        check(c);
    }

    static List<Arguments> everyElementwiseLoss() {
        return Arrays.stream(Formula.values()).flatMap(each -> Arrays.stream(Precision.values())
            .map(precision -> Arguments.of(each, precision))).toList();
    }

    @ParameterizedTest
    @MethodSource
    void everyElementwiseLoss(Formula formula, Precision precision) {
        Draw draw = new Draw(formula.ordinal());
        Case c = new Case(draw, 21, Activation.TANH, 8, 16, 5);
        c.precision = precision;
        c.elements = new ElementwiseLoss(formula, 0.5f, 1.5f);
        c.hits = c.elements.hasHits();
        boolean positive = formula == Formula.BINARY_CROSS_ENTROPY_PROBABILITIES || formula == Formula.POISSON_RATE;
        c.last = positive ? Activation.SIGMOID : Activation.IDENTITY;
        c.targets = Draw.absolute(c.targets);
        c.weights = Draw.absolute(draw.reals(5, 2));
        c.others = formula == Formula.BINARY_CROSS_ENTROPY ? Draw.absolute(draw.reals(5, 2)) : null;
        check(c);
    }

    @ParameterizedTest
    @EnumSource
    void crossEntropyHasItsOptions(Precision precision) {
        Draw draw = new Draw(5);
        Case smooth = new Case(draw, 23, Activation.GELU, 12, 33, 10);
        smooth.precision = precision;
        smooth.classes = new CrossEntropy(true, 0.1f, 3);
        smooth.weights = Draw.absolute(draw.reals(10, 2));
        smooth.others = new float[] {0.75f, 1.25f};
        check(smooth);
        Case given = new Case(draw, 23, Activation.GELU, 12, 33, 128);
        given.precision = precision;
        given.classes = new CrossEntropy(false, 0, CrossEntropy.NONE);
        check(given);
    }

    /** A label out of range spoils the gradients, so that the step is skipped; an input that is not finite does, too. */
    @ParameterizedTest
    @EnumSource
    void whatIsNotFiniteIsSeen(Precision precision) {
        Case label = new Case(new Draw(1), 40, Activation.TANH, 8, 16, 5);
        label.labels = label.labels.clone();
        Arrays.fill(label.labels, 5);
        Case input = new Case(new Draw(2), 40, Activation.TANH, 8, 16, 5);
        Arrays.fill(input.features, Float.NaN);
        for (Case c : List.of(label, input)) {
            c.precision = precision;
            Contract contract = Contract.check(TestDevice.accelerator(), c.toString(), c.operation());
            assertTrue(Float.isNaN(contract.actual("partials")[0]), c.toString());
            contract.expectWithin("losses", i -> 0);
        }
    }

    /** Of a network computed in plain double. */
    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "TF32X3"})
    void gradientsAreCentralDifferences(Precision precision) {
        Case c = new Case(new Draw(77), 37, Activation.TANH, 6, 16, 17, 3);
        c.precision = precision;
        c.elements = ElementwiseLoss.of(Formula.SQUARED_ERROR);
        c.hits = false;
        float[] gradients = Contract.check(TestDevice.accelerator(), c.toString(), c.operation()).actual("gradients");
        double[] at = IntStream.range(0, c.parameters.length).mapToDouble(i -> c.parameters[i]).toArray();
        double h = 1e-5;
        for (FusedMlp.Layer layer : c.mlp().layers()) {
            for (int i = 0; i < layer.inputs() * layer.outputs(); i++) {
                int p = (int) layer.weights() + i;
                double value = at[p];
                at[p] = value + h;
                double above = loss(c, at);
                at[p] = value - h;
                double below = loss(c, at);
                at[p] = value;
                // The gradient's scale is 1/8, the loss's own is left out.
                assertEquals((above - below) / (2 * h) / 8, gradients[p], 1e-5, "parameter " + p);
            }
        }
    }

    private static double loss(Case c, double[] parameters) {
        double loss = 0;
        for (int r = 0; r < c.batch; r++) {
            int row = c.sourceRows == 0 ? r : c.order[c.cursor + r];
            double[] x = IntStream.range(0, c.widths[0]).mapToDouble(i -> c.features[row * c.widths[0] + i]).toArray();
            for (FusedMlp.Layer layer : c.mlp().layers()) {
                double[] z = new double[layer.outputs()];
                for (int o = 0; o < z.length; o++) {
                    z[o] = layer.bias() < 0 ? 0 : parameters[(int) layer.bias() + o];
                    for (int i = 0; i < x.length; i++) {
                        z[o] += parameters[(int) layer.weights() + o * x.length + i] * x[i];
                    }
                    z[o] = layer.activation().equals(Activation.TANH) ? Math.tanh(z[o]) : z[o];
                }
                x = z;
            }
            for (int j = 0; j < x.length; j++) {
                double d = x[j] - c.targets[row * x.length + j];
                loss += d * d;
            }
        }
        return loss;
    }

    @Test
    void whatDoesNotFitIsRefused() {
        FusedMlpOps ops = TestDevice.accelerator().device().ops().fusedMlp();
        Draw draw = new Draw(3);
        FusedMlp wide = new Case(draw, 1, Activation.RELU, 8, 129, 3).mlp();
        assertEquals("dense_1 has 129 outputs, and at most 128 are fused", ops.refusal(wide));
        assertEquals(ops.refusal(wide), assertThrows(IllegalArgumentException.class, () -> ops.plan(wide, 8)).getMessage());
        int[] many = new int[18];
        Arrays.fill(many, 4);
        assertTrue(ops.refusal(new Case(draw, 1, Activation.RELU, many).mlp()).contains("17 layers"));
        int[] deep = new int[17];
        Arrays.fill(deep, 128);
        assertTrue(ops.refusal(new Case(draw, 1, Activation.GELU, deep).mlp()).contains("bytes of shared memory"));
        assertEquals("this device computes layer by layer", ReferenceOps.create().fusedMlp().refusal(wide));
    }
}
