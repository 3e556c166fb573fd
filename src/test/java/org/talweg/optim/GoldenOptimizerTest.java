package org.talweg.optim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
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
        check(on, "optimizers.json", 27);
    }

    @OnEveryDevice
    void pytorch(TestDevice on) {
        check(on, "optimizers_pytorch.json", 10);
    }

    @OnEveryDevice
    void optax(TestDevice on) {
        check(on, "optimizers_optax.json", 17);
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
                if (c.expected().has("evaluation_params_after_step")) {
                    checkEvaluation(device, c, stepper, p, i);
                }
            }
        }
        p.buffer().close();
        g.buffer().close();
        return all;
    }

    /** optax adds the orthogonal matrices; its matrix is ours transposed, because its rows are inputs. */
    @OnEveryDevice
    void muon(TestDevice on) {
        Case c = Golden.cases("optimizers_optax.json").stream().filter(one -> one.op().equals("muon")).findFirst()
            .orElseThrow();
        int steps = c.shape("matrix_grads")[0];
        int rows = c.shape("matrix_start")[0];
        int columns = c.shape("matrix_start")[1];
        int n = rows * columns;
        float[] start = c.floats("matrix_start");
        Optimizer muon = new Muon(1, c.number("beta", 0), c.flag("nesterov"), 0, c.number("eps", 0), 5, false, true, 1,
            0.9f, 0.999f);
        for (boolean transposed : new boolean[] {true, false}) {
            Device device = on.device();
            Shape shape = transposed ? Shape.of(columns, rows) : Shape.of(rows, columns);
            Tensor p = device.allocate(DType.FLOAT32, shape, "parameters");
            Tensor g = device.allocate(DType.FLOAT32, shape, "gradients");
            device.upload(transposed ? transpose(start, rows, columns) : start, p);
            float[] all = new float[steps * n];
            float[] values = new float[n];
            // Rows and columns in our order have another length.
            double length = transposed ? 1 : Math.sqrt((double) rows / columns);
            try (Stepper stepper = Stepper.of(muon, device, shape)) {
                for (int i = 0; i < steps; i++) {
                    float[] gradient = Arrays.copyOfRange(c.floats("matrix_grads"), i * n, (i + 1) * n);
                    device.upload(transposed ? transpose(gradient, rows, columns) : gradient, g);
                    stepper.step(p, g);
                    device.download(p, values);
                    float[] back = transposed ? transpose(values, columns, rows) : values;
                    for (int j = 0; j < n; j++) {
                        all[i * n + j] = (float) (start[j] + (start[j] - back[j]) / length);
                    }
                }
            }
            p.buffer().close();
            g.buffer().close();
            Golden.expectClose(on + ", " + c + (transposed ? ", wide" : ", tall"), c.expected("params_after_step"), all);
        }
    }

    private static float[] transpose(float[] values, int rows, int columns) {
        float[] result = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i % columns * rows + i / columns] = values[i];
        }
        return result;
    }

    /** The point to evaluate, and that the point to train at comes back bit for bit. */
    private static void checkEvaluation(Device device, Case c, Stepper stepper, Tensor p, int step) {
        int n = (int) p.elements();
        float[] before = new float[n];
        float[] evaluated = new float[n];
        float[] after = new float[n];
        device.download(p, before);
        stepper.beforeEvaluation();
        device.download(p, evaluated);
        stepper.afterEvaluation();
        device.download(p, after);
        Golden.expectClose(c + ", evaluation after step " + step, Arrays.copyOfRange(
            c.expected("evaluation_params_after_step"), step * n, (step + 1) * n), evaluated);
        assertArrayEquals(before, after);
    }

    /** Null where the library has no such optimizer. */
    private static Optimizer optimizer(Case c) {
        Optimizer optimizer = descending(c);
        return c.flag("maximize") ? optimizer.maximize() : optimizer;
    }

    private static Optimizer descending(Case c) {
        float rate = c.number("lr", c.params().path("learning_rate").asDouble());
        float decay = c.number("weight_decay", 0);
        // Where a case leaves them out they are PyTorch's.
        float epsilon = c.number("eps", 1e-8);
        float beta1 = c.number("beta1", c.params().path("b1").asDouble(c.params().path("betas").path(0).asDouble(0.9)));
        float beta2 = c.number("beta2", c.params().path("b2").asDouble(c.params().path("betas").path(1).asDouble(0.999)));
        float momentum = c.number("momentum", 0);
        return switch (c.name().endsWith("_optax") ? c.name() : c.op()) {
            case "sgd", "SGD" -> new Sgd(rate, momentum, c.number("dampening", 0), c.flag("nesterov"), false, decay);
            case "adam", "Adam", "adamw" -> new Adam(rate, beta1, beta2, epsilon, decay, c.op().equals("adamw"),
                c.flag("amsgrad"), c.number("eps_root", 0), false);
            case "adamw_optax" -> new Adam(rate, beta1, beta2, epsilon, decay, true, false, 0, false);
            case "amsgrad_optax" -> new Adam(rate, beta1, beta2, epsilon, decay, false, true, 0, true);
            case "nadam_optax" -> new NAdam(rate, beta1, beta2, epsilon, decay, false, Float.POSITIVE_INFINITY);
            case "radam_optax" -> new RAdam(rate, beta1, beta2, epsilon, decay, false, true);
            case "adagrad" -> new Adagrad(rate, c.number("lr_decay", 0), decay, c.number("initial_accumulator_value", 0),
                epsilon, false);
            case "adagrad_optax" -> new Adagrad(rate, 0, 0, c.number("initial_accumulator_value", 0), epsilon, true);
            case "rmsprop" -> new RmsProp(rate, c.number("alpha", c.params().path("decay").asDouble()), epsilon, decay,
                c.flag("centered"), momentum, c.flag("nesterov"), c.flag("eps_in_sqrt"), c.flag("bias_correction"));
            case "Adadelta", "adadelta_optax" -> new Adadelta(rate, c.number("rho", 0), epsilon, decay);
            case "Adamax", "adamax_optax" -> new Adamax(rate, beta1, beta2, epsilon, decay);
            case "NAdam" -> new NAdam(rate, beta1, beta2, epsilon, decay, false, c.number("momentum_decay", 0));
            case "RAdam" -> new RAdam(rate, beta1, beta2, epsilon, decay, false, false);
            case "lion" -> new Lion(rate, beta1, beta2, decay);
            case "lamb" -> new Lamb(rate, beta1, beta2, epsilon, decay);
            case "prodigy" -> new Prodigy(rate, beta1, beta2, epsilon, decay, c.number("estim_lr0", 0),
                c.number("estim_lr_coef", 0));
            case "schedule_free_adamw" -> new ScheduleFree(rate, beta1, beta2, epsilon, decay);
            default -> null;
        };
    }
}
