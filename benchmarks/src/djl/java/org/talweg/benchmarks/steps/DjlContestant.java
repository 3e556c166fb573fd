package org.talweg.benchmarks.steps;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** DJL's trainer on its PyTorch engine, its batches made into arrays beforehand. */
public final class DjlContestant implements Contestant {

    /** What the class path brings is all there is: nothing is looked for elsewhere or sent anywhere. */
    private static void configure(int threads) {
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("OPT_OUT_TRACKING", "true");
        System.setProperty("ai.djl.default_engine", "PyTorch");
        System.setProperty("ai.djl.pytorch.num_threads", String.valueOf(threads));
        System.setProperty("ai.djl.pytorch.num_interop_threads", "1");
    }

    @Override
    public String name() {
        return "djl";
    }

    @Override
    public boolean usesOpenMp() {
        return true;
    }

    @Override
    public Outcome train(Net net, int threads, Effort effort) {
        configure(threads);
        SequentialBlock block = new SequentialBlock();
        List<Linear> layers = new ArrayList<>();
        for (int i = 0; i < net.layers(); i++) {
            layers.add(Linear.builder().setUnits(net.widths().get(i + 1)).build());
            block.add(layers.get(i));
            if (i + 1 < net.layers()) {
                block.add(Activation.reluBlock());
            }
        }
        Loss loss = net.isLogistic() ? Loss.sigmoidBinaryCrossEntropyLoss() : Loss.softmaxCrossEntropyLoss();
        Tracker rate = Tracker.fixed(net.learningRate());
        Optimizer optimizer = net.isLogistic() ? Optimizer.sgd().setLearningRateTracker(rate).build()
            : Optimizer.adam().optLearningRateTracker(rate).build();
        try (Model model = Model.newInstance("benchmark")) {
            model.setBlock(block);
            try (Trainer trainer = model.newTrainer(new DefaultTrainingConfig(loss).optOptimizer(optimizer))) {
                trainer.initialize(new Shape(net.batch(), net.inputs()));
                for (int i = 0; i < net.layers(); i++) {
                    layers.get(i).getParameters().get("weight").getArray().set(net.weights(i));
                    layers.get(i).getParameters().get("bias").getArray().set(new float[net.widths().get(i + 1)]);
                }
                return loop(net, effort, trainer, loss);
            }
        }
    }

    private static Outcome loop(Net net, Effort effort, Trainer trainer, Loss loss) {
        List<NDArray> features = new ArrayList<>();
        List<NDArray> labels = new ArrayList<>();
        batches(net, trainer.getManager(), features, labels);
        return effort.time(Net.BATCHES, lossWanted -> {
            double last = 0;
            for (int i = 0; i < Net.BATCHES; i++) {
                try (NDManager step = trainer.getManager().newSubManager()) {
                    step.tempAttachAll(features.get(i), labels.get(i));
                    try (GradientCollector collector = trainer.newGradientCollector()) {
                        NDArray value = loss.evaluate(new NDList(labels.get(i)), trainer.forward(new NDList(features.get(i))));
                        collector.backward(value);
                        if (lossWanted && i == Net.BATCHES - 1) {
                            last = value.getFloat();
                        }
                    }
                    trainer.step();
                }
            }
            return last;
        });
    }

    @Override
    public Outcome update(int parameters, int threads, Effort effort) {
        configure(threads);
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray p = manager.zeros(new Shape(parameters));
            NDArray gradient = manager.create(Contestant.gradients(parameters));
            Optimizer adam = Optimizer.adam().optLearningRateTracker(Tracker.fixed(0.001f)).build();
            return effort.time(1, lossWanted -> {
                adam.update("p", p, gradient);
                return lossWanted ? p.getFloat(Contestant.compared(parameters)) : 0;
            });
        }
    }

    private static void batches(Net net, NDManager manager, List<NDArray> features, List<NDArray> labels) {
        float[] allFeatures = net.features();
        int[] allLabels = net.labels();
        for (int i = 0; i < Net.BATCHES; i++) {
            int row = i * net.batch();
            features.add(manager.create(Arrays.copyOfRange(allFeatures, row * net.inputs(),
                (row + net.batch()) * net.inputs()), new Shape(net.batch(), net.inputs())));
            int[] y = Arrays.copyOfRange(allLabels, row, row + net.batch());
            labels.add(net.isLogistic() ? manager.create(toFloats(y), new Shape(net.batch(), 1))
                : manager.create(Arrays.stream(y).asLongStream().toArray(), new Shape(net.batch())));
        }
    }

    private static float[] toFloats(int[] values) {
        float[] floats = new float[values.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = values[i];
        }
        return floats;
    }
}
