package org.talweg.optim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.HostDevice;
import org.talweg.ops.Ops;
import org.talweg.ops.Segment;
import org.talweg.ops.UpdateOps;
import org.talweg.reference.ReferenceOps;
import org.talweg.tape.Tape;
import org.talweg.tape.Value;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Draw;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;

/** How many launches a step takes, what groups and clipping do in it, and steps without a model. */
class StepTest {
    private static final List<Optimizer> FUSED = List.of(Optimizers.sgd(), Optimizers.momentum(), Optimizers.nesterov(),
        Optimizers.momentum().velocity(true), Optimizers.adagrad(), Optimizers.rmsProp(),
        Optimizers.rmsProp().centered(true).momentum(0.9f), Optimizers.adadelta(), Optimizers.adam(),
        Optimizers.amsgrad(), Optimizers.adamW(), Optimizers.adamax(), Optimizers.nadam(), Optimizers.radam(),
        Optimizers.lion(), Optimizers.scheduleFree());
    private static final ParameterLayout LAYOUT = new ParameterLayout(12, List.of(
        new Segment("weight", 0, Shape.of(2, 3), 1, 1, false), new Segment("bias", 8, Shape.of(2), 1, 1, false)));
    private static final ParameterLayout GROUPED = new ParameterLayout(12, List.of(
        new Segment("weight", 0, Shape.of(2, 3), 0.5f, 1, false), new Segment("bias", 8, Shape.of(2), 1, 0, false)));
    private static final ParameterLayout FROZEN = new ParameterLayout(12, List.of(
        new Segment("weight", 0, Shape.of(2, 3), 1, 1, true), new Segment("bias", 8, Shape.of(2), 1, 1, false)));

    /** Calls of one step; the stepper's own sum of squares stands for what the backward pass gives. */
    private static List<String> calls(Optimizer optimizer, ParameterLayout layout, Clip clip) {
        List<String> calls = new ArrayList<>();
        Ops ops = ReferenceOps.create();
        UpdateOps counting = (UpdateOps) Proxy.newProxyInstance(UpdateOps.class.getClassLoader(),
            new Class<?>[] {UpdateOps.class}, (proxy, method, arguments) -> {
                if (method.getReturnType() == void.class) {
                    calls.add(method.getName());
                }
                try {
                    return method.invoke(ops.update(), arguments);
                } catch (InvocationTargetException e) {
                    throw e.getCause();
                }
            });
        Ops watched = new Ops(ops.dense(), ops.activation(), ops.normalisation(), ops.loss(), counting, ops.data(),
            ops.random(), ops.fusedMlp());
        try (Device device = new HostDevice("counting", "", watched, DType.FLOAT32)) {
            Tensor p = device.allocate(DType.FLOAT32, Shape.of(12), "parameters");
            try (Stepper stepper = new Stepper(optimizer, device, layout, clip)) {
                stepper.step(p, p);
            }
            p.buffer().close();
        }
        assertEquals("sumOfSquares", calls.remove(0));
        return calls;
    }

    @Test
    void fusedOptimizersTakeOneLaunchWithOrWithoutGroups() {
        List<String> two = List.of("prepareStep", "apply");
        for (Optimizer optimizer : FUSED) {
            for (Clip clip : List.of(Clip.none(), Clip.byGlobalNorm(1), Clip.byValue(1))) {
                assertEquals(two, calls(optimizer, LAYOUT, clip), optimizer + ", " + clip);
                assertEquals(two, calls(optimizer, GROUPED, clip), optimizer + ", " + clip);
            }
        }
    }

    @Test
    void otherClippingTakesOnePassMore() {
        Optimizer sgd = Optimizers.sgd();
        List<String> normed = List.of("gradientNorms", "prepareStep", "apply");
        assertEquals(normed, calls(sgd, LAYOUT, Clip.byGlobalNorm(1, 1)));
        assertEquals(normed, calls(sgd, LAYOUT, Clip.byValue(1).and(Clip.byGlobalNorm(1))));
        assertEquals(normed, calls(sgd, FROZEN, Clip.none()));
        assertEquals(List.of("gradientNorms", "segmentFactors", "prepareStep", "apply"),
            calls(sgd, LAYOUT, Clip.byParameterNorm(1)));
        assertEquals(List.of("adaptiveClip", "prepareStep", "apply"), calls(sgd, LAYOUT, Clip.adaptive(0.01f)));
        assertEquals(List.of("adaptiveClip", "gradientNorms", "prepareStep", "apply"),
            calls(sgd, LAYOUT, Clip.byGlobalNorm(1).and(Clip.adaptive(0.01f))));
    }

    @Test
    void optimizersOfTwoPhases() {
        List<String> phases = List.of("prepareStep", "measure", "settle", "apply");
        assertEquals(phases, calls(Optimizers.lamb(), LAYOUT, Clip.byGlobalNorm(1)));
        assertEquals(phases, calls(Optimizers.prodigy(), GROUPED, Clip.none()));
    }

