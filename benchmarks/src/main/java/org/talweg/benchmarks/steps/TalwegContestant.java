package org.talweg.benchmarks.steps;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
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
import org.talweg.train.Stop;
import org.talweg.train.Trainer;
import org.talweg.train.TrainingResult;

/** This library, through its trainer. It chooses its threads itself. */
public final class TalwegContestant implements Contestant {

    @Override
    public String name() {
        return "talweg";
    }

    @Override
    public Outcome train(Net net, int threads, Effort effort) {
        double[] loss = {Double.NaN};
        Listener listener = new Listener() {
            @Override
            public void onSteps(List<StepMetrics> steps) {
                steps.stream().filter(step -> step.step() == (long) effort.compared() * Net.BATCHES - 1)
                    .forEach(step -> loss[0] = step.loss());
            }
        };
        Stop stop = Stop.perEpoch(() -> now -> effort.isOver(now.epoch(), now.elapsed().toNanos() / 1e9)
            ? Optional.of("it was timed for long enough") : Optional.empty());
        try (Device device = Devices.open("cpu"); Model model = model(net, device)) {
            TrainingResult result = Trainer.builder(model)
                .loss(net.isLogistic() ? Losses.binaryCrossEntropyWithLogits() : Losses.softmaxCrossEntropy())
                .optimizer(net.isLogistic() ? Optimizers.sgd().learningRate(net.learningRate())
                    : Optimizers.adam().learningRate(net.learningRate()))
                .listeners(listener).stopWhen(stop).build()
                .fit(DataLoader.of(data(net), net.batch()), Math.max(effort.compared(), Effort.MOST_EPOCHS));
            return new Outcome(result.history().stream().map(epoch -> 1e6 * net.batch() / epoch.samplesPerSecond()).toList(),
                loss[0]);
        }
    }

    /** As a training step runs it: the norm of the gradients comes out of the products that made them. */
    @Override
    public Outcome update(int parameters, int threads, Effort effort) {
        Shape shape = Shape.of(parameters);
        UpdateRule rule = Optimizers.adam().rule();
        try (Device device = Devices.open("cpu"); StepState state = StepState.allocate(device, Effort.MOST_EPOCHS)) {
            List<Tensor> tensors = IntStream.range(0, 4).mapToObj(i -> device.allocate(DType.FLOAT32, shape, "update"))
                .toList();
            Tensor none = device.allocate(DType.FLOAT32, Shape.of(1), "no loss, no norm");
            device.upload(Contestant.gradients(parameters), tensors.get(1));
            float[] rates = new float[Effort.MOST_EPOCHS * StepState.SCHEDULE_COLUMNS];
            for (int i = 0; i < Effort.MOST_EPOCHS; i++) {
                rates[i * StepState.SCHEDULE_COLUMNS + StepState.SCHEDULE_LEARNING_RATE] = 0.001f;
                rates[i * StepState.SCHEDULE_COLUMNS + StepState.SCHEDULE_MOMENTUM] = Optimizers.adam().momentum();
            }
            device.upload(rates, state.schedule());
            Tensor compared = tensors.get(0).view(Contestant.compared(parameters), Shape.of(1));
            float[] result = new float[1];
            Outcome outcome = effort.time(1, lossWanted -> {
                device.ops().update().prepareStep(state, rule, ClipRule.NONE, none, null, none);
                device.ops().update().apply(rule, tensors.get(0), tensors.get(1), tensors.subList(2, 4), null, state);
                if (lossWanted) {
                    device.download(compared, result);
                }
                return result[0];
            });
            tensors.forEach(tensor -> tensor.buffer().close());
            none.buffer().close();
            return outcome;
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
