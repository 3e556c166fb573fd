package org.talweg.benchmarks.steps;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.core.Variable;
import org.tensorflow.op.linalg.MatMul;
import org.tensorflow.proto.ConfigProto;
import org.tensorflow.types.TFloat32;

/** TensorFlow Java in graph mode, its batches made into tensors beforehand. */
public final class TensorFlowContestant implements Contestant {

    @Override
    public String name() {
        return "tensorflow";
    }

    @Override
    public Outcome train(Net net, int threads, Effort effort) {
        try (Graph graph = new Graph()) {
            Ops tf = Ops.create(graph);
            Placeholder<TFloat32> x = tf.placeholder(TFloat32.class,
                Placeholder.shape(Shape.of(net.batch(), net.inputs())));
            // One-hot classes, for which alone there is a gradient; for logistic regression the class itself.
            Placeholder<TFloat32> y = tf.placeholder(TFloat32.class,
                Placeholder.shape(Shape.of(net.batch(), net.outputs())));
            List<Variable<TFloat32>> variables = new ArrayList<>();
            List<Op> initial = new ArrayList<>();
            Operand<TFloat32> value = x;
            for (int i = 0; i < net.layers(); i++) {
                int in = net.widths().get(i);
                int out = net.widths().get(i + 1);
                Variable<TFloat32> w = tf.variable(Shape.of(out, in), TFloat32.class);
                Variable<TFloat32> b = tf.variable(Shape.of(out), TFloat32.class);
                initial.add(tf.assign(w, tf.constant(Shape.of(out, in), DataBuffers.of(net.weights(i)))));
                initial.add(tf.assign(b, tf.zeros(tf.constant(new int[] {out}), TFloat32.class)));
                variables.add(w);
                variables.add(b);
                value = tf.nn.biasAdd(tf.linalg.matMul(value, w, MatMul.transposeB(true)), b);
                value = i + 1 < net.layers() ? tf.nn.relu(value) : value;
            }
            Operand<TFloat32> loss = net.isLogistic() ? tf.math.mean(logistic(tf, value, y), tf.constant(new int[] {0, 1}))
                : tf.math.mean(tf.nn.softmaxCrossEntropyWithLogits(value, y).loss(), tf.constant(0));
            List<Op> updates = net.isLogistic() ? sgd(tf, graph, loss, variables, net.learningRate())
                : adam(tf, graph, loss, variables, net.learningRate(), initial);
            ConfigProto config = ConfigProto.newBuilder().setIntraOpParallelismThreads(threads)
                .setInterOpParallelismThreads(1).build();
            try (Session session = new Session(graph, config)) {
                initial.forEach(op -> session.runner().addTarget(op).run().close());
                return loop(net, effort, session, x, y, loss, updates);
            }
        }
    }

