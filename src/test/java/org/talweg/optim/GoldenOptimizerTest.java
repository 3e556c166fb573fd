package org.talweg.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.List;
import org.talweg.ops.Device;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Golden;
import org.talweg.testing.Golden.Case;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;

/** Twenty steps of each optimizer, gradients given, against libtorch, PyTorch and optax. */
class GoldenOptimizerTest {

    @OnEveryDevice
    void libtorch(TestDevice on) {
        check(on, "optimizers.json", 17);
    }

    private static void check(TestDevice on, String file, int count) {
        List<Case> cases = Golden.cases(file).stream().filter(c -> optimizer(c) != null).toList();
        assertEquals(count, cases.size(), "cases of supported optimizers: " + cases);
        for (Case c : cases) {
            Golden.expectClose(on + ", " + c, c.expected("params_after_step"), run(on.device(), c, optimizer(c)));
        }
    }

    /** Parameters after each step. */
    private static float[] run(Device device, Case c, Optimizer optimizer) {
        int steps = c.shape("grads")[0];
        int n = c.shape("start")[0];
        float[] gradients = c.floats("grads");
        float[] all = new float[steps * n];
        Tensor p = device.allocate(DType.FLOAT32, Shape.of(n), "parameters");
        Tensor g = device.allocate(DType.FLOAT32, Shape.of(n), "gradients");
        device.upload(c.floats("start"), p);
        try (Stepper stepper = Stepper.of(optimizer, device, Shape.of(n))) {
            for (int i = 0; i < steps; i++) {
                device.upload(Arrays.copyOfRange(gradients, i * n, (i + 1) * n), g);
                stepper.step(p, g, i < 10 ? optimizer.learningRate()
                    : c.number("lr_from_step_11", optimizer.learningRate()));
                float[] values = new float[n];
                device.download(p, values);
                System.arraycopy(values, 0, all, i * n, n);
            }
        }
        p.buffer().close();
        g.buffer().close();
        return all;
    }

    /** Null where the library has no such optimizer. */
    private static Optimizer optimizer(Case c) {
        float rate = c.number("lr", 0);
        float decay = c.number("weight_decay", 0);
        return switch (c.op()) {
            case "sgd" -> new Sgd(rate, c.number("momentum", 0), c.number("dampening", 0), c.flag("nesterov"), false,
                decay);
            case "adam", "adamw" -> new Adam(rate, c.number("beta1", 0), c.number("beta2", 0), c.number("eps", 0), decay,
                c.op().equals("adamw"), c.flag("amsgrad"));
            default -> null;
        };
    }
}
