package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.ops.Activation.RELU;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.data.Split;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.optim.Clip;
import org.talweg.optim.Minimizer;
import org.talweg.optim.Optimizer;
import org.talweg.optim.Optimizers;
import org.talweg.optim.ParameterGroups;
import org.talweg.optim.ParameterLayout;
import org.talweg.optim.Stepper;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Every optimizer, with settings that suit it, learns the digits and minimises two functions known to be hard. */
class DescentTest {

    /**
     * @param digits     for the digits, its learning rate included
     * @param rosenbrock learning rate, falling along half a cosine wave
     * @param quadratic  learning rate, likewise
     */
    private record Run(String name, Optimizer digits, Optimizer plain, float rosenbrock, float quadratic, Clip clip) {
        Run(String name, Optimizer digits, Optimizer plain, double rosenbrock, double quadratic) {
            this(name, digits, plain, (float) rosenbrock, (float) quadratic, Clip.none());
        }

        @Override
        public String toString() {
            return name;
        }
    }

    static List<Run> runs() {
        return List.of(
            new Run("sgd", Optimizers.sgd().learningRate(0.3f), Optimizers.sgd(), 2e-3, 1e-3),
            new Run("momentum", Optimizers.momentum().learningRate(0.05f), Optimizers.momentum(), 1e-3, 1e-3),
            new Run("momentum, dampened", Optimizers.momentum().dampening(0.5f).learningRate(0.1f),
                Optimizers.momentum().dampening(0.5f), 1e-3, 1e-3),
            new Run("nesterov", Optimizers.nesterov().learningRate(0.05f), Optimizers.nesterov(), 1e-3, 1e-3),
            new Run("Keras's momentum", Optimizers.momentum().velocity(true).learningRate(0.05f),
                Optimizers.momentum().velocity(true), 1e-3, 1e-3),
            new Run("adagrad", Optimizers.adagrad().learningRate(0.05f), Optimizers.adagrad(), 1, 0.1),
            new Run("rmsprop", Optimizers.rmsProp().learningRate(3e-3f), Optimizers.rmsProp(), 1e-2, 1e-2),
            new Run("rmsprop, bias-corrected", Optimizers.rmsProp().biasCorrected(true).learningRate(3e-3f),
                Optimizers.rmsProp().biasCorrected(true), 1e-2, 1e-2),
            new Run("rmsprop, centered, with momentum",
                Optimizers.rmsProp().centered(true).momentum(0.9f).learningRate(1e-3f),
                Optimizers.rmsProp().centered(true).momentum(0.9f), 1e-3, 1e-3),
            new Run("adadelta", Optimizers.adadelta(), Optimizers.adadelta(), 1, 1),
            new Run("adam", Optimizers.adam().learningRate(0.01f), Optimizers.adam(), 0.1, 0.03),
            new Run("amsgrad", Optimizers.amsgrad().learningRate(0.01f), Optimizers.amsgrad(), 0.1, 0.03),
            new Run("optax's amsgrad", Optimizers.amsgrad().correctedMaximum(true).learningRate(0.01f),
                Optimizers.amsgrad().correctedMaximum(true), 0.1, 0.03),
            new Run("adamw", Optimizers.adamW().learningRate(0.01f), Optimizers.adamW(), 0.1, 0.03),
            new Run("adamax", Optimizers.adamax().learningRate(0.02f), Optimizers.adamax(), 0.1, 0.03),
            new Run("nadam", Optimizers.nadam().learningRate(0.01f), Optimizers.nadam(), 0.1, 0.03),
            new Run("optax's nadam", Optimizers.nadam().momentumDecay(Float.POSITIVE_INFINITY).learningRate(0.01f),
                Optimizers.nadam().momentumDecay(Float.POSITIVE_INFINITY), 0.1, 0.03),
            // Its first five steps have the length of the gradient.
            new Run("radam", Optimizers.radam().learningRate(0.02f), Optimizers.radam(), 0.1f, 0.03f,
                Clip.byGlobalNorm(1)),
            new Run("lion", Optimizers.lion().learningRate(3e-3f), Optimizers.lion(), 1e-2, 1e-2),
            new Run("lamb", Optimizers.lamb().learningRate(5e-3f), Optimizers.lamb(), 1e-2, 1e-2),
            new Run("schedule-free", Optimizers.scheduleFree().learningRate(0.02f), Optimizers.scheduleFree(), 0.1, 0.03),
            new Run("prodigy", Optimizers.prodigy(), Optimizers.prodigy(), 1, 1),
            new Run("muon", Optimizers.muon().learningRate(0.01f), Optimizers.muon().weightDecay(0), 0.1, 0.01));
    }

