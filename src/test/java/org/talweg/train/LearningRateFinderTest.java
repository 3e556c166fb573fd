package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.optim.Optimizers;
import org.talweg.tensor.Shape;
import org.talweg.train.LearningRateTest.Point;

/** The range test where the answer is known, and on curves made up. */
class LearningRateFinderTest {

    /**
     * x = ±2, so that the loss has the curvature 8 along w and descent diverges above a rate of 2/8. No float is the best
     * w exactly: there the gradient would be 0 for ever.
     */
    @Test
    void findsWhereDescentOfAParabolaDiverges() {
        Dataset data = Dataset.regression("line", List.of("x"), new float[] {2, 2, -2, -2}, List.of("y"),
            new float[] {7.1f, 5, -5, -7.3f});
        try (Device device = Devices.open("reference");
            Model model = Sequential.builder(Shape.of(1)).dense(1).build(device)) {
            model.setParameter("dense_1.weight", -7);
            long before = device.bytesAllocated();
            LearningRateTest test = new LearningRateFinder(1e-5, 10, 300, 0).run(Trainer.builder(model)
                .loss(Losses.squaredError()).optimizer(Optimizers.sgd()), DataLoader.of(data, 4));
            assertEquals(before, device.bytesAllocated());
            assertArrayEquals(new float[] {-7}, model.parameterValues("dense_1.weight"), "the model is as before");
            assertTrue(test.diverged());
            // In float32 the loss stays the same until an error of 1e-7 has grown for some steps.
            assertTrue(test.lowest().learningRate() < 0.6 && test.lowest().learningRate() > 0.01,
                test.lowest().toString());
            double last = test.points().get(test.points().size() - 1).learningRate();
            assertTrue(last > 0.25 && last < 1.5, "took off at " + last);
            assertTrue(test.steepest().learningRate() < test.lowest().learningRate(), test.steepest().toString());
            assertEquals(405.225, test.points().get(0).loss(), 1e-3);
            assertEquals(1e-5, test.points().get(0).learningRate(), 1e-11);
            assertEquals(test.points().size() + 1, test.csv().lines().count());
        }
    }

    @Test
    void steepestAndLowestOfACurve() {
        double[] smoothed = {5, 5, 5, 5, 4.8, 4, 2, 1, 0.9, 0.8, 0.9, 3};
        List<Point> points = new ArrayList<>();
        for (int i = 0; i < smoothed.length; i++) {
            points.add(new Point(Math.pow(10, i), 0, smoothed[i]));
        }
        LearningRateTest test = new LearningRateTest(points, true);
        assertEquals(1e9, test.lowest().learningRate());
        assertEquals(1e6, test.steepest().learningRate(), "from 4 to 1 over two steps");
        LearningRateTest rising = new LearningRateTest(points.subList(9, 12), true);
        assertTrue(assertThrows(IllegalStateException.class, rising::steepest).getMessage()
            .startsWith("the loss fell nowhere between the rates 1.00e+09 and 1.00e+11"));
        LearningRateTest nothing = new LearningRateTest(List.of(), true);
        assertTrue(assertThrows(IllegalStateException.class, nothing::steepest).getMessage().contains("fell nowhere"));
    }

    @Test
    void aTestThatEndsTooEarlySaysSo() {
        Dataset data = Dataset.regression("line", List.of("x"), new float[] {2, -2}, List.of("y"), new float[] {6, -6});
        try (Device device = Devices.open("reference");
            Model model = Sequential.builder(Shape.of(1)).dense(1).build(device)) {
            assertFalse(new LearningRateFinder(1e-6, 1e-3, 20, 0.5).run(Trainer.builder(model)
                .loss(Losses.squaredError()).optimizer(Optimizers.sgd()), DataLoader.of(data, 1)).diverged());
        }
    }

    @Test
    void impossibleSettingsAreRefused() {
        assertMessage("9 steps; at least 10", () -> new LearningRateFinder(1e-3, 1, 9, 0));
        assertMessage("the first must be above 0", () -> new LearningRateFinder(0, 1, 20, 0));
        assertMessage("below the second", () -> new LearningRateFinder(1, 1, 20, 0));
        assertMessage("smoothing is 1.0", () -> new LearningRateFinder(0.1, 1, 20, 1));
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }
}
