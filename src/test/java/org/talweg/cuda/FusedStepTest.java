package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.talweg.analysis.StepFloor;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Split;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.ops.FusedMlp;
import org.talweg.ops.FusedMlpOps;
import org.talweg.ops.Fusion;
import org.talweg.ops.Precision;
import org.talweg.optim.Optimizers;
import org.talweg.optim.ParameterGroups;
import org.talweg.tensor.Shape;
import org.talweg.testing.SoftwareDevice;
import org.talweg.train.Listener;
import org.talweg.train.StepMetrics;
import org.talweg.train.Trainer;
import org.talweg.train.TrainingResult;

/** Training steps whose forward, loss and backward are one kernel: what they launch, move and learn. */
class FusedStepTest {
    private static final float RATE = 0.01f;

    private Device device;

    @BeforeEach
    void open() {
        SoftwareDevice.require();
        device = Devices.open("software");
    }

    @AfterEach
    void close() {
        device.close();
    }

    private static Model model(Device on, int inputs, int outputs, int... hidden) {
        return model(on, Precision.FLOAT32, inputs, outputs, hidden);
    }

    private static Model model(Device on, Precision precision, int inputs, int outputs, int... hidden) {
        Sequential.Builder builder = Sequential.builder(Shape.of(inputs)).seed(3).precision(precision);
        IntStream.of(hidden).forEach(units -> builder.dense(units, Activation.RELU));
        return builder.dense(outputs).build(on);
    }

