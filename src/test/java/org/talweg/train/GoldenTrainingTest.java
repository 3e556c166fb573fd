package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.optim.Clip;
import org.talweg.optim.Optimizer;
import org.talweg.optim.Optimizers;
import org.talweg.optim.Schedule;
import org.talweg.optim.Schedules;
import org.talweg.tape.GradientProgram;
import org.talweg.tape.Loss;
import org.talweg.tape.Parameter;
import org.talweg.tape.ProgramMemory;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Golden;
import org.talweg.testing.Golden.Case;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;

/** Whole training runs against libtorch's: gradients at the start, losses and norms on the way, parameters at the end. */
class GoldenTrainingTest {
    private static final int LAYERS = 3;
    /** libtorch's own float32 is off by 2e-6 after 50 steps of Adam, which divides by roots of small numbers. */
    private static final double ADAM_TOLERANCE = 2e-5;

    private final List<StepMetrics> steps = new ArrayList<>();

    @OnEveryDevice
    void runs(TestDevice on) {
        List<Case> cases = Golden.cases("training.json");
        assertEquals(11, cases.size(), "training runs");
        for (Case c : cases) {
            try (Model model = model(c, on.device())) {
                check(on + ", " + c, c, model);
            }
        }
    }

    private void check(String label, Case c, Model model) {
        Dataset data = data(c);
        Loss loss = data.isClassification() ? Losses.softmaxCrossEntropy() : Losses.squaredError();
        expectGradients(label, c, model, data, loss);
        double[] losses = c.expected("loss_before_step");
        double[] norms = c.expected("grad_norm");
        int batch = (int) c.number("batch", 0);
        int stepsAnEpoch = data.rows() / batch;
        steps.clear();
        Trainer trainer = Trainer.builder(model).loss(loss).optimizer(optimizer(c)).schedule(schedule(c)).clip(clip(c))
            .listeners(new Listener() {
                @Override
                public void onSteps(List<StepMetrics> taken) {
                    steps.addAll(taken);
                }
            }).build();
        TrainingResult result = trainer.fit(DataLoader.of(data, batch), DataLoader.of(data, data.rows()), norms.length / stepsAnEpoch);
        double tolerance = c.op().contains("adam") ? ADAM_TOLERANCE : Golden.FLOAT32_TOLERANCE;
        float[] actualNorms = new float[norms.length];
        for (int i = 0; i < norms.length; i++) {
            actualNorms[i] = steps.get(i).gradientNorm();
        }
        Golden.expectClose(label + ", gradient norms", norms, actualNorms, 2 * tolerance);
        for (int i = 0; i < norms.length; i++) {
            assertEquals(losses[i], steps.get(i).loss(), tolerance * losses[0], label + ", loss of step " + i);
        }
        assertEquals(losses[norms.length], result.last().valLoss(), tolerance * losses[0], label + ", loss at the end");
        for (int layer = 0; layer < LAYERS; layer++) {
            Golden.expectClose(label + ", weight" + layer, c.expected("final_weight" + layer),
                model.parameterValues("dense_" + (layer + 1) + ".weight"), tolerance);
            Golden.expectClose(label + ", bias" + layer, c.expected("final_bias" + layer),
                model.parameterValues("dense_" + (layer + 1) + ".bias"), tolerance);
        }
    }

    private static void expectGradients(String label, Case c, Model model, Dataset data, Loss loss) {
        // Those of the first batch: libtorch's mini-batches are taken in order.
        Dataset first = data.select(IntStream.range(0, (int) c.number("batch", 0)).toArray());
        Device device = model.device();
        try (Resources resources = new Resources()) {
            DeviceData onDevice = DeviceData.upload(resources, model, loss, first);
            Tensor gradients = resources.tensor(device, DType.FLOAT32, model.parameters().shape(), "gradients");
            ProgramMemory memory = resources.add(new ProgramMemory(device, first.rows()), ProgramMemory::close);
            new GradientProgram(model.tape(), memory, model.parameters(), model.states(), gradients,
                Set.of(), onDevice.features(), onDevice.targets(), loss, first.rows()).run();
            for (int layer = 0; layer < LAYERS; layer++) {
                expectGradient(label, c, device, model.tape().parameters().get(2 * layer), gradients, "weight" + layer);
                expectGradient(label, c, device, model.tape().parameters().get(2 * layer + 1), gradients,
                    "bias" + layer);
            }
        }
    }

    private static void expectGradient(String label, Case c, Device device, Parameter parameter, Tensor gradients,
                                       String name) {
        float[] values = new float[(int) parameter.shape().elements()];
        device.download(parameter.in(gradients), values);
        Golden.expectClose(label + ", gradient of " + name, c.expected("grad_at_start_" + name), values);
    }

    private static Model model(Case c, Device device) {
        Activation hidden = Activation.parse(c.text("hidden"));
        Model model = Sequential.builder(Shape.of(c.shape("weight0")[1])).dense(c.shape("weight0")[0], hidden)
            .dense(c.shape("weight1")[0], hidden).dense(c.shape("weight2")[0]).build(device);
        for (int layer = 0; layer < LAYERS; layer++) {
            model.setParameter("dense_" + (layer + 1) + ".weight", c.floats("weight" + layer));
            model.setParameter("dense_" + (layer + 1) + ".bias", c.floats("bias" + layer));
        }
        return model;
    }

    private static Dataset data(Case c) {
        List<String> names = IntStream.range(0, c.shape("x")[1]).mapToObj(i -> "x" + i).toList();
        return c.text("loss").startsWith("cross_entropy")
            ? Dataset.classification("golden", names, c.floats("x"), "class", c.ints("classes"), List.of("0", "1", "2"))
            : Dataset.regression("golden", names, c.floats("x"), List.of("a", "b", "c"), c.floats("targets"));
    }

    private static Optimizer optimizer(Case c) {
        float rate = c.number("lr", 0);
        return switch (c.op()) {
            case "mlp_sgd" -> Optimizers.sgd().learningRate(rate).momentum(c.number("momentum", 0))
                .nesterov(c.flag("nesterov"));
            case "mlp_rmsprop" -> Optimizers.rmsProp().learningRate(rate).alpha(c.number("alpha", 0))
                .epsilon(c.number("eps", 0));
            case "mlp_adagrad" -> Optimizers.adagrad().learningRate(rate).epsilon(c.number("eps", 0));
            case "mlp_adam" -> Optimizers.adam().learningRate(rate).epsilon(c.number("eps", 0));
            case "mlp_adamw" -> Optimizers.adamW().learningRate(rate).epsilon(c.number("eps", 0))
                .weightDecay(c.number("weight_decay", 0));
            default -> throw new AssertionError("no optimizer for " + c.op());
        };
    }

    private static Schedule schedule(Case c) {
        double rate = c.number("lr", 0);
        return c.has("step_lr_step_size")
            ? Schedules.step(rate, (long) c.number("step_lr_step_size", 0), c.number("step_lr_gamma", 0))
            : Schedules.constant(rate);
    }

    private static Clip clip(Case c) {
        return c.has("clip_grad_norm") ? Clip.byGlobalNorm(c.number("clip_grad_norm", 0)) : Clip.none();
    }
}