    @ParameterizedTest
    @MethodSource("runs")
    void learnsDigits(Run run) {
        Split split = digits();
        try (Device device = Devices.open("cpu");
             Model model = Sequential.builder(Shape.of(64)).seed(1).dense(64, RELU).dense(10).build(device)) {
            TrainingResult result = Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(run.digits)
                .clip(run.clip).parameterGroups(ParameterGroups.none().decayMatricesOnly()).build()
                .fit(DataLoader.of(split.train(), 64).shuffled(2), DataLoader.of(split.validation(), 512), 12);
            assertTrue(result.last().valAccuracy() >= 0.95, run + ": " + result.last());
            // What the model is left with is what was evaluated, for the one that averages too.
            double again = Evaluation.of(model, Losses.softmaxCrossEntropy(), DataLoader.of(split.validation(), 512)).loss();
            assertTrue(Math.abs(again - result.last().valLoss()) < 1e-6, run + ": " + again);
        }
    }

    @ParameterizedTest
    @MethodSource("runs")
    void minimisesRosenbrocksFunction(Run run) {
        float[] x = {-1.2f, 1};
        double loss = descend(run, run.rosenbrock, 15_000, Shape.of(2), x, (at, gradient) -> {
            double a = 1 - at[0];
            double b = at[1] - (double) at[0] * at[0];
            gradient[0] = (float) (-2 * a - 400 * at[0] * b);
            gradient[1] = (float) (200 * b);
            return a * a + 100 * b * b;
        });
        assertTrue(loss < 2e-3, run + ": " + loss + " at " + Arrays.toString(x));
    }

    /** ½ Σ κ x² with κ from 1 to 1000. */
    @ParameterizedTest
    @MethodSource("runs")
    void minimisesABadlyScaledQuadratic(Run run) {
        float[] x = new float[10];
        Arrays.fill(x, 1);
        double loss = descend(run, run.quadratic, 5000, Shape.of(5, 2), x, (at, gradient) -> {
            double sum = 0;
            for (int i = 0; i < at.length; i++) {
                double scale = Math.pow(10, i / 3.0);
                gradient[i] = (float) (scale * at[i]);
                sum += scale * at[i] * at[i] / 2;
            }
            return sum;
        });
        assertTrue(loss < 1e-2, run + ": " + loss + " at " + Arrays.toString(x));
    }

    private interface Function {
        double at(float[] x, float[] gradient);
    }

    private static double descend(Run run, float rate, int steps, Shape shape, float[] x, Function function) {
        float[] gradient = new float[x.length];
        try (Device device = Devices.open("cpu")) {
            Tensor p = device.allocate(DType.FLOAT32, shape, "parameters");
            Tensor g = device.allocate(DType.FLOAT32, shape, "gradients");
            device.upload(x, p);
            try (Stepper stepper = new Stepper(run.plain, device, ParameterLayout.of(shape), run.clip)) {
                for (int i = 0; i < steps; i++) {
                    function.at(x, gradient);
                    device.upload(gradient, g);
                    stepper.step(p, g, (float) (rate * (1 + Math.cos(Math.PI * i / steps)) / 2));
                    device.download(p, x);
                }
                stepper.beforeEvaluation();
                device.download(p, x);
            }
            p.buffer().close();
            g.buffer().close();
        }
        return function.at(x, gradient);
    }

    @Test
    void lbfgsLearnsDigits() {
        Split split = digits();
        try (Device device = Devices.open("cpu");
             Model model = Sequential.builder(Shape.of(64)).seed(1).dense(64, RELU).dense(10).build(device)) {
            try (FullBatch objective = new FullBatch(model, Losses.softmaxCrossEntropy(), split.train());
                 Minimizer lbfgs = Optimizers.lbfgs().history(10).minimizer(device, model.parameters().elements())) {
                lbfgs.step(model.parameters(), objective);
                lbfgs.step(model.parameters(), objective);
            }
            Evaluation result = Evaluation.of(model, Losses.softmaxCrossEntropy(), DataLoader.of(split.validation(), 512));
            assertTrue(result.accuracy() >= 0.95, result.toString());
        }
    }

    private static Split digits() {
        Dataset data = Datasets.builtIn("digits");
        Split split = data.shuffle(3).split(0.8, 0.2);
        Scaler scaler = Scaler.standard().fit(split.train());
        return new Split(scaler.apply(split.train()), scaler.apply(split.validation()), null);
    }
}
