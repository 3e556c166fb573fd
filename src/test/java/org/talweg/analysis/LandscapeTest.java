package org.talweg.analysis;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.talweg.analysis.Direction.Normalization;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.optim.Optimizers;
import org.talweg.tape.Loss;
import org.talweg.tape.Parameter;
import org.talweg.tensor.Shape;
import org.talweg.testing.Golden;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;
import org.talweg.train.Evaluation;
import org.talweg.train.Trainer;

/** Landscapes against libtorch's, and what must hold of every one. */
class LandscapeTest {
    private static final Loss LOSS = Losses.softmaxCrossEntropy();

    /** From the parameters one after the other to the model's layout. */
    private static float[] flat(Model model, float[] compact) {
        float[] values = new float[(int) model.parameters().elements()];
        int from = 0;
        for (Parameter parameter : model.tape().parameters()) {
            int length = (int) parameter.shape().elements();
            System.arraycopy(compact, from, values, (int) parameter.offset(), length);
            from += length;
        }
        return values;
    }

    private static double[] compact(Model model, double[] flat) {
        double[] values = new double[(int) model.parameterCount()];
        int to = 0;
        for (Parameter parameter : model.tape().parameters()) {
            int length = (int) parameter.shape().elements();
            System.arraycopy(flat, (int) parameter.offset(), values, to, length);
            to += length;
        }
        return values;
    }

    private static float[] part(Model model, Direction direction, String name) {
        Parameter parameter = model.tape().parameters().stream().filter(p -> p.name().equals(name)).findFirst().orElseThrow();
        int from = (int) parameter.offset();
        return Arrays.copyOfRange(direction.values(), from, from + (int) parameter.shape().elements());
    }

    private static float[] flatten(double[][] losses) {
        return Vectors.narrow(Arrays.stream(losses).flatMapToDouble(Arrays::stream).toArray());
    }

    @OnEveryDevice
    void goldenLinesAndPlanes(TestDevice on) {
        GoldenMlp mlp = new GoldenMlp();
        Golden.Case golden = mlp.golden;
        double[] alphas = Vectors.widen(golden.floats("alphas"));
        double[] betas = Vectors.widen(golden.floats("betas"));
        try (Model model = mlp.model(on.device()); Model other = mlp.model(on.device());
             LossSurface surface = new LossSurface(model, mlp.loss, mlp.data)) {
            float[] d1 = flat(model, mlp.flattened("d1"));
            float[] d2 = flat(model, mlp.flattened("d2"));
            for (Normalization normalization : List.of(Normalization.FILTER, Normalization.LAYER)) {
                Direction first = new Direction("first", d1).normalized(model, normalization, false);
                Direction second = new Direction("second", d2).normalized(model, normalization, false);
                for (int layer = 0; layer < 2; layer++) {
                    String weights = "dense_" + (layer + 1) + ".weight";
                    Golden.expectClose(normalization + " first", golden.expected(normalization + "_d1_weight" + layer),
                        part(model, first, weights));
                    Golden.expectClose(normalization + " second", golden.expected(normalization + "_d2_weight" + layer),
                        part(model, second, weights));
                    assertArrayEquals(new float[layer == 0 ? 5 : 3], part(model, first, "dense_" + (layer + 1) + ".bias"));
                }
                Golden.expectClose(on + ", line", golden.expected(normalization + "_line"),
                    flatten(surface.line(first, alphas).losses()));
                Golden.expectClose(on + ", grid", golden.expected(normalization + "_grid"),
                    flatten(surface.plane(first, second, alphas, betas).losses()));
            }
            for (int i = 0; i < GoldenMlp.PARAMETERS.size(); i++) {
                String name = GoldenMlp.PARAMETERS.get(i);
                float[] values = other.parameterValues(name);
                float[] step = part(model, new Direction("", d1), name);
                for (int k = 0; k < values.length; k++) {
                    values[k] += step[k];
                }
                other.setParameter(name, values);
            }
            // The other model is at t = 1; the golden values go an eighth at a time from 0 to 1.25.
            Golden.expectClose(on + ", interpolation", golden.expected("interpolation_theta_to_theta_plus_d1"),
                flatten(surface.interpolation(other, LossSurface.range(0, 1.25, 11)).losses()));
        }
    }

