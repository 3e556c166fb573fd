package org.talweg.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.talweg.ops.Device;
import org.talweg.ops.Segment;
import org.talweg.reference.ReferenceDevices;
import org.talweg.tensor.DType;
import org.talweg.tensor.HostBuffer;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Golden;
import org.talweg.testing.Golden.Case;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;

/** L-BFGS on Rosenbrock's function, against PyTorch's and down to its minimum. */
class LbfgsTest {

    /** Rosenbrock's function of any dimension. */
    private static double rosenbrock(double[] x, double[] gradient) {
        double loss = 0;
        for (int i = 0; i + 1 < x.length; i++) {
            double a = 1 - x[i];
            double b = x[i + 1] - x[i] * x[i];
            loss += a * a + 100 * b * b;
            gradient[i] += -2 * a - 400 * x[i] * b;
            gradient[i + 1] += 200 * b;
        }
        return loss;
    }

    /** In double throughout, because the function magnifies what float32 loses. */
    @Test
    void pytorch() {
        List<Case> cases = Golden.cases("optimizers_pytorch.json").stream().filter(c -> c.op().equals("LBFGS")).toList();
        assertEquals(2, cases.size());
        for (Case c : cases) {
            int n = c.shape("start")[0];
            double[] losses = c.expected("loss_before_step");
            double[] points = c.expected("params_after_step");
            try (Device device = ReferenceDevices.float64()) {
                Tensor p = device.allocate(DType.FLOAT32, Shape.of(n), "parameters");
                device.upload(c.floats("start"), p);
                try (Minimizer minimizer = settings(c).minimizer(device, n)) {
                    for (int i = 0; i < losses.length; i++) {
                        double loss = minimizer.step(p, LbfgsTest::inDouble);
                        assertEquals(losses[i], loss, 1e-5 * Math.abs(losses[i]), c + ", loss before step " + i);
                        for (int j = 0; j < n; j++) {
                            assertEquals(points[i * n + j], ((HostBuffer) p.buffer()).get(j), 1e-5,
                                c + ", step " + i + ", parameter " + j);
                        }
                    }
                }
                p.buffer().close();
            }
        }
    }

    /**
     * In float32 on every backend. A line search asks whether one loss is below another, and once rounding has answered it
     * goes another way to the same minimum: the first step of five iterations is compared, and the end.
     */
    @OnEveryDevice
    void pytorchInSinglePrecision(TestDevice on) {
        Device device = on.device();
        for (Case c : Golden.cases("optimizers_pytorch.json").stream().filter(c -> c.op().equals("LBFGS")).toList()) {
            int n = c.shape("start")[0];
            double[] points = c.expected("params_after_step");
            int steps = points.length / n;
            float[] all = new float[points.length];
            float[] x = new float[n];
            Tensor p = device.allocate(DType.FLOAT32, Shape.of(n), "parameters");
            device.upload(c.floats("start"), p);
            try (Minimizer minimizer = settings(c).minimizer(device, n)) {
                for (int i = 0; i < steps; i++) {
                    minimizer.step(p, objective(device, n, LbfgsTest::rosenbrock));
                    device.download(p, x);
                    System.arraycopy(x, 0, all, i * n, n);
                }
            }
            p.buffer().close();
            boolean searches = settings(c).lineSearch();
            int sure = searches ? n : points.length;
            Golden.expectClose(on + ", " + c, Arrays.copyOf(points, sure), Arrays.copyOf(all, sure));
            if (searches) {
                Golden.expectClose(on + ", end of " + c, Arrays.copyOfRange(points, all.length - n, all.length), x, 1e-4);
            }
        }
    }

    private static Lbfgs settings(Case c) {
        return Optimizers.lbfgs().learningRate(c.number("lr", 0)).history((int) c.number("history_size", 0))
            .maxIterations((int) c.number("max_iter", 0)).lineSearch(!c.params().get("line_search_fn").isNull());
    }

