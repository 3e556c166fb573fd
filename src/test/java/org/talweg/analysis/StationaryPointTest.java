package org.talweg.analysis;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.talweg.analysis.StationaryPoint.Kind;
import org.talweg.data.Dataset;
import org.talweg.nn.Dense;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.reference.ReferenceDevices;
import org.talweg.tensor.Shape;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;

/** Curvature, and what it says of a point. */
class StationaryPointTest {
    private static final double TINY = 1e-6;

    /** x² − y² and its like: half the sum of curvature·x². */
    private static Objective bowl(double... curvatures) {
        return Objective.of(curvatures.length, x -> {
            double sum = 0;
            for (int i = 0; i < x.length; i++) {
                sum += curvatures[i] * x[i] * x[i] / 2;
            }
            return sum;
        }, x -> {
            double[] gradient = new double[x.length];
            for (int i = 0; i < x.length; i++) {
                gradient[i] = curvatures[i] * x[i];
            }
            return gradient;
        });
    }

    private static StationaryPoint atZero(double... curvatures) {
        return StationaryPoint.of(bowl(curvatures), new double[curvatures.length], TINY);
    }

    @Test
    void signsOfTheCurvatureTellTheKind() {
        StationaryPoint saddle = atZero(2, -2);
        assertEquals(Kind.SADDLE, saddle.kind(), "x² − y²");
        assertEquals(-2, saddle.smallest(), 1e-8);
        assertEquals(2, saddle.largest(), 1e-8);
        assertEquals(1, Math.abs(saddle.escape()[1]), 1e-6, "down along y");
        assertTrue(saddle.toString().contains("saddle"), saddle.toString());
        assertEquals(Kind.MINIMUM, atZero(2, 5).kind());
        assertEquals(Kind.MINIMUM, atZero(1e-3, 1000).kind(), "badly scaled");
        assertEquals(Kind.MAXIMUM, atZero(-2, -5).kind());
        assertEquals(Kind.VALLEY, atZero(0, 3, 1).kind());
        assertEquals(Kind.RIDGE, atZero(0, -3, -1).kind());
        assertEquals(Kind.FLAT, atZero(0, 0, 0).kind());
        assertEquals(Kind.MINIMUM, atZero(4).kind());
        assertEquals(Kind.SADDLE, atZero(3, -1e-3, 1).kind());
        assertNull(atZero(2, 5).escape());
    }

    @Test
    void aSlopeIsNoStationaryPoint() {
        StationaryPoint point = StationaryPoint.of(bowl(2, -2), new double[] {1, 0}, 0.1);
        assertEquals(Kind.SLOPE, point.kind());
        assertEquals(2, point.gradientNorm());
        assertEquals(Kind.SLOPE, StationaryPoint.of(bowl(Double.NaN, 1), new double[2], 0.1).kind());
    }