    private static Trainer.Builder trainer(Model model) {
        return Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.adam().learningRate(RATE));
    }

    static Stream<Arguments> networks() {
        return Stream.of(Precision.values()).flatMap(precision -> Stream.of(Arguments.of(precision, new int[] {128}, 64),
            Arguments.of(precision, new int[] {32}, 100), Arguments.of(precision, new int[] {64, 64, 64, 64}, 256),
            Arguments.of(precision, new int[] {128, 128}, 37)));
    }

    /**
     * Four launches, and of the batch nothing but inputs, targets and row results in memory: an activation that got there
     * would be 4 to 5 times the slack.
     */
    @ParameterizedTest
    @MethodSource("networks")
    void aStepIsFourLaunchesAndActivationsNeverReachMemory(Precision precision, int[] hidden, int batch) {
        Dataset digits = Datasets.builtIn("digits");
        CountedSteps steps = new CountedSteps();
        StepFloor floor;
        try (Model model = model(device, precision, 64, 10, hidden)) {
            trainer(model).fusion(Fusion.ON).listeners(steps).build()
                .fit(DataLoader.of(digits.select(IntStream.range(0, 2 * batch).toArray()), batch), 1);
            List<Integer> widths = IntStream.concat(IntStream.concat(IntStream.of(64), IntStream.of(hidden)), IntStream.of(10))
                .boxed().toList();
            FusedMlpOps.Plan plan = device.ops().fusedMlp().plan(model.tape().fusedMlp().orElseThrow(), batch);
            floor = StepFloor.ofFused(plan, IntStream.range(batch, 2 * batch).toArray(), widths,
                new StepFloor.LossRows("cross_entropy", 1, true), Optimizers.adam().rule());
        } finally {
            SoftwareDriver.count(false);
            SoftwareDriver.profile();
        }
        assertEquals(4, steps.second().size(), steps.second().toString());
        for (int i = 0; i < 4; i++) {
            assertTrue(floor.launches().get(i).is(steps.second().get(i).kernel()), steps.second().get(i).kernel());
        }
        assertEquals(4, steps.during(1, SoftwareDriver.Counters::kernelLaunches));
        assertEquals(1, steps.during(1, SoftwareDriver.Counters::graphLaunches));
        for (int i = 0; i < 4; i++) {
            double ratio = (double) steps.second().get(i).bytes() / floor.launches().get(i).bytes();
            assertTrue(ratio >= 1 && ratio <= 1.02, ratio + " of the floor: " + steps.second().get(i));
        }
        KernelProfile step = steps.second().get(0);
        assertEquals("fused_mlp_step" + (precision == Precision.FLOAT32 ? "" : "_" + precision.name().toLowerCase(Locale.ROOT)),
            step.kernel());
        double wavefronts = (double) step.shared().wavefronts() / step.shared().idealWavefronts();
        assertTrue(wavefronts <= 1.05, wavefronts + " of the ideal wavefronts");
    }

    /**
     * As many steps of the same batches, fused and not, with a smaller last batch: the first loss has the same bits, and
     * the accuracy is the same.
     */
    @ParameterizedTest
    @EnumSource
    void digitsAreLearntAsLayerByLayer(Precision precision) {
        Split split = Datasets.builtIn("digits").shuffle(1).split(0.8, 0.2);
        List<TrainingResult> results = new ArrayList<>();
        List<StepMetrics> steps = new ArrayList<>();
        Listener listener = new Listener() {
            @Override
            public void onSteps(List<StepMetrics> done) {
                steps.addAll(done);
            }
        };
        for (Fusion fusion : List.of(Fusion.ON, Fusion.OFF)) {
            try (Model model = model(device, precision, 64, 10, 32, 32)) {
                results.add(trainer(model).fusion(fusion).listeners(listener).build().fit(
                    DataLoader.of(split.train(), 100).shuffled(5), DataLoader.of(split.validation(), 100), 4));
            }
        }
        double fused = results.get(0).history().get(3).valAccuracy();
        double layered = results.get(1).history().get(3).valAccuracy();
        assertTrue(fused > 0.9, "accuracy " + fused);
        assertEquals(layered, fused, 0.012, "accuracy");
        StepMetrics first = steps.get(0);
        StepMetrics firstLayered = steps.get(steps.size() / 2);
        assertEquals(firstLayered.loss(), first.loss(), "first loss");
        assertEquals(firstLayered.gradientNorm(), first.gradientNorm(), 1e-5 * first.gradientNorm(), "first gradient norm");
    }

    /** Each for a reason of its own; AUTO takes the layers one by one. */
    @Test
    void whatCannotBeFusedSaysWhy() {
        expectRefusal("dense_1.weight [129]", "129 outputs", model(device, 64, 10, 129), trainer -> trainer);
        expectRefusal("frozen", "parameters are frozen", model(device, 64, 10, 32),
            trainer -> trainer.parameterGroups(ParameterGroups.none().freeze("dense_1.*")));
        expectRefusal("micro-batches", "a batch comes in micro-batches", model(device, 64, 10, 32),
            trainer -> trainer.microBatch(8));
        try (Device older = SoftwareDevice.open(7, 5)) {
            expectRefusal("compute capability 7.5", "compute capability 8.0, and this device has 7.5",
                model(older, Precision.BF16, 64, 10, 32), trainer -> trainer);
        }
        device.adopt();
        expectRefusal("dropout", "no dense layer over", Sequential.builder(Shape.of(64)).dense(32, Activation.RELU)
            .dropout(0.5f).dense(10).build(device), trainer -> trainer);
        try (Device reference = Devices.open("reference")) {
            expectRefusal("reference", "computes layer by layer", model(reference, 64, 10, 32), trainer -> trainer);
        }
    }

    private static void expectRefusal(String label, String reason, Model made,
                                      UnaryOperator<Trainer.Builder> settings) {
        DataLoader rows = DataLoader.of(Datasets.builtIn("digits").select(IntStream.range(0, 20).toArray()), 20);
        try (Model model = made) {
            IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class,
                () -> settings.apply(trainer(model)).fusion(Fusion.ON).build().fit(rows, 1), label);
            assertTrue(refusal.getMessage().contains(reason), refusal.getMessage());
            assertEquals(1, settings.apply(trainer(model)).build().fit(rows, 1).history().size(), label);
        }
    }

    /** Narrow layers fused, many weights over few rows one by one, on a chip of 132 multiprocessors. */
    @Test
    void theChoiceFollowsThePrediction() {
        for (Precision precision : Precision.values()) {
            FusedMlpCost narrow = cost(precision, 64, 32, 10);
            assertTrue(narrow.isFaster(16, 2, 1, 4), "narrow in " + precision);
            FusedMlpCost wide = cost(precision, 784, 128, 10);
            assertFalse(wide.isFaster(16, 4, 1, 4), "wide in " + precision);
        }
        double exact = cost(Precision.FLOAT32, 64, 64, 10).fused(16, 2, 1, 4);
        double parts = cost(Precision.TF32X3, 64, 64, 10).fused(16, 2, 1, 4);
        double tf32 = cost(Precision.TF32, 64, 64, 10).fused(16, 2, 1, 4);
        double bf16 = cost(Precision.BF16, 64, 64, 10).fused(16, 2, 1, 4);
        assertTrue(exact > parts && parts > tf32 && tf32 > bf16, exact + ", " + parts + ", " + tf32 + ", " + bf16);
    }

    private static FusedMlpCost cost(Precision precision, int inputs, int hidden, int outputs) {
        return new FusedMlpCost(new FusedMlp(List.of(
            new FusedMlp.Layer("dense_1", inputs, hidden, 0, FusedMlp.Layer.NO_BIAS, Activation.RELU),
            new FusedMlp.Layer("dense_2", hidden, outputs, (long) inputs * hidden, FusedMlp.Layer.NO_BIAS,
                Activation.IDENTITY)), (long) (inputs + outputs) * hidden, precision), 64, 132);
    }
}
