package org.talweg.analysis;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.BatchRows;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.ops.Ops;
import org.talweg.tape.Loss;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Right gradients pass, wrong ones are named. */
class GradientCheckTest {

    private static Dataset iris() {
        Dataset data = Datasets.builtIn("iris").shuffle(1);
        return Scaler.standard().fit(data).apply(data);
    }

    private static Model model(Device device, Activation activation) {
        return Sequential.builder(Shape.of(4)).seed(3).dense(7, activation).activation(activation).dense(5, activation)
            .dense(3).build(device);
    }

    @ParameterizedTest
    @MethodSource("org.talweg.ops.Activation#all")
    void everyModelAndLossIsRight(Activation activation) {
        Dataset regression = Scaler.standard().fit(Datasets.builtIn("diabetes")).apply(Datasets.builtIn("diabetes"));
        try (Device device = Devices.open("cpu"); Model classes = model(device, activation);
             Model numbers = Sequential.builder(Shape.of(10)).seed(4).dense(6, activation).dense(1).build(device)) {
            GradientCheck check = GradientCheck.of(classes, Losses.softmaxCrossEntropy(), iris(), 1);
            assertTrue(check.passed(), check.toString());
            assertEquals(6, check.worst().size());
            assertEquals(28 + 7 + 35 + 5 + 15 + 3, check.checked());
            check = GradientCheck.of(numbers, Losses.squaredError(), regression, 1);
            assertTrue(check.passed(), check.toString());
        }
    }

    /** Squared error whose gradient lacks the factor 2. */
    private record HalvedGradient(Loss right) implements Loss {
        @Override
        public String name() {
            return "halved";
        }

        @Override
        public DType targetType() {
            return right.targetType();
        }

        @Override
        public Shape targetRow(Shape prediction) {
            return right.targetRow(prediction);
        }

        @Override
        public boolean hasHits() {
            return right.hasHits();
        }

        @Override
        public Runnable plan(Ops ops, Tensor prediction, Tensor target, BatchRows rows, int count, Tensor own,
                             Tensor rowLosses, Tensor rowHits, Tensor gradient) {
            return right.plan(ops, prediction, target, rows, 2 * count, own, rowLosses, rowHits, gradient);
        }
    }

    @Test
    void aLossWithAWrongGradientIsCaught() {
        try (Device device = Devices.open("cpu"); Model model = model(device, Activation.TANH)) {
            GradientCheck check = GradientCheck.of(model, new HalvedGradient(Losses.softmaxCrossEntropy()), iris(), 1);
            assertFalse(check.passed(), check.toString());
            GradientCheck.Entry worst = check.worst().get(0);
            assertEquals(0.5, worst.relativeError(), 1e-3);
            assertEquals(worst.difference(), 2 * worst.gradient(), 1e-6 * Math.abs(worst.difference()));
            assertTrue(check.toString().contains("WRONG"), check.toString());
        }
    }

    @Test
    void oneCorruptedEntryIsNamed() {
        Map<Double, String> sizes = Map.of(1.001, "by a thousandth", -1.0, "in sign", 0.0, "by being zero",
            Double.NaN, "by being NaN");
        try (Device device = Devices.open("cpu"); Model model = model(device, Activation.SIGMOID);
             ModelObjective right = ModelObjective.inDouble(model, Losses.softmaxCrossEntropy(), iris())) {
            for (int index : new int[] {0, 30, 50, right.dimensions() - 1}) {
                sizes.forEach((factor, how) -> {
                    Objective wrong = new Corrupted(right, index, factor);
                    GradientCheck check = GradientCheck.of(wrong, right.start(), Integer.MAX_VALUE, 1);
                    assertFalse(check.passed(), how);
                    assertEquals(right.nameOf(index), check.worst().get(0).name(), how);
                });
            }
            assertEquals("dense_1.weight[0,0]", right.nameOf(0));
            assertEquals("dense_1.bias[2]", right.nameOf(30));
            assertEquals("dense_3.bias[2]", right.nameOf(right.dimensions() - 1));
        }
    }

    private record Corrupted(Objective right, int index, double factor) implements Objective {
        @Override
        public int dimensions() {
            return right.dimensions();
        }

        @Override
        public double value(double[] point) {
            return right.value(point);
        }

        @Override
        public double[] gradient(double[] point) {
            double[] gradient = right.gradient(point);
            gradient[index] *= factor;
            return gradient;
        }

        @Override
        public String nameOf(int i) {
            return right.nameOf(i);
        }
    }

    /** |x| has either side's derivative at 0, but not 0.3. */
    @Test
    void atAKinkOneSideIsRight() {
        for (double derivative : new double[] {-1, 1}) {
            assertTrue(GradientCheck.of(absolute(derivative), new double[] {0}, 1, 1).passed());
        }
        assertFalse(GradientCheck.of(absolute(0.3), new double[] {0}, 1, 1).passed());
        assertTrue(GradientCheck.of(absolute(-1), new double[] {-4e-6}, 1, 1).passed(), "a kink within the step");
    }

    private static Objective absolute(double derivative) {
        return Objective.of(1, x -> Math.abs(x[0]), x -> new double[] {derivative});
    }

    @Test
    void largeModelsAreSampled() {
        try (Device device = Devices.open("cpu");
             Model model = Sequential.builder(Shape.of(4)).dense(100, Activation.RELU).dense(3).build(device)) {
            GradientCheck check = GradientCheck.of(model, Losses.softmaxCrossEntropy(), iris(), 5);
            assertTrue(check.passed(), check.toString());
            assertEquals(64 + 64 + 64 + 3, check.checked());
            assertEquals(List.of(), device.liveAllocations().stream().filter(line -> !line.contains("parameters"))
                .toList());
        }
    }
}
