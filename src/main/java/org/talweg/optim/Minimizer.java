package org.talweg.optim;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.talweg.ops.Device;
import org.talweg.ops.Ops;
import org.talweg.ops.StepState;
import org.talweg.optim.Lbfgs.Objective;
import org.talweg.optim.LineSearch.Point;
import org.talweg.tape.BatchResult;
import org.talweg.tensor.Tensor;

/** {@link Lbfgs} at work: what it remembers from call to call, and its vectors on the device. */
public final class Minimizer implements Optimizer.State {
    /** Below this curvature a pair says nothing that could be told from rounding. */
    private static final double LEAST_CURVATURE = 1e-10;

    private record Pair(Tensor step, Tensor change, double inverse) {
    }

    private final Lbfgs settings;
    private final StateMemory memory;
    private final VectorMath vectors;
    private final LineSearch search;
    private final long length;
    private final Tensor direction;
    private final Tensor start;
    private final Tensor previous;
    private final List<Pair> pairs = new ArrayList<>();
    private final List<Tensor> spare = new ArrayList<>();
    private double scale = 1;
    private double size;
    private long iterations;
    private double gradientNorm;
    private int evaluations;

    Minimizer(Lbfgs settings, Device device, long length) {
        this.settings = settings;
        this.length = length;
        memory = new StateMemory(device);
        try {
            vectors = new VectorMath(memory, length);
            search = new LineSearch(vectors, memory, length);
            direction = memory.vector(length, "L-BFGS direction");
            start = memory.vector(length, "L-BFGS start");
            previous = memory.vector(length, "L-BFGS gradient");
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    /** With the settings' learning rate. */
    public double step(Tensor parameters, Objective objective) {
        return step(parameters, objective, settings.learningRate());
    }

    /**
     * Up to {@link Lbfgs#maxIterations} iterations; none, if the gradient is not finite.
     *
     * @param learningRate the first step tried, and without a line search every step
     * @return the loss before them
     */
    public double step(Tensor parameters, Objective objective, double learningRate) {
        if (parameters.elements() != length) {
            throw new IllegalArgumentException(parameters.shape() + " parameters for a minimizer of " + length);
        }
        Tensor gradient = search.fresh();
        double first = objective.evaluate(parameters, gradient);
        evaluations = 1;
        gradientNorm = Math.sqrt(vectors.dot(gradient, gradient));
        double loss = first;
        for (int i = 1; vectors.largest(gradient) > settings.gradientTolerance(); i++) {
            prepareDirection(gradient);
            vectors.copy(gradient, previous);
            double before = loss;
            double slope = vectors.dot(gradient, direction);
            size = iterations == 1 ? Math.min(1, 1 / vectors.sumOfSizes(gradient)) * learningRate : learningRate;
            if (slope > -settings.changeTolerance()) {
                break;
            }
            boolean last = i == settings.maxIterations();
            vectors.copy(parameters, start);
            if (settings.lineSearch()) {
                Point found = search.run(objective, parameters, start, direction, new Point(0, loss, slope, gradient), size);
                size = found.at();
                loss = found.loss();
                gradient = found.gradient();
                evaluations += search.evaluations();
                vectors.move(start, size, direction, parameters);
            } else {
                vectors.move(start, size, direction, parameters);
                if (!last) {
                    gradient = search.fresh();
                    loss = objective.evaluate(parameters, gradient);
                    evaluations++;
                }
            }
            if (last || evaluations >= settings.maxEvaluations()
                || vectors.largest(direction) * size <= settings.changeTolerance()
                || Math.abs(loss - before) < settings.changeTolerance()) {
                break;
            }
        }
        return first;
    }

    /** Loss evaluations of the last {@link #step}. */
    public int evaluations() {
        return evaluations;
    }

    /** Of the gradient before the last {@link #step}. */
    public double gradientNorm() {
        return gradientNorm;
    }

    /**
     * @throws UnsupportedOperationException always
     */
    @Override
    public void apply(Ops ops, Tensor parameters, Tensor gradients, BatchResult batch, StepState state) {
        throw new UnsupportedOperationException("L-BFGS evaluates the loss as often as a step needs; call step(parameters, "
            + "objective), or fit() of a trainer whose batch is all rows");
    }

    /** −H g by the two-loop recursion, after the last step and the change of the gradient have joined the history. */
    private void prepareDirection(Tensor gradient) {
        if (++iterations == 1) {
            vectors.scale(-1, gradient, direction);
            return;
        }
        Tensor change = spare();
        Tensor step = spare();
        vectors.move(gradient, -1, previous, change);
        vectors.scale(size, direction, step);
        double curvature = vectors.dot(change, step);
        if (curvature > LEAST_CURVATURE) {
            if (pairs.size() == settings.history()) {
                Pair oldest = pairs.remove(0);
                spare.add(oldest.step);
                spare.add(oldest.change);
            }
            pairs.add(new Pair(step, change, 1 / curvature));
            scale = curvature / vectors.dot(change, change);
        } else {
            spare.add(change);
            spare.add(step);
        }
        double[] weights = new double[pairs.size()];
        vectors.scale(-1, gradient, direction);
        for (int i = pairs.size() - 1; i >= 0; i--) {
            Pair pair = pairs.get(i);
            weights[i] = vectors.dot(pair.step, direction) * pair.inverse;
            vectors.move(direction, -weights[i], pair.change, direction);
        }
        vectors.scale(scale, direction, direction);
        for (int i = 0; i < pairs.size(); i++) {
            Pair pair = pairs.get(i);
            double weight = vectors.dot(pair.change, direction) * pair.inverse;
            vectors.move(direction, weights[i] - weight, pair.step, direction);
        }
    }

    /** What the next call depends on beside the parameters. */
    @Override
    public SavedState save() {
        Map<String, float[]> vectors = new LinkedHashMap<>();
        Map<String, Double> numbers = new LinkedHashMap<>();
        vectors.put("direction", memory.download(direction));
        vectors.put("gradient", memory.download(previous));
        numbers.put("scale", scale);
        numbers.put("size", size);
        numbers.put("iterations", (double) iterations);
        numbers.put("pairs", (double) pairs.size());
        for (int i = 0; i < pairs.size(); i++) {
            vectors.put("step " + i, memory.download(pairs.get(i).step));
            vectors.put("change " + i, memory.download(pairs.get(i).change));
            numbers.put("inverse " + i, pairs.get(i).inverse);
        }
        return new SavedState(vectors, numbers);
    }

    /**
     * Goes on from there, bit for bit.
     *
     * @throws IllegalArgumentException if it is the state of another optimizer, of other parameters, or of a longer
     *                                  history
     */
    @Override
    public void restore(SavedState saved) {
        int count = (int) saved.number("pairs");
        if (count > settings.history()) {
            throw new IllegalArgumentException("the saved state has " + count + " pairs of history, this minimizer "
                + settings.history());
        }
        pairs.forEach(pair -> spare.addAll(List.of(pair.step, pair.change)));
        pairs.clear();
        memory.upload(saved, "direction", direction);
        memory.upload(saved, "gradient", previous);
        for (int i = 0; i < count; i++) {
            Pair pair = new Pair(spare(), spare(), saved.number("inverse " + i));
            memory.upload(saved, "step " + i, pair.step);
            memory.upload(saved, "change " + i, pair.change);
            pairs.add(pair);
        }
        scale = saved.number("scale");
        size = saved.number("size");
        iterations = (long) saved.number("iterations");
    }

    private Tensor spare() {
        return spare.isEmpty() ? memory.vector(length, "L-BFGS history") : spare.remove(spare.size() - 1);
    }

    @Override
    public void close() {
        memory.close();
    }
}
