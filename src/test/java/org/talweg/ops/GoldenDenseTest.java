package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.LinkedHashMap;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Golden;
import org.talweg.testing.Golden.Case;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.Sandbox;
import org.talweg.testing.TestDevice;

/** Dense layers and activations against libtorch's. */
class GoldenDenseTest {

    @OnEveryDevice
    void linear(TestDevice on) {
        List<Case> cases = Golden.cases("layers.json").stream().filter(c -> c.op().equals("linear")).toList();
        assertEquals(3, cases.size(), "cases of linear layers");
        for (Case c : cases) {
            String label = on + ", " + c;
            int inputs = c.shape("weight")[1];
            int outputs = c.shape("weight")[0];
            int batch = c.floats("x").length / inputs;
            boolean biased = c.hasInput("bias");
            Map<String, int[]> results = Sandbox.run(on.device(), (ops, memory) -> {
                Map<String, Tensor> written = new LinkedHashMap<>();
                written.put("out", memory.output(batch, outputs));
                written.put("grad_x", memory.output(batch, inputs));
                written.put("grad_weight", memory.output(outputs, inputs));
                if (biased) {
                    written.put("grad_bias", memory.output(outputs));
                }
                Tensor x = memory.input(c.floats("x"), batch, inputs);
                Tensor w = memory.input(c.floats("weight"), outputs, inputs);
                Tensor dz = memory.input(c.floats("grad_out"), batch, outputs);
                int scratch = (int) ops.dense().workspace(new DenseShape(batch, outputs, inputs));
                ops.dense().forward(x, null, w, biased ? memory.input(c.floats("bias"), outputs) : null,
                    Activation.IDENTITY, null, written.get("out"));
                ops.dense().backwardInput(dz, w, Activation.IDENTITY, null, false, written.get("grad_x"));
                ops.dense().backwardWeights(x, null, dz, false, written.get("grad_weight"), written.get("grad_bias"),
                    null, scratch == 0 ? null : memory.output(scratch));
                return written;
            });
            results.forEach((name, bits) -> Golden.expectClose(label + ", " + name, c.expected(name),
                Sandbox.floats(bits)));
        }
    }

    /** The contract's activation of a case, or null. */
    private static Activation activation(Case c) {
        return switch (c.op()) {
            case "leaky_relu" -> Activation.leakyRelu(c.number("negative_slope", 0));
            case "elu" -> Activation.elu(c.number("alpha", 0));
            case "gelu" -> c.text("approximate").equals("none") ? Activation.GELU : Activation.GELU_TANH;
            case "softplus" -> Activation.softplus(c.number("beta", 0), c.number("threshold", 0));
            default -> Activation.all().stream().filter(f -> f.name().equals(c.op())).findFirst().orElse(null);
        };
    }

    @OnEveryDevice
    void activations(TestDevice on) {
        List<Case> cases = Golden.cases("layers.json").stream().filter(c -> activation(c) != null).toList();
        assertEquals(18, cases.size(), "cases of activations");
        for (Case c : cases) {
            Activation f = activation(c);
            float[] x = c.floats("x");
            int n = x.length;
            Map<String, int[]> results = Sandbox.run(on.device(), (ops, memory) -> {
                Tensor z = memory.input(x, n);
                Tensor a = memory.output(n);
                Tensor dz = memory.output(n);
                ops.activation().forward(z, f, a);
                ops.activation().backward(memory.input(c.floats("grad_out"), n), f,
                    f.saved() == Activation.Saved.INPUT ? z : a, false, dz);
                return Map.of("out", a, "grad_x", dz);
            });
            results.forEach((name, bits) -> Golden.expectClose(on + ", " + c + ", " + name, c.expected(name),
                Sandbox.floats(bits)));
        }
    }
}
