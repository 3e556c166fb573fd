package org.talweg.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import org.talweg.ops.Activation;
import org.talweg.ops.AdaptiveRule;
import org.talweg.ops.ClipRule;
import org.talweg.ops.Device;
import org.talweg.ops.DenseShape;
import org.talweg.ops.HostDevice;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateRule;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Draw;
import org.talweg.testing.Sandbox;

/** What the contract's tests, which use small shapes, do not reach. */
class CpuOpsTest {

    /** Shapes and lengths large enough to be split, in parts of unequal size. */
    @Test
    void bitsDoNotDependOnTheNumberOfThreads() {
        expectSame(CpuOpsTest::products);
        expectSame(CpuOpsTest::layers);
    }

    private static void expectSame(IntFunction<Map<String, int[]>> results) {
        Map<String, int[]> one = results.apply(1);
        for (int threads : new int[] {2, 3, 7}) {
            Map<String, int[]> several = results.apply(threads);
            one.forEach((name, bits) -> assertArrayEquals(bits, several.get(name), threads + " threads: " + name));
        }
    }

    private static Map<String, int[]> layers(int threads) {
        Draw draw = new Draw(72);
        int rows = 501;
        int columns = 997;
        float[] values = draw.reals(rows * columns, 1);
        float[] gradients = draw.reals(rows * columns, 1);
        try (Device device = new HostDevice("cpu", "", CpuOps.create(threads), DType.FLOAT32)) {
            return Sandbox.run(device, (ops, memory) -> {
                Map<String, Tensor> written = new LinkedHashMap<>();
                for (String name : List.of("activation", "derivative", "softmax", "softmax gradient", "dropout", "layer",
                    "layer gradient", "batch", "batch gradient", "predicted")) {
                    written.put(name, memory.output(rows, columns));
                }
                for (String name : List.of("mean", "variance", "layer dw", "layer db", "batch dw", "batch db")) {
                    written.put(name, memory.output(columns));
                }
                written.put("row mean", memory.output(rows));
                written.put("inverse", memory.output(rows));
                Tensor x = memory.input(values, rows, columns);
                Tensor dy = memory.input(gradients, rows, columns);
                ops.activation().forward(x, Activation.MISH, written.get("activation"));
                ops.activation().backward(dy, Activation.MISH, x, false, written.get("derivative"));
                ops.activation().softmax(x, false, written.get("softmax"));
                ops.activation().softmaxBackward(dy, x, false, false, written.get("softmax gradient"));
                ops.random().dropout(x, 0.3f, 1, 2, 3, memory.input(new int[2], 2), false, written.get("dropout"));
                ops.normalisation().layerNorm(x, null, null, 0, written.get("row mean"), written.get("inverse"),
                    written.get("layer"));
                ops.normalisation().layerNormBackwardInput(dy, x, null, written.get("row mean"),
                    written.get("inverse"), false, written.get("layer gradient"));
                ops.normalisation().layerNormBackwardWeights(dy, x, written.get("row mean"), written.get("inverse"),
                    false, written.get("layer dw"), written.get("layer db"), null);
                ops.normalisation().batchNorm(x, null, null, 0, true, written.get("mean"), written.get("variance"),
                    written.get("batch"));
                ops.normalisation().batchNorm(x, null, null, 0, false, written.get("mean"), written.get("variance"),
                    written.get("predicted"));
                ops.normalisation().batchNormBackward(dy, x, null, 0, true, written.get("mean"),
                    written.get("variance"), false, written.get("batch dw"), written.get("batch db"), null, false,
                    written.get("batch gradient"));
                return written;
            });
        }
    }

