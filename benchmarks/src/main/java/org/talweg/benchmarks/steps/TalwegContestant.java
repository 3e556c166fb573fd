package org.talweg.benchmarks.steps;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.ClipRule;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateRule;
import org.talweg.optim.Optimizers;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.train.Listener;
import org.talweg.train.StepMetrics;
import org.talweg.train.Trainer;
import org.talweg.train.TrainingResult;

/** This library, through its trainer. It chooses its threads itself. */
public final class TalwegContestant implements Contestant {

    @Override
    public String name() {
        return "talweg";
    }

    @Override
    public Outcome train(Net net, int threads, int epochs) {
        double[] lastLoss = new double[1];
        Listener listener = new Listener() {
            @Override
            public void onSteps(List<StepMetrics> steps) {
                lastLoss[0] = steps.get(steps.size() - 1).loss();
            }
        };
        try (Device device = Devices.open("cpu"); Model model = model(net, device)) {
            TrainingResult result = Trainer.builder(model)
                .loss(net.isLogistic() ? Losses.binaryCrossEntropyWithLogits() : Losses.softmaxCrossEntropy())
                .optimizer(net.isLogistic() ? Optimizers.sgd().learningRate(net.learningRate())
                    : Optimizers.adam().learningRate(net.learningRate()))
                .listeners(listener).build().fit(DataLoader.of(data(net), net.batch()), epochs);
            return new Outcome(result.history().stream()
                .mapToDouble(epoch -> 1e6 * net.batch() / epoch.samplesPerSecond()).toArray(), lastLoss[0]);
        }
    }

    /** As a training step runs it: the norm of the gradients comes out of the products that made them. */
    @Override
    public Outcome update(int parameters, int threads, int steps) {
        Shape shape = Shape.of(parameters);
        UpdateRule rule = Optimizers.adam().rule();
        try (Device device = Devices.open("cpu"); StepState state = StepState.allocate(device, steps)) {
            List<Tensor> tensors = IntStream.range(0, 4).mapToObj(i -> device.allocate(DType.FLOAT32, shape, "update"))
                .toList();
            Tensor none = device.allocate(DType.FLOAT32, Shape.of(1), "no loss, no norm");
            device.upload(Contestant.gradients(parameters), tensors.get(1));
            float[] rates = new float[steps * StepState.SCHEDULE_COLUMNS];
            for (int i = 0; i < steps; i++) {
                rates[i * StepState.SCHEDULE_COLUMNS + StepState.SCHEDULE_LEARNING_RATE] = 0.001f;
                rates[i * StepState.SCHEDULE_COLUMNS + StepState.SCHEDULE_MOMENTUM] = Optimizers.adam().momentum();
            }
            device.upload(rates, state.schedule());
            double[] microseconds = new double[steps];
            for (int i = 0; i < steps; i++) {
                long start = System.nanoTime();
                device.ops().update().prepareStep(state, rule, ClipRule.NONE, none, null, none);
                device.ops().update().apply(rule, tensors.get(0), tensors.get(1), tensors.subList(2, 4), null, state);
                microseconds[i] = (System.nanoTime() - start) / 1e3;
            }
            float[] result = new float[1];
            device.download(tensors.get(0).view(Contestant.compared(parameters), Shape.of(1)), result);
            tensors.forEach(tensor -> tensor.buffer().close());
            none.buffer().close();
            return new Outcome(microseconds, result[0]);
        }
    }

    private static Model model(Net net, Device device) {
        Sequential.Builder builder = Sequential.builder(Shape.of(net.inputs()));
        for (int i = 1; i < net.layers(); i++) {
            builder.dense(net.widths().get(i), Activation.RELU);
        }
        Model model = builder.dense(net.outputs()).build(device);
        for (int i = 0; i < net.layers(); i++) {
            model.setParameter("dense_" + (i + 1) + ".weight", net.weights(i));
        }
        return model;
    }

    private static Dataset data(Net net) {
        List<String> features = new ArrayList<>(IntStream.range(0, net.inputs()).mapToObj(i -> "x" + i).toList());
        List<String> classes = IntStream.range(0, Math.max(2, net.outputs())).mapToObj(String::valueOf).toList();
        return Dataset.classification("benchmark", features, net.features(), "class", net.labels(), classes);
    }
}
