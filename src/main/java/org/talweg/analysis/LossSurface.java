package org.talweg.analysis;

import java.util.List;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.DataOps;
import org.talweg.tape.Loss;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;
import org.talweg.train.Evaluator;
import org.talweg.train.Resources;

/**
 * The loss around a model, over a whole data set: on lines, on planes, and on the way to another model. Weights and
 * directions are uploaded once; each point is one launch that writes the perturbed parameters, and forward passes that
 * read them. The model itself is left as it is.
 */
public final class LossSurface implements AutoCloseable {
    /** Rows that a pass takes at a time. */
    private static final int ROWS = 1024;

    private final Resources resources = new Resources();
    private final Device device;
    private final Model moved;
    private final Tensor centre;
    private final Evaluator evaluator;

    public LossSurface(Model model, Loss loss, Dataset data) {
        device = model.device();
        try {
            moved = resources.add(model.copyTo(device), Model::close);
            centre = resources.tensor(device, DType.FLOAT32, model.parameters().shape(), "centre of the landscape");
            device.ops().data().copy(model.parameters(), centre);
            evaluator = resources.add(new Evaluator(moved, loss, List.of(), DataLoader.of(data, ROWS)), Evaluator::close);
        } catch (RuntimeException e) {
            resources.close();
            throw e;
        }
    }

    /** So many numbers from {@code low} to {@code high}, both included; 0 is exact in the middle of a symmetric range. */
    public static double[] range(double low, double high, int count) {
        if (count < 2 || !(low < high) || !Double.isFinite(high - low)) {
            throw new IllegalArgumentException(count + " points from " + low + " to " + high
                + "; at least 2 are needed, and the first number must be below the second");
        }
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = (low * (count - 1 - i) + high * i) / (count - 1);
        }
        return values;
    }

    /** The loss at centre + αᵢ·direction. */
    public Landscape line(Direction direction, double[] alphas) {
        try (Resources own = new Resources()) {
            Tensor first = upload(own, direction);
            DataOps data = device.ops().data();
            double[][] losses = new double[alphas.length][1];
            for (int i = 0; i < alphas.length; i++) {
                data.combine(centre, (float) alphas[i], first, 0, null, moved.parameters());
                losses[i][0] = evaluator.run().loss();
            }
            return new Landscape(direction.label(), "", alphas, new double[] {0}, losses, List.of());
        }
    }

    /** The loss at centre + αᵢ·first + βⱼ·second. */
    public Landscape plane(Direction first, Direction second, double[] alphas, double[] betas) {
        try (Resources own = new Resources()) {
            Tensor u = upload(own, first);
            Tensor v = upload(own, second);
            DataOps data = device.ops().data();
            double[][] losses = new double[alphas.length][betas.length];
            for (int i = 0; i < alphas.length; i++) {
                for (int j = 0; j < betas.length; j++) {
                    data.combine(centre, (float) alphas[i], u, (float) betas[j], v, moved.parameters());
                    losses[i][j] = evaluator.run().loss();
                }
            }
            return new Landscape(first.label(), second.label(), alphas, betas, losses, List.of());
        }
    }

    /**
     * The loss at (1 − αᵢ)·centre + αᵢ·other, exactly the two models at α = 0 and 1. Goodfellow, Vinyals and Saxe 2015.
     *
     * @throws IllegalArgumentException if the models have not the same parameters
     */
    public Landscape interpolation(Model other, double[] alphas) {
        if (!other.parameterNames().equals(moved.parameterNames()) || other.parameterNames().stream().anyMatch(
            name -> !other.parameter(name).shape().equals(moved.parameter(name).shape()))) {
            throw new IllegalArgumentException("models of different shape cannot be interpolated: one has\n"
                + moved.summary() + "the other\n" + other.summary());
        }
        try (Resources own = new Resources()) {
            Tensor end = upload(own, new Direction("", Vectors.narrow(Vectors.download(other.device(), other.parameters()))));
            DataOps data = device.ops().data();
            double[][] losses = new double[alphas.length][1];
            for (int i = 0; i < alphas.length; i++) {
                float a = (float) alphas[i];
                // Two products with one rounding each, which is exact at both ends.
                data.combine(centre, -a, centre, a, end, moved.parameters());
                losses[i][0] = evaluator.run().loss();
            }
            return new Landscape("from this model (0) to the other (1)", "", alphas, new double[] {0}, losses, List.of());
        }
    }

    /** The loss at each point of a trajectory; batch norm keeps the running statistics that the model has now. */
    public double[] along(Trajectory trajectory) {
        double[] losses = new double[trajectory.size()];
        for (int i = 0; i < losses.length; i++) {
            device.upload(checked(trajectory.point(i)), moved.parameters());
            losses[i] = evaluator.run().loss();
        }
        return losses;
    }

    private Tensor upload(Resources own, Direction direction) {
        Tensor tensor = own.tensor(device, DType.FLOAT32, centre.shape(), "direction");
        device.upload(checked(direction.values()), tensor);
        return tensor;
    }

    private float[] checked(float[] values) {
        if (values.length != centre.elements()) {
            throw new IllegalArgumentException(values.length + " values for a model of " + centre.elements()
                + " parameters, padding included");
        }
        return values;
    }

    @Override
    public void close() {
        resources.close();
    }
}