    /** The monkey saddle has no second derivatives at 0, the Rosenbrock function a known Hessian at its minimum. */
    @Test
    void knownFunctions() {
        Objective monkey = Objective.of(2, x -> x[0] * x[0] * x[0] - 3 * x[0] * x[1] * x[1],
            x -> new double[] {3 * x[0] * x[0] - 3 * x[1] * x[1], -6 * x[0] * x[1]});
        assertEquals(Kind.FLAT, StationaryPoint.of(monkey, new double[2], TINY).kind());
        Objective rosenbrock = Objective.of(2,
            x -> Math.pow(1 - x[0], 2) + 100 * Math.pow(x[1] - x[0] * x[0], 2),
            x -> new double[] {-2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0] * x[0]), 200 * (x[1] - x[0] * x[0])});
        StationaryPoint minimum = StationaryPoint.of(rosenbrock, new double[] {1, 1}, TINY);
        assertEquals(Kind.MINIMUM, minimum.kind());
        double root = Math.sqrt(1002.0 * 1002 - 4 * 400);
        assertEquals((1002 - root) / 2, minimum.smallest(), 1e-4);
        assertEquals((1002 + root) / 2, minimum.largest(), 1e-4);
    }

    /** A symmetric matrix with a given spectrum: extremes are found however the rest lies. */
    @Property(tries = 40)
    void lanczosFindsBothEnds(@ForAll @IntRange(min = 1, max = 60) int n, @ForAll long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        double[] values = new double[n];
        double smallest = Double.POSITIVE_INFINITY;
        double largest = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < n; i++) {
            values[i] = random.nextInt(5) == 0 ? 3 : Math.pow(10, 4 * random.nextDouble() - 2) * (random.nextBoolean() ? 1 : -1);
            smallest = Math.min(smallest, values[i]);
            largest = Math.max(largest, values[i]);
        }
        double[] mirror = random.doubles(n, -1, 1).toArray();
        double square = Math.max(Vectors.dot(mirror, mirror), 1e-3);
        Lanczos.Extremes found = Lanczos.extremes(n, v -> {
            // Reflected, scaled, reflected back: the spectrum stays, the eigenvectors are no unit vectors.
            double[] x = Vectors.plus(v, -2 * Vectors.dot(mirror, v) / square, mirror);
            for (int i = 0; i < n; i++) {
                x[i] *= values[i];
            }
            return Vectors.plus(x, -2 * Vectors.dot(mirror, x) / square, mirror);
        }, 1e-10);
        double size = Math.max(Math.abs(smallest), Math.abs(largest));
        if (Vectors.dot(mirror, mirror) == square) {
            assertEquals(smallest, found.smallest(), 1e-8 * size);
            assertEquals(largest, found.largest(), 1e-8 * size);
        }
    }

    @Test
    void goldenHessian() {
        GoldenMlp golden = new GoldenMlp();
        try (Device device = Devices.open("cpu"); Model model = golden.model(device);
             ModelObjective objective = ModelObjective.inDouble(model, golden.loss, golden.data)) {
            expectClose("gradient", golden.golden.expected("gradient_at_theta"), objective.gradient(objective.start()), 1e-12);
            Hessian hessian = new Hessian(objective, objective.start());
            expectClose("product", golden.golden.expected("hessian_times_d1"),
                hessian.times(Vectors.widen(golden.flattened("d1"))), 1e-8);
            double[] expected = golden.golden.expected("hessian_eigenvalues_ascending");
            expectClose("eigenvalues", expected, hessian.eigenvalues(), 1e-8);
            Lanczos.Extremes extremes = hessian.extremes();
            double size = expected[expected.length - 1];
            assertEquals(expected[0], extremes.smallest(), 1e-5 * size);
            assertEquals(size, extremes.largest(), 1e-5 * size);
        }
    }

    /** In float32 as well, to the accuracy that differences have there. */
    @OnEveryDevice
    void goldenHessianInSinglePrecision(TestDevice on) {
        GoldenMlp golden = new GoldenMlp();
        try (Model model = golden.model(on.device());
             ModelObjective objective = ModelObjective.of(model, golden.loss, golden.data)) {
            expectClose("gradient", golden.golden.expected("gradient_at_theta"), objective.gradient(objective.start()), 5e-6);
            Lanczos.Extremes extremes = new Hessian(objective, objective.start()).extremes();
            double[] expected = golden.golden.expected("hessian_eigenvalues_ascending");
            double size = expected[expected.length - 1];
            assertEquals(expected[0], extremes.smallest(), 2e-3 * size);
            assertEquals(size, extremes.largest(), 2e-3 * size);
        }
    }

    private static void expectClose(String what, double[] expected, double[] actual, double tolerance) {
        double largest = 0;
        for (double value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        assertEquals(expected.length, actual.length, what);
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], actual[i], tolerance * largest, what + "[" + i + "]");
        }
    }

    /** y = w₂ w₁ x is at a saddle where both weights are 0, and at a valley of minima where their product is right. */
    @Test
    void aModelAtASaddle() {
        Dataset data = Dataset.regression("line", List.of("x"), new float[] {-1, 1, 2},
            List.of("y"), new float[] {-3, 3, 6});
        try (Device device = ReferenceDevices.float32();
             Model model = Sequential.builder(Shape.of(1)).layer(new Dense(1, Activation.IDENTITY, false))
                 .layer(new Dense(1, Activation.IDENTITY, false)).build(device)) {
            model.setParameter("dense_1.weight", 0);
            model.setParameter("dense_2.weight", 0);
            StationaryPoint point = StationaryPoint.of(model, Losses.squaredError(), data, TINY);
            assertEquals(Kind.SADDLE, point.kind(), point.toString());
            // ½ vᵀHv with H = [[0, −c], [−c, 0]], c = 2 mean(x y) = 12.
            assertEquals(-12, point.smallest(), 1e-6);
            assertEquals(12, point.largest(), 1e-6);
            model.setParameter("dense_1.weight", 2);
            model.setParameter("dense_2.weight", 1.5f);
            point = StationaryPoint.of(model, Losses.squaredError(), data, TINY);
            assertEquals(Kind.VALLEY, point.kind(), point.toString());
        }
    }
}
