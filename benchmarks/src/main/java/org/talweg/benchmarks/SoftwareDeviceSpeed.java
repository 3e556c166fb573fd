package org.talweg.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.cuda.SoftwareDriver.Check;
import org.talweg.ops.Activation;
import org.talweg.ops.ClipRule;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateRule;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Lane-instructions a second that the software device executes in a second of CPU time, kernel by kernel. */
public final class SoftwareDeviceSpeed {
    private static final UpdateRule ADAM = new UpdateRule.Adam(0.999f, 1e-8f, 0, false, false, 0, false);
    private static final int SIDE = 512;

    private final Device device = Devices.open("software");
    private final List<Tensor> allocated = new ArrayList<>();

    private SoftwareDeviceSpeed() {
    }

    public static void main(String[] args) {
        SoftwareDriver.threads(1);
        new SoftwareDeviceSpeed().run();
    }

    private void run() {
        DenseShape dense = new DenseShape(SIDE, SIDE, SIDE);
        Shape square = Shape.of(SIDE, SIDE);
        Tensor x = random(square, 1);
        Tensor weights = random(square, 2);
        Tensor bias = random(Shape.of(SIDE), 3);
        Tensor gradient = random(square, 4);
        Tensor output = random(square, 5);
        Tensor result = random(square, 6);
        Tensor biasGradient = random(Shape.of(SIDE), 7);
        Tensor partials = allocate(Shape.of(device.ops().dense().squarePartials(dense)));
        Tensor workspace = allocate(Shape.of(Math.max(1, Math.toIntExact(device.ops().dense().workspace(dense)))));
        List<Tensor> moments = List.of(allocate(square), allocate(square));
        try (StepState state = StepState.allocate(device, 1)) {
            device.upload(new float[] {1e-3f, 0.9f}, state.schedule());
            device.ops().update().prepareStep(state, ADAM, ClipRule.NONE, allocate(Shape.of(1)), null, allocate(Shape.of(1)));
            for (boolean checks : new boolean[] {false, true}) {
                SoftwareDriver.check(checks ? EnumSet.allOf(Check.class) : EnumSet.noneOf(Check.class));
                String suffix = checks ? ", checked" : "";
                measure("dense forward" + suffix,
                    () -> device.ops().dense().forward(x, null, weights, bias, Activation.RELU, null, output));
                measure("dense input gradient" + suffix,
                    () -> device.ops().dense().backwardInput(gradient, weights, Activation.RELU, x, false, result));
                measure("dense weight gradient" + suffix, () -> device.ops().dense().backwardWeights(x, null, gradient,
                    false, result, biasGradient, partials, workspace));
                measure("Adam" + suffix, () -> device.ops().update().apply(ADAM, weights, gradient, moments, null, state));
            }
        } finally {
            allocated.forEach(tensor -> tensor.buffer().close());
            device.close();
        }
    }

    private void measure(String name, Runnable launch) {
        double best = 0;
        long each = 0;
        for (int round = 0; round < 5; round++) {
            device.synchronize();
            long before = SoftwareDriver.counters().laneInstructions();
            long start = cpuTime();
            do {
                launch.run();
                device.synchronize();
            } while (cpuTime() - start < 200_000_000L);
            double seconds = (cpuTime() - start) / 1e9;
            each = SoftwareDriver.counters().laneInstructions() - before;
            best = Math.max(best, each / seconds);
        }
        System.out.printf(Locale.ROOT, "%-32s %7.2f x 10^9 lane-instructions in a second of one core%n", name, best / 1e9);
    }

    /** Nanoseconds that this process has used, which other processes do not disturb. */
    private static long cpuTime() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    private Tensor random(Shape shape, int stream) {
        Tensor tensor = allocate(shape);
        device.ops().random().fillUniform(tensor, 42, stream, -1, 1);
        return tensor;
    }

    private Tensor allocate(Shape shape) {
        Tensor tensor = device.allocate(DType.FLOAT32, shape, "benchmark");
        allocated.add(tensor);
        return tensor;
    }
}