    @Override
    public Outcome update(int parameters, int threads, Effort effort) {
        try (Graph graph = new Graph()) {
            Ops tf = Ops.create(graph);
            List<Op> initial = new ArrayList<>();
            List<Variable<TFloat32>> state = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                Variable<TFloat32> variable = tf.variable(Shape.of(parameters), TFloat32.class);
                initial.add(tf.assign(variable, tf.zeros(tf.constant(new int[] {parameters}), TFloat32.class)));
                state.add(variable);
            }
            Placeholder<TFloat32> feed = tf.placeholder(TFloat32.class, Placeholder.shape(Shape.of(parameters)));
            Variable<TFloat32> gradient = tf.variable(Shape.of(parameters), TFloat32.class);
            Op setGradient = tf.assign(gradient, feed);
            Variable<TFloat32> power1 = tf.variable(Shape.scalar(), TFloat32.class);
            Variable<TFloat32> power2 = tf.variable(Shape.scalar(), TFloat32.class);
            initial.add(tf.assign(power1, tf.constant(0.9f)));
            initial.add(tf.assign(power2, tf.constant(0.999f)));
            Op update = tf.train.applyAdam(state.get(0), state.get(1), state.get(2), power1, power2,
                tf.constant(0.001f), tf.constant(0.9f), tf.constant(0.999f), tf.constant(1e-8f), gradient);
            Ops after = tf.withControlDependencies(List.of(update));
            List<Op> updates = List.of(update, after.assign(power1, after.math.mul(power1, after.constant(0.9f))),
                after.assign(power2, after.math.mul(power2, after.constant(0.999f))));
            Operand<TFloat32> compared = tf.slice(state.get(0), tf.constant(new int[] {Contestant.compared(parameters)}),
                tf.constant(new int[] {1}));
            ConfigProto config = ConfigProto.newBuilder().setIntraOpParallelismThreads(threads)
                .setInterOpParallelismThreads(1).build();
            try (Session session = new Session(graph, config); TFloat32 gradients = TFloat32.tensorOf(
                Shape.of(parameters), DataBuffers.of(Contestant.gradients(parameters)))) {
                initial.forEach(op -> session.runner().addTarget(op).run().close());
                session.runner().feed(feed, gradients).addTarget(setGradient).run().close();
                return effort.time(1, lossWanted -> {
                    Session.Runner runner = session.runner();
                    updates.forEach(runner::addTarget);
                    runner.run().close();
                    return lossWanted ? first(session.runner().fetch(compared)) : 0;
                });
            }
        }
    }

    private static Operand<TFloat32> logistic(Ops tf, Operand<TFloat32> z, Operand<TFloat32> t) {
        Operand<TFloat32> positive = tf.nn.relu(z);
        Operand<TFloat32> softplus = tf.math.log1p(tf.math.exp(tf.math.neg(tf.math.abs(z))));
        return tf.math.add(tf.math.sub(positive, tf.math.mul(z, t)), softplus);
    }

    private static Output<?>[] gradients(Graph graph, Operand<TFloat32> loss, List<Variable<TFloat32>> variables) {
        return graph.addGradients(loss.asOutput(), variables.stream().map(Variable::asOutput).toArray(Output[]::new));
    }

    @SuppressWarnings("unchecked")
    private static List<Op> sgd(Ops tf, Graph graph, Operand<TFloat32> loss, List<Variable<TFloat32>> variables,
                                float rate) {
        Output<?>[] gradients = gradients(graph, loss, variables);
        List<Op> updates = new ArrayList<>();
        for (int i = 0; i < gradients.length; i++) {
            updates.add(tf.train.applyGradientDescent(variables.get(i), tf.constant(rate),
                (Output<TFloat32>) gradients[i]));
        }
        return updates;
    }

    /** The powers of the betas are advanced by the step itself, after the updates read them. */
    @SuppressWarnings("unchecked")
    private static List<Op> adam(Ops tf, Graph graph, Operand<TFloat32> loss, List<Variable<TFloat32>> variables,
                                 float rate, List<Op> initial) {
        Output<?>[] gradients = gradients(graph, loss, variables);
        Variable<TFloat32> power1 = tf.variable(Shape.scalar(), TFloat32.class);
        Variable<TFloat32> power2 = tf.variable(Shape.scalar(), TFloat32.class);
        initial.add(tf.assign(power1, tf.constant(0.9f)));
        initial.add(tf.assign(power2, tf.constant(0.999f)));
        List<Op> updates = new ArrayList<>();
        for (int i = 0; i < gradients.length; i++) {
            Variable<TFloat32> variable = variables.get(i);
            Variable<TFloat32> m = tf.variable(variable.shape(), TFloat32.class);
            Variable<TFloat32> v = tf.variable(variable.shape(), TFloat32.class);
            for (Variable<TFloat32> moment : List.of(m, v)) {
                initial.add(tf.assign(moment, tf.zeros(tf.constant(Arrays.stream(variable.shape().asArray())
                    .mapToInt(Math::toIntExact).toArray()), TFloat32.class)));
            }
            updates.add(tf.train.applyAdam(variable, m, v, power1, power2, tf.constant(rate), tf.constant(0.9f),
                tf.constant(0.999f), tf.constant(1e-8f), (Output<TFloat32>) gradients[i]));
        }
        Ops after = tf.withControlDependencies(List.copyOf(updates));
        updates.add(after.assign(power1, after.math.mul(power1, after.constant(0.9f))));
        updates.add(after.assign(power2, after.math.mul(power2, after.constant(0.999f))));
        return updates;
    }

    private static Outcome loop(Net net, Effort effort, Session session, Operand<TFloat32> x, Operand<TFloat32> y,
                                Operand<TFloat32> loss, List<Op> updates) {
        List<TFloat32> features = new ArrayList<>();
        List<TFloat32> labels = new ArrayList<>();
        float[] allFeatures = net.features();
        int[] allLabels = net.labels();
        for (int i = 0; i < Net.BATCHES; i++) {
            int row = i * net.batch();
            features.add(TFloat32.tensorOf(Shape.of(net.batch(), net.inputs()), DataBuffers.of(Arrays.copyOfRange(
                allFeatures, row * net.inputs(), (row + net.batch()) * net.inputs()))));
            float[] targets = new float[net.batch() * net.outputs()];
            for (int j = 0; j < net.batch(); j++) {
                targets[net.isLogistic() ? j : j * net.outputs() + allLabels[row + j]] = net.isLogistic()
                    ? allLabels[row + j] : 1;
            }
            labels.add(TFloat32.tensorOf(Shape.of(net.batch(), net.outputs()), DataBuffers.of(targets)));
        }
        return effort.time(Net.BATCHES, lossWanted -> {
            for (int i = 0; i < Net.BATCHES - 1; i++) {
                step(session, x, features.get(i), y, labels.get(i), updates).run().close();
            }
            Session.Runner last = step(session, x, features.get(Net.BATCHES - 1), y, labels.get(Net.BATCHES - 1), updates);
            if (lossWanted) {
                return first(last.fetch(loss));
            }
            last.run().close();
            return 0;
        });
    }

    private static Session.Runner step(Session session, Operand<TFloat32> x, TFloat32 features, Operand<TFloat32> y,
                                       TFloat32 labels, List<Op> updates) {
        Session.Runner runner = session.runner().feed(x, features).feed(y, labels);
        updates.forEach(runner::addTarget);
        return runner;
    }

    /** The first value of what is fetched. */
    private static float first(Session.Runner runner) {
        try (Result result = runner.run()) {
            TFloat32 value = (TFloat32) result.get(0);
            return value.rank() == 0 ? value.getFloat() : value.getFloat(0);
        }
    }
}