    /** SGD with learning rate 1 from 0 leaves minus the clipped gradients, times the segment's rate. */
    private static float[] stepped(Device device, ParameterLayout layout, Clip clip, float start, float... gradients) {
        float[] p = new float[12];
        Arrays.fill(p, start);
        Tensor parameters = device.allocate(DType.FLOAT32, Shape.of(12), "parameters");
        Tensor tensor = device.allocate(DType.FLOAT32, Shape.of(12), "gradients");
        device.upload(p, parameters);
        device.upload(gradients, tensor);
        try (Stepper stepper = new Stepper(Optimizers.sgd().learningRate(1), device, layout, clip)) {
            stepper.step(parameters, tensor);
        }
        device.download(parameters, p);
        parameters.buffer().close();
        tensor.buffer().close();
        for (int i = 0; i < p.length; i++) {
            p[i] = start - p[i];
        }
        return p;
    }

    @OnEveryDevice
    void clippingOfEachKind(TestDevice on) {
        Device device = on.device();
        float[] g = {3, 0, 0, 0, 4, 0, 0, 0, 6, 8, 0, 0};
        assertArrayEquals(g, stepped(device, LAYOUT, Clip.none(), 0, g));
        assertArrayEquals(new float[] {1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0},
            stepped(device, LAYOUT, Clip.byValue(-2, 1), 0, g));
        assertArrayEquals(new float[] {0.6f, 0, 0, 0, 0.8f, 0, 0, 0, 0.6f, 0.8f, 0, 0},
            stepped(device, LAYOUT, Clip.byParameterNorm(1), 0, g), 1e-6f);
        assertArrayEquals(new float[] {3, 0, 0, 0, 4, 0, 0, 0, 3.6f, 4.8f, 0, 0},
            stepped(device, LAYOUT, Clip.byParameterNorm(6), 0, g), 1e-5f);
        assertArrayEquals(new float[] {1.5f, 0, 0, 0, 2, 0, 0, 0, 3, 4, 0, 0},
            stepped(device, LAYOUT, Clip.byGlobalNorm(4, Float.POSITIVE_INFINITY), 0, g), 1e-5f);
        // Clamped to 2 the norm is 4.
        assertArrayEquals(new float[] {1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0},
            stepped(device, LAYOUT, Clip.byGlobalNorm(2).and(Clip.byValue(2)), 0, g), 1e-6f);
        // Rows of ones have norm √3, the bias of ones √2.
        float row = (float) (Math.sqrt(3) / 10);
        float bias = (float) (Math.sqrt(2) / 100);
        assertArrayEquals(new float[] {row, 0, 0, 0, row, 0, 0, 0, 6 * bias, 8 * bias, 0, 0},
            stepped(device, LAYOUT, Clip.adaptive(0.1f), 1, g), 1e-6f);
        assertArrayEquals(new float[] {0, 0, 0, 0, 0, 0, 0, 0, 0.6f, 0.8f, 0, 0},
            stepped(device, FROZEN, Clip.byGlobalNorm(1), 0, g), 1e-6f);
        assertArrayEquals(new float[] {1.5f, 0, 0, 0, 2, 0, 0, 0, 6, 8, 0, 0},
            stepped(device, GROUPED, Clip.none(), 0, g));
        for (float odd : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
            float[] broken = g.clone();
            broken[4] = odd;
            for (Clip clip : List.of(Clip.none(), Clip.byValue(1), Clip.byGlobalNorm(1), Clip.byGlobalNorm(1, 1),
                Clip.byParameterNorm(1), Clip.adaptive(0.1f), Clip.byValue(1).and(Clip.byGlobalNorm(1)),
                Clip.adaptive(0.1f).and(Clip.byGlobalNorm(1)))) {
                assertArrayEquals(new float[12], stepped(device, LAYOUT, clip, 1, broken), on + ", " + clip);
            }
        }
    }

    private static final List<Optimizer> ALL = Stream.concat(FUSED.stream(), Stream.of(Optimizers.lamb(),
        Optimizers.prodigy().initial(1e-2f), Optimizers.muon())).toList();