    @OnEveryDevice
    void goldenTrajectoryAndPrincipalDirections(TestDevice on) {
        GoldenMlp mlp = new GoldenMlp();
        Golden.Case golden = mlp.golden;
        try (Model model = mlp.model(on.device()); LossSurface surface = new LossSurface(model, mlp.loss, mlp.data)) {
            TrajectoryRecorder recorder = new TrajectoryRecorder(1);
            Trainer.builder(model).loss(mlp.loss).optimizer(Optimizers.sgd().learningRate(0.5f).momentum(0.75f))
                .listeners(recorder).build().fit(DataLoader.of(mlp.data, mlp.data.rows()), 8);
            Trajectory trajectory = recorder.trajectory();
            assertEquals(LongStream.range(0, 9).boxed().toList(), trajectory.steps());
            double[] points = trajectory.points().stream().map(p -> compact(model, Vectors.widen(p)))
                .flatMapToDouble(Arrays::stream).toArray();
            Golden.expectClose(on + ", trajectory", golden.expected("trajectory"), Vectors.narrow(points));
            Golden.expectClose(on + ", loss", golden.expected("trajectory_loss"), Vectors.narrow(surface.along(trajectory)));
            for (boolean centred : new boolean[] {true, false}) {
                String prefix = centred ? "pca_centred_" : "pca_uncentred_";
                PrincipalDirections pca = PrincipalDirections.of(trajectory, 2, centred);
                double[] components = pca.components().stream().map(c -> compact(model, c))
                    .flatMapToDouble(Arrays::stream).toArray();
                Golden.expectClose(prefix + "components", golden.expected(prefix + "components"), Vectors.narrow(components));
                Golden.expectClose(prefix + "values", golden.expected(prefix + "singular_values"),
                    Vectors.narrow(pca.singularValues()));
                Golden.expectClose(prefix + "ratios", golden.expected(prefix + "explained_variance_ratio"),
                    Vectors.narrow(pca.explainedVarianceRatios()));
                double[][] coordinates = trajectory.project(trajectory.last(), pca.direction(0), pca.direction(1));
                Golden.expectClose(prefix + "coordinates", golden.expected(prefix + "coordinates"), flatten(coordinates));
            }
        }
    }

    private static Dataset iris() {
        Dataset data = Datasets.builtIn("iris").shuffle(1);
        return Scaler.standard().fit(data).apply(data);
    }

    private static Sequential net(long seed, int hidden) {
        return Sequential.builder(Shape.of(4)).seed(seed).dense(hidden, Activation.RELU).dense(hidden, Activation.RELU)
            .dense(3).describe();
    }

    /** The same function, written with a layer scaled up and the next one down, has the same filter-normalised curve. */
    @Property(tries = 15)
    void rescaledLayersHaveTheSameCurve(@ForAll @IntRange(max = 1000) int seed,
                                        @ForAll @DoubleRange(min = 0.01, max = 100) double factor,
                                        @ForAll @IntRange(min = 1, max = 9) int hidden) {
        double[] alphas = LossSurface.range(-1, 1, 5);
        try (Device device = Devices.open("cpu"); Model model = net(seed, hidden).build(device)) {
            double[][] before = curve(model, seed, alphas);
            scale(model, "dense_1.weight", factor);
            scale(model, "dense_1.bias", factor);
            scale(model, "dense_2.weight", 1 / factor);
            double[][] after = curve(model, seed, alphas);
            for (int i = 0; i < alphas.length; i++) {
                assertEquals(before[i][0], after[i][0], 1e-4 * (1 + before[i][0]), "factor " + factor + " at " + alphas[i]);
            }
        }
    }

    @Test
    void withoutNormalisationRescaledLayersDiffer() {
        double[] alphas = LossSurface.range(-1, 1, 5);
        try (Device device = Devices.open("cpu"); Model model = net(1, 6).build(device)) {
            double[][] before = curve(model, 1, alphas, Normalization.NONE);
            scale(model, "dense_1.weight", 8);
            scale(model, "dense_2.weight", 1 / 8.0);
            double[][] after = curve(model, 1, alphas, Normalization.NONE);
            assertEquals(before[2][0], after[2][0], "the same function");
            assertTrue(Math.abs(before[0][0] - after[0][0]) > 0.1, before[0][0] + " and " + after[0][0]);
        }
    }

    private static double[][] curve(Model model, long seed, double[] alphas) {
        return curve(model, seed, alphas, Normalization.FILTER);
    }

    private static double[][] curve(Model model, long seed, double[] alphas, Normalization normalization) {
        try (LossSurface surface = new LossSurface(model, LOSS, iris())) {
            return surface.line(Direction.random(model, normalization, false, seed, 1), alphas).losses();
        }
    }