    /** Values and gradients in double, rounded once. */
    private static Lbfgs.Objective objective(Device device, int n, Function function) {
        return (parameters, gradients) -> {
            float[] at = new float[n];
            float[] rounded = new float[n];
            double[] exact = new double[n];
            device.download(parameters, at);
            double loss = function.at(IntStream.range(0, n).mapToDouble(j -> at[j]).toArray(), exact);
            for (int j = 0; j < n; j++) {
                rounded[j] = (float) exact[j];
            }
            device.upload(rounded, gradients);
            return loss;
        };
    }

    private static double inDouble(Tensor parameters, Tensor gradients) {
        HostBuffer buffer = (HostBuffer) parameters.buffer();
        int n = (int) parameters.elements();
        double[] x = new double[n];
        double[] g = new double[n];
        for (int i = 0; i < n; i++) {
            x[i] = buffer.get(parameters.offset() + i);
        }
        double loss = rosenbrock(x, g);
        for (int i = 0; i < n; i++) {
            ((HostBuffer) gradients.buffer()).set(gradients.offset() + i, g[i]);
        }
        return loss;
    }

    @OnEveryDevice
    void findsTheMinimumOfRosenbrocksFunction(TestDevice on) {
        float[] x = minimise(on.device(), 4, LbfgsTest::rosenbrock, -1.2f, 1);
        assertEquals(1, x[0], 1e-3, on.toString());
        assertEquals(1, x[1], 1e-3, on.toString());
    }

    /** ½ Σ κ x² with κ from 1 to 1000. */
    @OnEveryDevice
    void findsTheMinimumOfABadlyScaledQuadratic(TestDevice on) {
        float[] x = minimise(on.device(), 4, (at, gradient) -> {
            double sum = 0;
            for (int i = 0; i < at.length; i++) {
                gradient[i] = Math.pow(10, i) * at[i];
                sum += gradient[i] * at[i] / 2;
            }
            return sum;
        }, 1, 1, 1, 1);
        for (float value : x) {
            assertEquals(0, value, 1e-3, on + ": " + Arrays.toString(x));
        }
    }

    private interface Function {
        double at(double[] x, double[] gradient);
    }

    private static float[] minimise(Device device, int steps, Function function, float... start) {
        int n = start.length;
        float[] x = start.clone();
        Tensor p = device.allocate(DType.FLOAT32, Shape.of(n), "parameters");
        device.upload(x, p);
        try (Minimizer minimizer = Optimizers.lbfgs().minimizer(device, n)) {
            for (int i = 0; i < steps; i++) {
                minimizer.step(p, objective(device, n, function));
            }
        }
        device.download(p, x);
        p.buffer().close();
        return x;
    }

    @Test
    void whatItCannotDoIsSaid() {
        try (Device device = ReferenceDevices.float64()) {
            ParameterLayout one = ParameterLayout.of(Shape.of(3));
            assertMessage("leave clipping out", () -> Optimizers.lbfgs().newState(device, one, Clip.byValue(1)));
            ParameterLayout slow = new ParameterLayout(4, List.of(new Segment("w", 0, Shape.of(4), 0.5f, 1, false)));
            assertMessage("leave learning-rate and weight-decay multipliers out",
                () -> Optimizers.lbfgs().newState(device, slow, Clip.none()));
            assertMessage("L-BFGS minimises", () -> Optimizers.lbfgs().maximize());
            Tensor p = device.allocate(DType.FLOAT32, Shape.of(3), "parameters");
            try (Stepper stepper = Stepper.of(Optimizers.lbfgs(), device, Shape.of(3))) {
                assertTrue(assertThrows(UnsupportedOperationException.class, () -> stepper.step(p, p)).getMessage()
                    .contains("a trainer whose batch is all rows"));
            }
            p.buffer().close();
            assertEquals(List.of(), device.liveAllocations());
        }
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }

    @Test
    void impossibleSettingsAreRefused() {
        assertTrue(assertThrows(IllegalArgumentException.class, () -> Optimizers.lbfgs().history(0)).getMessage()
            .contains("0 pairs of history"));
        assertThrows(IllegalArgumentException.class, () -> Optimizers.lbfgs().tolerances(Double.NaN, 0));
    }
}
