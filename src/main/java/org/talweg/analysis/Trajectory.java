package org.talweg.analysis;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.talweg.data.Safetensors;
import org.talweg.tensor.Shape;

/**
 * Where a model was while it trained.
 *
 * @param steps  taken before each point, rising
 * @param points parameters in the layout of {@link org.talweg.nn.Model#parameters}
 */
public record Trajectory(List<Long> steps, List<float[]> points) {
    private static final String TENSOR = "trajectory";
    private static final String STEPS = "talweg.steps";

    /** @throws IllegalArgumentException if there is no point, or if points differ in length */
    public Trajectory {
        steps = List.copyOf(steps);
        points = List.copyOf(points);
        if (points.isEmpty() || steps.size() != points.size()) {
            throw new IllegalArgumentException(points.size() + " points at " + steps.size() + " steps are no trajectory");
        }
        int length = points.get(0).length;
        for (float[] point : points) {
            if (point.length != length) {
                throw new IllegalArgumentException("points of " + length + " and of " + point.length + " parameters");
            }
        }
    }

    public int size() {
        return points.size();
    }

    public float[] point(int i) {
        return points.get(i);
    }

    public float[] last() {
        return point(size() - 1);
    }

    /** Point i less {@code origin}. */
    double[] offset(int i, float[] origin) {
        double[] offset = new double[origin.length];
        for (int k = 0; k < offset.length; k++) {
            offset[k] = (double) point(i)[k] - origin[k];
        }
        return offset;
    }

    /**
     * Coordinates of each point in the plane origin + α·first + β·second: the nearest point of the plane, by least
     * squares, because directions need not be orthogonal.
     *
     * @throws IllegalArgumentException if the directions span no plane
     */
    public double[][] project(float[] origin, Direction first, Direction second) {
        double[] u = Vectors.widen(first.values());
        double[] v = Vectors.widen(second.values());
        double uu = Vectors.dot(u, u);
        double uv = Vectors.dot(u, v);
        double vv = Vectors.dot(v, v);
        double determinant = uu * vv - uv * uv;
        if (!(determinant > 1e-12 * uu * vv)) {
            throw new IllegalArgumentException("the directions '" + first.label() + "' and '" + second.label()
                + "' span no plane; take another seed");
        }
        double[][] coordinates = new double[size()][];
        for (int i = 0; i < size(); i++) {
            double[] offset = offset(i, origin);
            double du = Vectors.dot(offset, u);
            double dv = Vectors.dot(offset, v);
            coordinates[i] = new double[] {(vv * du - uv * dv) / determinant, (uu * dv - uv * du) / determinant};
        }
        return coordinates;
    }

    /** Writes a safetensors file with one tensor [points×parameters]. */
    public void save(Path path) throws IOException {
        int length = point(0).length;
        float[] all = new float[Math.multiplyExact(size(), length)];
        for (int i = 0; i < size(); i++) {
            System.arraycopy(point(i), 0, all, i * length, length);
        }
        Safetensors.write(path, new Safetensors.Content(
            Map.of(STEPS, steps.stream().map(String::valueOf).collect(Collectors.joining(","))),
            Map.of(TENSOR, new Safetensors.Values(Shape.of(size(), length), all))));
    }

    /**
     * Reads what {@link #save} wrote.
     *
     * @throws IOException if it cannot be read, or is no trajectory of ours
     */
    public static Trajectory load(Path path) throws IOException {
        Safetensors.Content content = Safetensors.read(path);
        Safetensors.Values values = content.tensors().get(TENSOR);
        if (values == null || values.shape().rank() != 2 || !content.metadata().containsKey(STEPS)) {
            throw new IOException(path + " is no trajectory: it holds " + content.tensors().keySet());
        }
        int length = values.shape().dim(1);
        List<float[]> points = new ArrayList<>();
        for (int i = 0; i < values.shape().dim(0); i++) {
            points.add(Arrays.copyOfRange(values.data(), i * length, (i + 1) * length));
        }
        try {
            return new Trajectory(Arrays.stream(content.metadata().get(STEPS).split(",")).map(Long::valueOf).toList(),
                points);
        } catch (IllegalArgumentException e) {
            throw new IOException(path + " is a damaged trajectory: " + e.getMessage(), e);
        }
    }
}
