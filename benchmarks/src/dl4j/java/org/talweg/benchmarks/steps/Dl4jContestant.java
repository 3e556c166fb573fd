package org.talweg.benchmarks.steps;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.GradientUpdater;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Deeplearning4j's network on ND4J, with its workspaces, its batches made into arrays beforehand. */
public final class Dl4jContestant implements Contestant {

    @Override
    public String name() {
        return "dl4j";
    }

    @Override
    public boolean usesOpenMp() {
        return true;
    }

    @Override
    public Outcome train(Net net, int threads, Effort effort) {
        configure(threads);
        NeuralNetConfiguration.ListBuilder layers = new NeuralNetConfiguration.Builder().dataType(DataType.FLOAT)
            .updater(net.isLogistic() ? new Sgd(net.learningRate()) : new Adam(net.learningRate())).list();
        for (int i = 0; i < net.layers(); i++) {
            int in = net.widths().get(i);
            int out = net.widths().get(i + 1);
            layers.layer(i + 1 < net.layers()
                ? new DenseLayer.Builder().nIn(in).nOut(out).activation(Activation.RELU).build()
                : new OutputLayer.Builder(net.isLogistic() ? LossFunction.XENT : LossFunction.MCXENT).nIn(in).nOut(out)
                    .activation(net.isLogistic() ? Activation.SIGMOID : Activation.SOFTMAX).build());
        }
        MultiLayerNetwork network = new MultiLayerNetwork(layers.build());
        network.init();
        for (int i = 0; i < net.layers(); i++) {
            // Its weights are [inputs×outputs].
            network.setParam(i + "_W", Nd4j.createFromArray(net.weights(i)).reshape(net.widths().get(i + 1),
                net.widths().get(i)).transpose());
        }
        List<INDArray> features = new ArrayList<>();
        List<INDArray> labels = new ArrayList<>();
        batches(net, features, labels);
        return effort.time(Net.BATCHES, lossWanted -> {
            for (int i = 0; i < Net.BATCHES; i++) {
                network.fit(features.get(i), labels.get(i));
            }
            return lossWanted ? network.score() : 0;
        });
    }

    /** Its updater turns a gradient into what is to be subtracted, so each step's is put back before the clock starts. */
    @Override
    public Outcome update(int parameters, int threads, Effort effort) {
        configure(threads);
        INDArray p = Nd4j.zeros(DataType.FLOAT, 1, parameters);
        INDArray gradients = Nd4j.createFromArray(Contestant.gradients(parameters)).reshape(1, parameters);
        INDArray update = gradients.dup();
        GradientUpdater<?> adam = new Adam(0.001).instantiate(Nd4j.zeros(DataType.FLOAT, 1, 2L * parameters), true);
        int[] step = {0};
        return effort.time(1, () -> update.assign(gradients), lossWanted -> {
            adam.applyUpdater(update, step[0]++, 0);
            p.subi(update);
            return lossWanted ? p.getFloat(Contestant.compared(parameters)) : 0;
        });
    }

    private static void configure(int threads) {
        Nd4j.getEnvironment().setMaxThreads(threads);
        Nd4j.getEnvironment().setMaxMasterThreads(threads);
    }

    private static void batches(Net net, List<INDArray> features, List<INDArray> labels) {
        INDArray allFeatures = Nd4j.createFromArray(net.features()).reshape(net.rows(), net.inputs());
        int[] classes = net.labels();
        float[][] allLabels = new float[net.rows()][net.outputs()];
        for (int i = 0; i < classes.length; i++) {
            allLabels[i][net.isLogistic() ? 0 : classes[i]] = net.isLogistic() ? classes[i] : 1;
        }
        INDArray targets = Nd4j.createFromArray(allLabels);
        for (int i = 0; i < Net.BATCHES; i++) {
            int[] rows = IntStream.range(i * net.batch(), (i + 1) * net.batch()).toArray();
            features.add(allFeatures.getRows(rows));
            labels.add(targets.getRows(rows));
        }
    }
}