    private static Map<String, int[]> products(int threads) {
        Draw draw = new Draw(71);
        int batch = 131;
        int outputs = 257;
        int inputs = 601;
        int parameters = 300_001;
        float[] x = draw.reals(batch * inputs, 1);
        float[] w = draw.reals(outputs * inputs, 1);
        float[] dz = draw.reals(batch * outputs, 1);
        float[] p = draw.reals(parameters, 1);
        try (Device device = new HostDevice("cpu", "", CpuOps.create(threads), DType.FLOAT32)) {
            return Sandbox.run(device, (ops, memory) -> {
                Map<String, Tensor> written = new LinkedHashMap<>();
                written.put("a", memory.output(batch, outputs));
                written.put("dx", memory.output(batch, inputs));
                written.put("dw", memory.output(outputs, inputs));
                written.put("db", memory.output(outputs));
                written.put("squares", memory.output(ops.dense().squarePartials(new DenseShape(batch, outputs, inputs))));
                written.put("partials", memory.output(ops.update().squarePartials(parameters)));
                Tensor weights = memory.input(w, outputs, inputs);
                Tensor gradient = memory.input(dz, batch, outputs);
                Tensor input = memory.input(x, batch, inputs);
                ops.dense().forward(input, null, weights, null, Activation.TANH, null, written.get("a"));
                ops.dense().backwardInput(gradient, weights, Activation.RELU, input, false, written.get("dx"));
                ops.dense().backwardWeights(input, null, gradient, false, written.get("dw"), written.get("db"),
                    written.get("squares"), null);
                ops.update().sumOfSquares(memory.input(p, parameters), written.get("partials"));
                return written;
            });
        }
    }

    /** Buffers of a training start together; tensors of one's own need not, and are updated in copies. */
    @Test
    void bitsDoNotDependOnWhereTensorsStart() {
        for (UpdateRule rule : List.of(new UpdateRule.Adam(0.999f, 1e-8f, 0.01f, true, false, 0, false),
            new UpdateRule.Sgd(true, 0, true, false, 0.1f), new AdaptiveRule.Lion(0.99f, 0.1f))) {
            assertArrayEquals(updated(rule, 0, 0, 0), updated(rule, 3, 0, 7), rule.toString());
        }
    }

    /** Parameters and states after two steps. */
    private static float[] updated(UpdateRule rule, int pStart, int gStart, int sStart) {
        int length = 5003;
        Draw draw = new Draw(73);
        try (Device device = new HostDevice("cpu", "", CpuOps.create(3), DType.FLOAT32);
             StepState state = StepState.allocate(device, 2)) {
            List<Tensor> tensors = new ArrayList<>();
            for (int i = 0; i < 2 + rule.buffers(); i++) {
                int start = i == 0 ? pStart : i == 1 ? gStart : sStart;
                Tensor tensor = device.allocate(DType.FLOAT32, Shape.of(start + length), "").view(start, Shape.of(length));
                device.upload(draw.reals(length, 1), tensor);
                tensors.add(tensor);
            }
            List<Tensor> buffers = tensors.subList(2, tensors.size());
            buffers.forEach(device.ops().data()::zero);
            device.upload(new float[] {0.1f, 0.9f, 0.1f, 0.9f}, state.schedule());
            Tensor nothing = device.allocate(DType.FLOAT32, Shape.of(1), "");
            for (int step = 0; step < 2; step++) {
                device.ops().update().prepareStep(state, rule, ClipRule.NONE, nothing, null, nothing);
                device.ops().update().apply(rule, tensors.get(0), tensors.get(1), buffers, null, state);
            }
            float[] result = new float[length * (1 + buffers.size())];
            float[] part = new float[length];
            for (int i = 0; i <= buffers.size(); i++) {
                device.download(tensors.get(i == 0 ? 0 : i + 1), part);
                System.arraycopy(part, 0, result, i * length, length);
            }
            tensors.forEach(tensor -> tensor.buffer().close());
            nothing.buffer().close();
            return result;
        }
    }

    /** The comparisons with the oracle go up to products of this size, so they tested oneDNN where it is. */
    @Test
    void largeProductsAreLeftToOneDnn() {
        boolean built = NativeProducts.class.getResource("native/linux-x86_64/libtalweg-cpu.so") != null;
        assertEquals(built, NativeProducts.pays(257, 257, 257));
        assertFalse(NativeProducts.pays(32, 1, 30));
    }

    @Test
    void oneWrittenLineNamesTheMachine() {
        try (Device device = new CpuDeviceProvider().open(0)) {
            assertEquals(Runtime.getRuntime().availableProcessors(),
                Integer.parseInt(device.description().substring(0, device.description().indexOf(' '))));
        }
    }
}
