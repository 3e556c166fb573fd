package org.talweg.benchmarks.steps;

import static org.bytedeco.pytorch.global.torch.binary_cross_entropy_with_logits;
import static org.bytedeco.pytorch.global.torch.cross_entropy;
import static org.bytedeco.pytorch.global.torch.relu;
import static org.bytedeco.pytorch.global.torch.set_num_threads;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Adam;
import org.bytedeco.pytorch.AdamOptions;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Optimizer;
import org.bytedeco.pytorch.SGD;
import org.bytedeco.pytorch.SGDOptions;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;

/** libtorch through JavaCPP, its batches made into tensors beforehand. */
public final class PyTorchContestant implements Contestant {

    @Override
    public String name() {
        return "libtorch";
    }

    @Override
    public boolean usesOpenMp() {
        return true;
    }

    @Override
    public Outcome train(Net net, int threads, Effort effort) {
        set_num_threads(threads);
        Module module = new Module();
        List<LinearImpl> layers = new ArrayList<>();
        for (int i = 0; i < net.layers(); i++) {
            LinearImpl layer = new LinearImpl(net.widths().get(i), net.widths().get(i + 1));
            try (AutoGradMode off = new AutoGradMode(false)) {
                layer.weight().copy_(Tensor.create(net.weights(i), net.widths().get(i + 1), net.widths().get(i)));
                layer.bias().zero_();
            }
            layers.add(module.register_module("layer" + i, layer));
        }
        Optimizer optimizer = net.isLogistic() ? new SGD(module.parameters(), new SGDOptions(net.learningRate()))
            : new Adam(module.parameters(), new AdamOptions(net.learningRate()));
        List<Tensor> features = new ArrayList<>();
        List<Tensor> labels = new ArrayList<>();
        batches(net, features, labels);
        return effort.time(Net.BATCHES, lossWanted -> {
            double last = 0;
            for (int i = 0; i < Net.BATCHES; i++) {
                try (PointerScope scope = new PointerScope()) {
                    optimizer.zero_grad();
                    Tensor value = features.get(i);
                    for (int layer = 0; layer < layers.size(); layer++) {
                        value = layers.get(layer).forward(value);
                        value = layer + 1 < layers.size() ? relu(value) : value;
                    }
                    Tensor loss = net.isLogistic() ? binary_cross_entropy_with_logits(value, labels.get(i))
                        : cross_entropy(value, labels.get(i));
                    loss.backward();
                    optimizer.step();
                    if (lossWanted && i == Net.BATCHES - 1) {
                        last = loss.item_float();
                    }
                }
            }
            return last;
        });
    }

    @Override
    public Outcome update(int parameters, int threads, Effort effort) {
        set_num_threads(threads);
        Tensor p = Tensor.create(new float[parameters], parameters);
        p.requires_grad_(true);
        p.mutable_grad().put(Tensor.create(Contestant.gradients(parameters), parameters));
        Optimizer optimizer = new Adam(new TensorVector(p), new AdamOptions(0.001));
        LongOptional from = new LongOptional(Contestant.compared(parameters));
        LongOptional to = new LongOptional(Contestant.compared(parameters) + 1L);
        return effort.time(1, lossWanted -> {
            try (PointerScope scope = new PointerScope()) {
                optimizer.step();
                return lossWanted ? p.detach().slice(0, from, to, 1).item_float() : 0;
            }
        });
    }

    private static void batches(Net net, List<Tensor> features, List<Tensor> labels) {
        float[] allFeatures = net.features();
        int[] allLabels = net.labels();
        for (int i = 0; i < Net.BATCHES; i++) {
            int row = i * net.batch();
            float[] x = java.util.Arrays.copyOfRange(allFeatures, row * net.inputs(),
                (row + net.batch()) * net.inputs());
            features.add(Tensor.create(x, net.batch(), net.inputs()));
            if (net.isLogistic()) {
                float[] y = new float[net.batch()];
                for (int j = 0; j < y.length; j++) {
                    y[j] = allLabels[row + j];
                }
                labels.add(Tensor.create(y, net.batch(), 1));
            } else {
                long[] y = new long[net.batch()];
                for (int j = 0; j < y.length; j++) {
                    y[j] = allLabels[row + j];
                }
                labels.add(Tensor.create(y, net.batch()));
            }
        }
    }
}