    private static void scale(Model model, String name, double factor) {
        float[] values = model.parameterValues(name);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (values[i] * factor);
        }
        model.setParameter(name, values);
    }

    /** To the last bit, whatever the directions, the normalisation and the shape of the grid. */
    @Property(tries = 15)
    void theCentreIsTheLoss(@ForAll @IntRange(max = 1000) int seed, @ForAll @IntRange(min = 0, max = 4) int a,
                            @ForAll @IntRange(min = 1, max = 4) int b, @ForAll Normalization normalization,
                            @ForAll boolean biases, @ForAll @DoubleRange(min = 0.1, max = 3) double reach) {
        try (Device device = Devices.open("cpu"); Model model = net(seed, 6).build(device);
             Model other = net(seed + 1, 6).build(device); LossSurface surface = new LossSurface(model, LOSS, iris())) {
            double loss = Evaluation.of(model, LOSS, DataLoader.of(iris(), 1024)).loss();
            Direction first = Direction.random(model, normalization, biases, seed, 1);
            Direction second = Direction.random(model, normalization, biases, seed, 2);
            assertFalse(Arrays.equals(first.values(), second.values()));
            double[] alphas = LossSurface.range(-reach, reach, 2 * a + 3);
            double[] betas = LossSurface.range(-reach, reach, 2 * b + 1);
            assertEquals(loss, surface.plane(first, second, alphas, betas).losses()[a + 1][b]);
            assertEquals(loss, surface.line(second, betas).losses()[b][0]);
            double[][] between = surface.interpolation(other, LossSurface.range(0, 1, 3)).losses();
            assertEquals(loss, between[0][0]);
            assertEquals(Evaluation.of(other, LOSS, DataLoader.of(iris(), 1024)).loss(), between[2][0]);
        }
    }

    @OnEveryDevice
    void theModelIsLeftAsItIs(TestDevice on) {
        try (Model model = net(3, 5).build(on.device())) {
            float[] before = model.parameterValues("dense_2.weight");
            long bytes = on.device().bytesAllocated();
            try (LossSurface surface = new LossSurface(model, LOSS, iris())) {
                surface.plane(Direction.random(model, Normalization.FILTER, true, 1, 1),
                    Direction.random(model, Normalization.FILTER, true, 1, 2), LossSurface.range(-1, 1, 3),
                    LossSurface.range(-1, 1, 4));
            }
            assertArrayEquals(before, model.parameterValues("dense_2.weight"));
            assertEquals(bytes, on.device().bytesAllocated());
        }
    }

    /** Of what crosses between host and device, only row losses depend on the grid: weights stay where they are. */
    @Test
    void aPointIsOneLaunchBesidesTheForwardPass() {
        TestDevice on = TestDevice.accelerator();
        Assumptions.assumeTrue(on.isSoftware(), "counters are the software device's");
        try (Model model = net(3, 5).build(on.device()); LossSurface surface = new LossSurface(model, LOSS, iris())) {
            Direction first = Direction.random(model, Normalization.FILTER, true, 1, 1);
            Direction second = Direction.random(model, Normalization.FILTER, true, 1, 2);
            SoftwareDriver.resetCounters();
            surface.plane(first, second, LossSurface.range(-1, 1, 3), LossSurface.range(-1, 1, 4));
            assertEquals(12, SoftwareDriver.launchesByKernel().get("combine"));
            // Combination, three dense layers and the loss.
            assertEquals(12 * 5, SoftwareDriver.counters().kernelLaunches());
            // Two directions go up; losses and hits of each point come down.
            assertEquals(2 + 12 * 2, SoftwareDriver.counters().hostCopies());
        }
    }

    @Test
    void filtersAreAsLongAsTheModels() {
        try (Device device = Devices.open("cpu"); Model model = net(3, 5).build(device)) {
            Direction filter = Direction.random(model, Normalization.FILTER, true, 1, 1);
            Direction layer = Direction.random(model, Normalization.LAYER, true, 1, 1);
            double[] weights = Vectors.widen(model.parameterValues("dense_2.weight"));
            double[] drawn = Vectors.widen(part(model, filter, "dense_2.weight"));
            for (int row = 0; row < 5; row++) {
                assertEquals(Vectors.norm(Arrays.copyOfRange(weights, row * 5, row * 5 + 5)),
                    Vectors.norm(Arrays.copyOfRange(drawn, row * 5, row * 5 + 5)), 1e-6);
            }
            assertEquals(Vectors.norm(weights), Vectors.norm(Vectors.widen(part(model, layer, "dense_2.weight"))), 1e-6);
            assertArrayEquals(new float[5], part(model, filter, "dense_2.bias"), 0, "zero biases make a zero filter");
            assertTrue(filter.label().startsWith("filter-normalised"), filter.label());
        }
    }

    /** Coordinates come back although the directions are far from orthogonal. */
    @Test
    void projectionIsByLeastSquares() {
        float[] origin = {1, 2, 3};
        Direction u = new Direction("u", new float[] {1, 0, 0});
        Direction v = new Direction("v", new float[] {1, 0.5f, 0});
        Trajectory trajectory = new Trajectory(List.of(0L, 1L),
            List.of(new float[] {1 + 2 - 3, 2 - 1.5f, 9}, origin));
        double[][] coordinates = trajectory.project(origin, u, v);
        assertArrayEquals(new double[] {2 - 3 + 3, -3}, coordinates[0], 1e-12);
        assertArrayEquals(new double[] {0, 0}, coordinates[1], 1e-12);
        assertThrows(IllegalArgumentException.class, () -> trajectory.project(origin, u, u));
    }

    @Test
    void aTrajectoryComesBackFromItsFile(@TempDir Path folder) throws IOException {
        Trajectory trajectory = new Trajectory(List.of(0L, 10L, 11L),
            List.of(new float[] {1, 2}, new float[] {3, Float.NaN}, new float[] {5, 6}));
        trajectory.save(folder.resolve("trajectory.safetensors"));
        Trajectory read = Trajectory.load(folder.resolve("trajectory.safetensors"));
        assertEquals(trajectory.steps(), read.steps());
        for (int i = 0; i < 3; i++) {
            assertArrayEquals(trajectory.point(i), read.point(i));
        }
    }

    @Test
    void aTrajectoryThatMovesTooLittleIsRefused() {
        Trajectory line = new Trajectory(List.of(0L, 1L, 2L),
            List.of(new float[] {0, 0, 0}, new float[] {1, 2, 0}, new float[] {2, 4, 0}));
        String message = assertThrows(IllegalArgumentException.class, () -> PrincipalDirections.of(line, 2, true)).getMessage();
        assertTrue(message.contains("moved in 1 directions"), message);
        assertEquals(1, PrincipalDirections.of(line, 1, true).components().size());
        Trajectory still = new Trajectory(List.of(0L, 1L), List.of(new float[3], new float[3]));
        assertThrows(IllegalArgumentException.class, () -> PrincipalDirections.of(still, 1, false));
    }

    @Test
    void recordingEverySoManySteps() {
        Dataset data = iris();
        try (Device device = Devices.open("cpu"); Model model = net(1, 4).build(device)) {
            // 28 steps in epochs of 4, of which no group is a multiple of 3.
            TrajectoryRecorder recorder = new TrajectoryRecorder(3);
            Trainer.builder(model).loss(LOSS).optimizer(Optimizers.sgd()).listeners(recorder).build()
                .fit(DataLoader.of(data, 40), 7);
            assertEquals(List.of(0L, 3L, 6L, 9L, 12L, 15L, 18L, 21L, 24L, 27L, 28L), recorder.trajectory().steps());
            float[] now = new float[(int) model.parameters().elements()];
            device.download(model.parameters(), now);
            assertArrayEquals(now, recorder.trajectory().last());
        }
    }

    @Test
    void constantAndUndefinedLandscapes() {
        try (Device device = Devices.open("cpu"); Model model = net(1, 4).build(device);
             LossSurface surface = new LossSurface(model, LOSS, iris())) {
            Direction nowhere = new Direction("nowhere", new float[(int) model.parameters().elements()]);
            Landscape constant = surface.plane(nowhere, nowhere, LossSurface.range(-1, 1, 3), LossSurface.range(-1, 1, 2));
            assertEquals(constant.minimum().loss(), constant.largest());
            Direction far = Direction.random(model, Normalization.NONE, true, 1, 1);
            Landscape undefined = surface.line(far, LossSurface.range(-1e30, 1e30, 3));
            assertEquals(2, undefined.nonFinite(), Arrays.deepToString(undefined.losses()));
            assertEquals(0, undefined.minimum().alpha());
            assertTrue(undefined.csv().contains("NaN") || undefined.csv().contains("Infinity"), undefined.csv());
        }
        Landscape nothing = new Landscape("a", "b", new double[] {0, 1}, new double[] {0}, new double[][] {{Double.NaN}, {Double.NaN}}, List.of());
        assertTrue(Double.isNaN(nothing.minimum().loss()) && Double.isNaN(nothing.largest()));
    }

    @Test
    void wrongShapesAreRefused() {
        try (Device device = Devices.open("cpu"); Model model = net(1, 4).build(device);
             Model other = net(1, 5).build(device); LossSurface surface = new LossSurface(model, LOSS, iris())) {
            assertThrows(IllegalArgumentException.class, () -> surface.interpolation(other, new double[] {0}));
            assertThrows(IllegalArgumentException.class,
                () -> surface.line(new Direction("short", new float[3]), new double[] {0}));
            assertThrows(IllegalArgumentException.class, () -> LossSurface.range(1, 1, 5));
            assertThrows(IllegalArgumentException.class, () -> LossSurface.range(0, 1, 1));
        }
    }
}
