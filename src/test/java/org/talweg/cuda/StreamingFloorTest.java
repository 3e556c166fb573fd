package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.talweg.cuda.SoftwareDriver.Check;
import org.talweg.ops.Activation;
import org.talweg.ops.BatchRows;
import org.talweg.ops.ClipRule;
import org.talweg.ops.CrossEntropy;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.ops.ElementwiseLoss;
import org.talweg.ops.ElementwiseLoss.Formula;
import org.talweg.ops.FusedMlp;
import org.talweg.ops.FusedMlpOps;
import org.talweg.ops.LossBatch;
import org.talweg.ops.LossTerms;
import org.talweg.ops.MatrixProducts;
import org.talweg.ops.MeasuredRule;
import org.talweg.ops.NormalisationOps;
import org.talweg.ops.Precision;
import org.talweg.ops.Segment;
import org.talweg.ops.Segments;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateRule;
import org.talweg.optim.FusedOptimizer;
import org.talweg.optim.Optimizers;
import org.talweg.tensor.Philox;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.SoftwareDevice;

/**
 * Every kernel whose work is to pass data through it moves its floor, each input read once and each output written once, with
 * as few sectors a request as its bytes fill, on a megabyte or more; and no kernel is without such a case, but
 * {@link #PRODUCTS}.
 */
class StreamingFloorTest {
    private static final int ELEMENTS = 1 << 18;
    private static final double SLACK = 1.02;
    /** Rows of a part of a warp and of a block. */
    private static final int SHORT = 64;
    private static final int LONG = 2048;
    private static final int SEGMENTS = 1024;

    /** Matrix products move each operand once for each tile: {@link KernelFloorTest}, {@link FusedStepTest}. */
    private static final List<String> PRODUCTS = List.of("dense_forward_", "dense_backward_", "fused_mlp_step");

    private Device device;

    /** Makes tensors, and says what launches the kernel on them. */
    private interface Scene {
        Runnable set(Traffic traffic);
    }

    /**
     * @param reads how often the launch asks for what it reads, on average and rounded: more than once for rows that a warp
     *              or block has just read, for the columns of a block, and for vectors that go with every row, which come out
     *              of a cache then
     */
    private record Case(String kernel, String variant, int reads, Scene scene) {
        Case(String kernel, String variant, Scene scene) {
            this(kernel, variant, 1, scene);
        }

        @Override
        public String toString() {
            return variant.isEmpty() ? kernel : kernel + ", " + variant;
        }
    }

    @BeforeEach
    void open() {
        SoftwareDevice.require();
        // The checkers see these kernels elsewhere, on smaller sizes.
        SoftwareDriver.check(EnumSet.of(Check.BOUNDS));
        device = Devices.open("software");
    }