    /** To climb along g is to descend along −g, to the bit; a limit of values is one of g. */
    @OnEveryDevice
    void maximizingIsMinimizingTheNegative(TestDevice on) {
        Draw draw = new Draw(61);
        for (Optimizer optimizer : ALL) {
            for (ParameterLayout layout : List.of(LAYOUT, GROUPED)) {
                for (Clip clip : List.of(Clip.byValue(-0.75f, 0.5f), Clip.byGlobalNorm(0.5f), Clip.byParameterNorm(0.5f))) {
                    Clip mirrored = clip.limitsValues() ? Clip.byValue(-0.5f, 0.75f) : clip;
                    float[] start = draw.reals(12, 1);
                    float[][] gradients = {draw.reals(12, 1), draw.reals(12, 1), draw.reals(12, 1)};
                    float[] climbed = walked(on.device(), optimizer.maximize(), layout, clip, start, 1, gradients);
                    assertArrayEquals(walked(on.device(), optimizer, layout, mirrored, start, -1, gradients), climbed,
                        on + ", " + optimizer + ", " + clip);
                    assertFalse(Arrays.equals(walked(on.device(), optimizer, layout, clip, start, 1, gradients), climbed),
                        on + ", " + optimizer + " does not care for the sign");
                }
            }
        }
    }

    /** The parameters after a step for each of the gradients times a sign. */
    private static float[] walked(Device device, Optimizer optimizer, ParameterLayout layout, Clip clip, float[] start,
                                  int sign, float[]... gradients) {
        Tensor p = device.allocate(DType.FLOAT32, Shape.of(start.length), "parameters");
        Tensor g = device.allocate(DType.FLOAT32, Shape.of(start.length), "gradients");
        device.upload(start, p);
        try (Stepper stepper = new Stepper(optimizer, device, layout, clip)) {
            for (float[] gradient : gradients) {
                float[] signed = gradient.clone();
                for (int i = 0; i < signed.length; i++) {
                    signed[i] *= sign;
                }
                device.upload(signed, g);
                stepper.step(p, g);
            }
        }
        float[] end = new float[start.length];
        device.download(p, end);
        p.buffer().close();
        g.buffer().close();
        return end;
    }

    @Test
    void groupsByName() {
        Tape tape = new Tape(Shape.of(3), 1);
        Value hidden = dense(tape, "dense_1", 4, tape.input());
        tape.output(dense(tape, "dense_2", 2, hidden));
        List<Segment> segments = ParameterLayout.of(tape, ParameterGroups.none().decayMatricesOnly()
            .learningRate("dense_*", 0.5f).learningRate("dense_2.bias", 2).freeze("*_1.weight")
            .weightDecay("dense_2.weight", 3)).segments();
        assertEquals(List.of(new Segment("dense_1.weight", 0, Shape.of(4, 3), 0.5f, 1, true),
            new Segment("dense_1.bias", 12, Shape.of(4), 0.5f, 0, false),
            new Segment("dense_2.weight", 16, Shape.of(2, 4), 0.5f, 3, false),
            new Segment("dense_2.bias", 24, Shape.of(2), 2, 0, false)), segments);
        String message = assertThrows(IllegalArgumentException.class,
            () -> ParameterLayout.of(tape, ParameterGroups.none().freeze("conv*"))).getMessage();
        assertTrue(message.contains("no layer or parameter is called 'conv*'; there are dense_1, dense_2 with dense_1.weight, dense_1.bias"), message);
        assertEquals(List.of(true, true, false, false), frozen(tape, ParameterGroups.none().freeze("dense_1")));
        assertEquals(List.of(false, true, false, true), frozen(tape, ParameterGroups.none().freeze("bias")));
        assertEquals(List.of(true, true, true, true), frozen(tape, ParameterGroups.none().freeze("dense*")));
        assertEquals(List.of(false, false, false, true), frozen(tape, ParameterGroups.none().freeze("dense_2.bias")));
        assertThrows(IllegalArgumentException.class, () -> frozen(tape, ParameterGroups.none().freeze("dense")));
        assertThrows(IllegalArgumentException.class,
            () -> ParameterLayout.of(tape, ParameterGroups.none().learningRate("*", -1)));
        assertThrows(IllegalArgumentException.class, () -> Clip.byValue(1).and(Clip.byValue(2)));
    }

    private static List<Boolean> frozen(Tape tape, ParameterGroups groups) {
        return ParameterLayout.of(tape, groups).segments().stream().map(Segment::frozen).toList();
    }

    private static Value dense(Tape tape, String name, int units, Value x) {
        return tape.dense(x, tape.parameter(name + ".weight", Shape.of(units, x.shape().dim(0)), (ops, t, seed, stream) -> {
        }), tape.parameter(name + ".bias", Shape.of(units), (ops, t, seed, stream) -> {
        }), Activation.IDENTITY);
    }

    @Test
    void everythingFrozenIsRefused() {
        try (Device device = new HostDevice("host", "", ReferenceOps.create(), DType.FLOAT32)) {
            String message = assertThrows(IllegalArgumentException.class, () -> Optimizers.adam().newState(device,
                new ParameterLayout(4, List.of(new Segment("w", 0, Shape.of(4), 1, 1, true))), Clip.none())).getMessage();
            assertTrue(message.contains("all parameters are frozen, [w]"), message);
            assertEquals(List.of(), device.liveAllocations());
        }
    }
}