    @AfterEach
    void close() {
        device.close();
        SoftwareDevice.checkAll();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void everythingOnce(Case one) throws Exception {
        try (Traffic traffic = new Traffic(device)) {
            Runnable launches = one.scene.set(traffic);
            SoftwareDriver.profile();
            SoftwareDriver.count(true);
            try {
                launches.run();
                device.synchronize();
            } finally {
                SoftwareDriver.count(false);
            }
            List<KernelProfile> found = SoftwareDriver.profile().stream().filter(l -> l.kernel().equals(one.kernel)).toList();
            assertEquals(1, found.size(), one.toString());
            traffic.expect(found.get(0), SLACK);
            // In small launches what every warp asks for, such as the cursor, outweighs the rest.
            if (found.get(0).sectorsRead() * 32 >= ELEMENTS) {
                double reads = (double) found.get(0).loads().sectors() / found.get(0).sectorsRead();
                assertEquals(one.reads, Math.round(reads), reads + " times read: " + found.get(0));
            }
        }
    }

    @Test
    void noKernelIsWithoutACase() throws IOException {
        TreeSet<String> kernels = new TreeSet<>(KernelResourcesTest.kernels());
        kernels.removeIf(kernel -> PRODUCTS.stream().anyMatch(kernel::startsWith));
        assertEquals(kernels, new TreeSet<>(cases().map(Case::kernel).toList()));
    }

    static Stream<Case> cases() {
        return Stream.of(activations(), losses(), normalisations(), data(), updates(), measured(), norms(), steps())
            .flatMap(cases -> cases);
    }

    private static Stream<Case> activations() {
        List<Case> cases = new ArrayList<>();
        for (Activation activation : Activation.all()) {
            cases.add(new Case("activation_forward", activation.toString(), t -> {
                Tensor x = t.read(ELEMENTS);
                Tensor y = t.written(ELEMENTS);
                return () -> t.ops().activation().forward(x, activation, y);
            }));
            cases.add(new Case("activation_backward", activation.toString(), t -> {
                Tensor gradient = t.read(ELEMENTS);
                Tensor saved = activation.saved() == Activation.Saved.NOTHING ? null : t.read(ELEMENTS);
                Tensor result = t.written(ELEMENTS);
                return () -> t.ops().activation().backward(gradient, activation, saved, false, result);
            }));
        }
        int columns = 128;
        cases.add(new Case("bias_activation", "", 2, t -> {
            DenseOps dense = cublas(t);
            Tensor x = t.floats(ELEMENTS / columns, 4);
            Tensor w = t.floats(columns, 4);
            Tensor bias = t.read(columns);
            Tensor saved = t.written(ELEMENTS / columns, columns);
            Tensor y = t.updated(ELEMENTS / columns, columns);
            return () -> dense.forward(x, null, w, bias, Activation.GELU, saved, y);
        }));
        cases.add(new Case("bias_gradient", "", t -> {
            DenseOps dense = cublas(t);
            DenseShape shape = new DenseShape(ELEMENTS / columns, columns, 4);
            Tensor x = t.floats(shape.batch(), 4);
            Tensor dw = t.floats(columns, 4);
            Tensor gradient = t.read(shape.batch(), columns);
            Tensor db = t.written(columns);
            Tensor partials = t.written(dense.squarePartials(shape));
            return () -> dense.backwardWeights(x, null, gradient, false, dw, db, partials, null);
        }));
        for (int row : new int[] {SHORT, LONG}) {
            String group = row == SHORT ? "_warp" : "_block";
            cases.add(new Case("softmax" + group, "", 3, t -> {
                Tensor x = t.read(ELEMENTS / row, row);
                Tensor y = t.written(ELEMENTS / row, row);
                return () -> t.ops().activation().softmax(x, false, y);
            }));
            cases.add(new Case("softmax_backward" + group, "", 2, t -> {
                Tensor gradient = t.read(ELEMENTS / row, row);
                Tensor y = t.read(ELEMENTS / row, row);
                Tensor result = t.written(ELEMENTS / row, row);
                return () -> t.ops().activation().softmaxBackward(gradient, y, false, false, result);
            }));
        }
        return cases.stream();
    }

    private static DenseOps cublas(Traffic traffic) {
        traffic.device().products(MatrixProducts.CUBLAS);
        return traffic.ops().dense().at(Precision.FLOAT32);
    }

    private static Stream<Case> losses() {
        List<Case> cases = new ArrayList<>();
        Map.of(256, "cross_entropy_256", LONG, "cross_entropy_2048", 8192, "cross_entropy_any").forEach((classes, kernel) -> {
            for (boolean labelled : new boolean[] {true, false}) {
                cases.add(new Case(kernel, labelled ? "labels" : "probabilities",
                    classes > LONG ? 3 : labelled ? 1 : 2, t -> {
                    int rows = ELEMENTS / classes;
                    Tensor logits = t.updated(rows, classes);
                    Tensor targets = labelled ? t.readNumbers(rows, classes) : t.read(rows, classes);
                    LossBatch batch = new LossBatch(logits, targets, null, 1, 1, t.written(rows), t.written(rows), logits);
                    return () -> t.ops().loss().crossEntropy(CrossEntropy.plain(true), batch, null, null);
                }));
            }
        });
        for (Formula formula : Formula.values()) {
            ElementwiseLoss loss = new ElementwiseLoss(formula, 1, 1);
            for (int columns : new int[] {SHORT, LONG}) {
                cases.add(new Case(formula.name().toLowerCase(Locale.ROOT) + (columns == SHORT ? "_warp" : "_block"), "", t -> {
                    int rows = ELEMENTS / columns;
                    LossBatch batch = new LossBatch(t.read(rows, columns), t.read(rows, columns), null, 1, 1, t.written(rows),
                        loss.hasHits() ? t.written(rows) : null, t.written(rows, columns));
                    return () -> t.ops().loss().elementwise(loss, batch, null, null);
                }));
            }
        }
        // Of 64 rows by number, whose labels lie side by side.
        cases.add(new Case("cross_entropy_256", "64 x 10", t -> {
            Tensor logits = t.updated(64, 10);
            BatchRows rows = new BatchRows(t.readNumbers(64, 64), t.readNumbers(1, 1));
            LossBatch batch = new LossBatch(logits, t.readNumbers(64, 10), rows, 1, 1, t.written(64), t.written(64), logits);
            return () -> t.ops().loss().crossEntropy(CrossEntropy.plain(true), batch, null, null);
        }));
        cases.add(new Case("squared_error_warp", "64 x 1", t -> {
            BatchRows rows = new BatchRows(t.readNumbers(64, 64), t.readNumbers(1, 1));
            LossBatch batch = new LossBatch(t.read(64, 1), t.read(64, 1), rows, 1, 1, t.written(64), null, t.written(64, 1));
            return () -> t.ops().loss().elementwise(ElementwiseLoss.of(Formula.SQUARED_ERROR), batch, null, null);
        }));
        cases.add(new Case("label_factors", "", t -> {
            Tensor labels = t.readNumbers(ELEMENTS, 10);
            Tensor factors = t.written(2);
            return () -> t.ops().loss().labelFactors(CrossEntropy.plain(true), labels, null, ELEMENTS, null, false, factors);
        }));
        return cases.stream();
    }

    private static Stream<Case> normalisations() {
        List<Case> cases = new ArrayList<>();
        for (int columns : new int[] {SHORT, LONG}) {
            int rows = ELEMENTS / columns;
            String group = columns == SHORT ? "_warp" : "_block";
            for (boolean centred : new boolean[] {true, false}) {
                String variant = centred ? "layer norm" : "RMS norm";
                cases.add(new Case("layer_norm" + group, variant, centred ? 5 : 4, t -> {
                    Tensor x = t.read(rows, columns);
                    Tensor weight = t.read(columns);
                    Tensor bias = t.read(columns);
                    Tensor mean = centred ? t.written(rows) : null;
                    Tensor deviation = t.written(rows);
                    Tensor y = t.written(rows, columns);
                    return () -> t.ops().normalisation().layerNorm(x, weight, bias, 0.1f, mean, deviation, y);
                }));
                cases.add(new Case("layer_norm_backward_input" + group, variant, 3, t -> {
                    Tensor gradient = t.read(rows, columns);
                    Tensor x = t.read(rows, columns);
                    Tensor weight = t.read(columns);
                    Tensor mean = centred ? t.read(rows) : null;
                    Tensor deviation = t.read(rows);
                    Tensor result = t.written(rows, columns);
                    return () -> t.ops().normalisation().layerNormBackwardInput(gradient, x, weight, mean, deviation, false,
                        result);
                }));
            }
        }
        int columns = 128;
        int rows = ELEMENTS / columns;
        cases.add(new Case("layer_norm_backward_weights", "", t -> {
            NormalisationOps norms = t.ops().normalisation();
            Tensor gradient = t.read(rows, columns);
            Tensor x = t.read(rows, columns);
            Tensor mean = t.read(rows);
            Tensor deviation = t.read(rows);
            Tensor dw = t.written(columns);
            Tensor db = t.written(columns);
            Tensor partials = t.written(norms.squarePartials(columns));
            return () -> norms.layerNormBackwardWeights(gradient, x, mean, deviation, false, dw, db, partials);
        }));
        for (boolean training : new boolean[] {true, false}) {
            cases.add(new Case(training ? "batch_norm_train" : "batch_norm_predict", "", training ? 3 : 2, t -> {
                Tensor x = t.read(rows, columns);
                Tensor weight = t.read(columns);
                Tensor bias = t.read(columns);
                Tensor mean = training ? t.written(columns) : t.read(columns);
                Tensor variance = training ? t.written(columns) : t.read(columns);
                Tensor y = t.written(rows, columns);
                return () -> t.ops().normalisation().batchNorm(x, weight, bias, 0.1f, training, mean, variance, y);
            }));
            cases.add(new Case("batch_norm_backward", training ? "of the batch" : "of given statistics", 2, t -> {
                NormalisationOps norms = t.ops().normalisation();
                Tensor gradient = t.read(rows, columns);
                Tensor x = t.read(rows, columns);
                Tensor weight = t.read(columns);
                Tensor mean = t.read(columns);
                Tensor variance = t.read(columns);
                Tensor dw = t.written(columns);
                Tensor db = t.written(columns);
                Tensor partials = t.written(norms.squarePartials(columns));
                Tensor dx = t.written(rows, columns);
                return () -> norms.batchNormBackward(gradient, x, weight, 0.1f, training, mean, variance, false, dw, db,
                    partials, false, dx);
            }));
        }
        cases.add(new Case("update_running_statistics", "", t -> {
            Tensor skip = t.own(StepState.allocate(t.device(), 1)).control().view(StepState.CONTROL_SKIP, Shape.of(1));
            Tensor mean = t.read(ELEMENTS);
            Tensor variance = t.read(ELEMENTS);
            Tensor runningMean = t.updated(ELEMENTS);
            Tensor runningVariance = t.updated(ELEMENTS);
            return () -> t.ops().normalisation().updateRunningStatistics(t.read(skip), mean, variance, 8, 0.1f, runningMean,
                runningVariance);
        }));
        return cases.stream();
    }

    private static Stream<Case> data() {
        int rows = 2048;
        int columns = ELEMENTS / rows;
        return Stream.of(
            new Case("gather_rows", "", t -> {
                Tensor source = t.floats(2 * rows, columns);
                Tensor order = t.numbers(2 * rows, 2 * rows);
                t.device().upload(Philox.permutation(2 * rows, 1, 1), order);
                BatchRows batch = new BatchRows(order, t.readNumbers(1, 1));
                t.read(order.view(0, Shape.of(rows)));
                t.read(source.view(0, Shape.of(rows, columns)));
                Tensor destination = t.written(rows, columns);
                return () -> t.ops().data().gatherRows(source, batch, destination);
            }),
            new Case("combine", "a plane", t -> {
                Tensor centre = t.read(ELEMENTS);
                Tensor first = t.read(ELEMENTS);
                Tensor second = t.read(ELEMENTS);
                Tensor result = t.written(ELEMENTS);
                return () -> t.ops().data().combine(centre, 1, first, 2, second, result);
            }),
            new Case("combine", "a line", t -> {
                Tensor centre = t.read(ELEMENTS);
                Tensor first = t.read(ELEMENTS);
                Tensor result = t.written(ELEMENTS);
                return () -> t.ops().data().combine(centre, 1, first, 0, null, result);
            }),
            new Case("to_bfloat16", "", t -> copied(t, t.read(ELEMENTS))::refresh),
            new Case("fill_uniform", "", t -> {
                Tensor x = t.written(ELEMENTS);
                return () -> t.ops().random().fillUniform(x, 1, 1, 0, 1);
            }),
            new Case("fill_normal", "", t -> {
                Tensor x = t.written(ELEMENTS);
                return () -> t.ops().random().fillNormal(x, 1, 1, 0, 1);
            }),
            new Case("dropout", "", t -> {
                Tensor x = t.read(ELEMENTS);
                Tensor steps = t.readNumbers(2, 2);
                Tensor y = t.written(ELEMENTS);
                return () -> t.ops().random().dropout(x, 0.5f, 1, 1, 0, steps, false, y);
            }));
    }

    private static Stream<Case> updates() {
        return Stream.of(Optimizers.sgd(), Optimizers.sgd().momentum(0.9f), Optimizers.sgd().momentum(0.9f).nesterov(true),
            Optimizers.sgd().momentum(0.9f).velocity(true), Optimizers.adagrad(), Optimizers.rmsProp(),
            Optimizers.rmsProp().momentum(0.9f), Optimizers.rmsProp().centered(true),
            Optimizers.rmsProp().centered(true).momentum(0.9f), Optimizers.adadelta(), Optimizers.adam(),
            Optimizers.amsgrad(), Optimizers.adamW(), Optimizers.adamax(), Optimizers.nadam(), Optimizers.radam(),
            Optimizers.lion(), Optimizers.scheduleFree()).map(FusedOptimizer::rule)
            .flatMap(rule -> Stream.concat(Stream.of(update(rule, false, false), update(rule, false, true)),
                rule.kernel().equals("adam") ? Stream.of(update(rule, true, false)) : Stream.empty()));
    }

    /** What products read of these parameters. */
    private static Bfloat16Copy copied(Traffic t, Tensor parameters) {
        CudaBuffer buffer = CudaDevice.buffer(parameters);
        ((CudaDevice) t.device()).copies().keep(buffer);
        t.written(buffer.copy().words());
        return buffer.copy();
    }

    /**
     * SGD 12 bytes a parameter, with momentum 20, Adam 28; 2 more where products read bfloat16, and 16 a chunk where there are
     * segments.
     */
    private static Case update(UpdateRule rule, boolean segmented, boolean copied) {
        return new Case(rule.kernel(), (segmented ? "in segments: " : copied ? "with a copy: " : "") + rule, t -> {
            Segments segments = segmented ? segments(t, 1, ELEMENTS) : null;
            if (segmented) {
                t.read(segments.chunks());
            }
            Tensor parameters = t.updated(ELEMENTS);
            if (copied) {
                copied(t, parameters);
            }
            Tensor gradients = t.read(ELEMENTS);
            List<Tensor> buffers = Stream.generate(() -> t.updated(ELEMENTS)).limit(rule.buffers()).toList();
            StepState state = t.own(StepState.allocate(t.device(), 1));
            return () -> t.ops().update().apply(rule, parameters, gradients, buffers, segments, state);
        });
    }

    /** Parameters of the same size. */
    private static Segments segments(Traffic t, int count, int length) {
        return t.own(new Segments(t.device(), IntStream.range(0, count)
            .mapToObj(i -> new Segment("p" + i, (long) i * length, Shape.of(length), 1, 1, false)).toList()));
    }

    /**
     * One phase of a rule that has two.
     *
     * @param uses of parameters, gradients and each state: r for read, w for written, u for both, - for neither
     */
    private static Case phase(String kernel, MeasuredRule rule, String uses) {
        return new Case(kernel, "", t -> {
            Segments segments = segments(t, 1, ELEMENTS);
            t.read(segments.chunks());
            List<Tensor> flat = uses.chars().mapToObj(use -> switch (use) {
                case 'r' -> t.read(ELEMENTS);
                case 'w' -> t.written(ELEMENTS);
                case 'u' -> t.updated(ELEMENTS);
                default -> t.floats(ELEMENTS);
            }).toList();
            List<Tensor> states = flat.subList(2, flat.size());
            StepState state = t.own(StepState.allocate(t.device(), 1));
            if (!kernel.endsWith("_measure")) {
                return () -> t.ops().update().apply(rule, flat.get(0), flat.get(1), states, segments, state);
            }
            Tensor partials = t.written(segments.count(), 2);
            return () -> t.ops().update().measure(rule, flat.get(0), flat.get(1), states, segments, state, partials);
        });
    }

    private static Stream<Case> measured() {
        MeasuredRule lamb = new MeasuredRule.Lamb(0.9f, 0.1f, 0.1f);
        MeasuredRule prodigy = new MeasuredRule.Prodigy(0.9f, 0.1f, 0.1f, 1, 1);
        UpdateRule.Adam rest = (UpdateRule.Adam) Optimizers.adam().rule();
        MeasuredRule muon = new MeasuredRule.Muon(0.1f, 0.1f, false, false, rest, 0.9f, 1);
        MeasuredRule nesterov = new MeasuredRule.Muon(0.1f, 0.1f, true, false, rest, 0.9f, 1);
        return Stream.of(
            phase("lamb_measure", lamb, "rruu"),
            phase("lamb", lamb, "u-rr"),
            phase("prodigy_measure", prodigy, "-ruuur"),
            phase("prodigy", prodigy, "u-rr-u"),
            phase("muon_measure", muon, "-ruw"),
            phase("muon_nesterov_measure", nesterov, "-ruw"),
            phase("muon", muon, "ur--"),
            new Case("settle_ratios", "LAMB", t -> settle(t, lamb, SEGMENTS)),
            new Case("settle_ratios", "Muon", t -> settle(t, muon, SEGMENTS)),
            new Case("settle_prodigy", "", t -> settle(t, prodigy, 1)),
            new Case("scale_segments", "", t -> {
                Segments segments = segments(t, 1, ELEMENTS);
                t.read(segments.chunks());
                Tensor values = t.updated(ELEMENTS);
                return () -> t.ops().update().scale(values, segments);
            }),
            new Case("polynomial", "", t -> {
                int n = 512;
                Tensor matrix = t.read(n, n);
                Tensor square = t.read(n, n);
                Tensor result = t.written(n, n);
                return () -> t.ops().update().polynomial(matrix, square, 1, 2, 3, result);
            }));
    }

    /** Sums of more chunks than there is memory for parameters. */
    private static Runnable settle(Traffic t, MeasuredRule rule, int count) {
        Segments segments = segments(t, count, Segments.CHUNK * (ELEMENTS / 2 / count));
        Tensor partials = t.read(segments.count(), 2);
        StepState state = t.own(StepState.allocate(t.device(), 1));
        if (rule instanceof MeasuredRule.Prodigy) {
            t.read(t.written(state.memory()));
            t.written(state.control().view(0, Shape.of(1)));
        } else {
            t.read(segments.spans());
            t.written(segments.ratios());
        }
        return () -> t.ops().update().settle(rule, segments, state, partials);
    }

    private static Stream<Case> norms() {
        ClipRule one = new ClipRule(-1, 1, 1, 1, false);
        return Stream.of(
            new Case("sum_of_squares", "", t -> {
                Tensor x = t.read(ELEMENTS);
                Tensor partials = t.written(t.ops().update().squarePartials(ELEMENTS));
                return () -> t.ops().update().sumOfSquares(x, partials);
            }),
            new Case("dot", "", t -> {
                Tensor x = t.read(ELEMENTS);
                Tensor y = t.read(ELEMENTS);
                Tensor partials = t.written(t.ops().update().squarePartials(ELEMENTS));
                return () -> t.ops().update().dot(x, y, partials);
            }),
            new Case("gradient_norms", "", t -> {
                Segments segments = segments(t, 1, ELEMENTS);
                t.read(segments.chunks());
                Tensor gradients = t.read(ELEMENTS);
                Tensor partials = t.written(segments.count());
                return () -> t.ops().update().gradientNorms(gradients, segments, one, partials);
            }),
            new Case("segment_factors", "", t -> {
                Segments segments = segments(t, SEGMENTS, Segments.CHUNK * (ELEMENTS / SEGMENTS));
                Tensor partials = t.read(segments.count());
                t.read(segments.spans());
                t.written(segments.factors());
                return () -> t.ops().update().segmentFactors(segments, one, partials);
            }),
            new Case("adaptive_clip", "", 2, t -> {
                Segments segments = t.own(new Segments(t.device(), List.of(
                    new Segment("p", 0, Shape.of(ELEMENTS / LONG, LONG), 1, 1, false))));
                t.read(segments.spans());
                Tensor parameters = t.read(ELEMENTS);
                Tensor gradients = t.updated(ELEMENTS);
                return () -> t.ops().update().adaptiveClip(parameters, gradients, segments, 0.1f, 0.1f);
            }));
    }

    private static Stream<Case> steps() {
        List<Case> cases = new ArrayList<>();
        for (UpdateRule rule : List.of(Optimizers.sgd().rule(), Optimizers.adam().rule(), Optimizers.nadam().rule(),
            Optimizers.scheduleFree().rule(), new MeasuredRule.Prodigy(0.9f, 0.1f, 0.1f, 1, 1))) {
            for (int size : new int[] {12, ELEMENTS}) {
                cases.add(new Case("prepare_step", rule.kernel() + ", " + size + " partial sums", t -> prepare(t, rule, size)));
            }
        }
        cases.add(new Case("fused_mlp_finish", "", StreamingFloorTest::fused));
        return cases.stream();
    }

    private static Runnable prepare(Traffic t, UpdateRule rule, int size) {
        StepState state = t.own(StepState.allocate(t.device(), 3));
        Tensor losses = t.read(Math.min(size, 64));
        Tensor hits = t.read(Math.min(size, 64));
        Tensor partials = t.read(size);
        t.written(t.read(state.counters()));
        t.read(state.schedule().view(0, Shape.of(StepState.SCHEDULE_COLUMNS)));
        t.written(state.log().view(0, Shape.of(StepState.LOG_COLUMNS)));
        t.written(state.control());
        if (rule.memory() > 0) {
            t.written(t.read(state.memory().view(0, Shape.of(2 * rule.memory()))));
        }
        // A second step: in the first nothing of the memory is read.
        t.device().upload(new int[] {0, 1, 0, 0}, state.counters());
        return () -> t.ops().update().prepareStep(state, rule, ClipRule.NONE, losses, hits, partials);
    }

    private static Runnable fused(Traffic t) {
        int inputs = 784;
        int units = 128;
        int batch = 64;
        FusedMlp mlp = new FusedMlp(List.of(new FusedMlp.Layer("dense_1", inputs, units, 0, (long) inputs * units,
            Activation.RELU)), (long) (inputs + 1) * units, Precision.FLOAT32);
        FusedMlpOps.Plan plan = t.ops().fusedMlp().plan(mlp, batch);
        int length = (int) mlp.length();
        Tensor layout = t.numbers(plan.layout().length, 1);
        t.device().upload(plan.layout(), layout);
        LossTerms loss = new LossTerms(new LossTerms.OfClasses(CrossEntropy.plain(true), null, null), 1, 1);
        FusedMlpOps.Step step = new FusedMlpOps.Step(layout, t.read(plan.shares(), length), t.floats(batch, inputs), null,
            t.floats(length), loss, t.numbers(batch, units), t.floats(batch), null, t.written(length),
            t.written(plan.squarePartials()));
        return () -> plan.run(step);
    }
}
