package org.talweg.analysis;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.talweg.data.Dataset;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.reference.ReferenceDevices;
import org.talweg.tape.GradientProgram;
import org.talweg.tape.Loss;
import org.talweg.tape.Parameter;
import org.talweg.tape.ProgramMemory;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;
import org.talweg.train.DeviceData;
import org.talweg.train.Resources;

/**
 * The mean loss of a model over a data set, as a function of its parameters: one after the other in the model's order,
 * without the padding between them. The model itself is left as it is.
 */
public final class ModelObjective implements Objective, AutoCloseable {
    /** Rows that a pass takes at a time. */
    private static final int ROWS = 1024;

    private final Resources resources = new Resources();
    private final Device device;
    private final List<Parameter> layout;
    private final int dimensions;
    private final double[] start;
    private final Tensor parameters;
    private final Tensor gradients;
    private final List<GradientProgram> programs = new ArrayList<>();
    private final int rows;

    private ModelObjective(Model model, Loss loss, Dataset data) {
        device = model.device();
        layout = model.tape().parameters();
        dimensions = Math.toIntExact(model.parameterCount());
        rows = data.rows();
        try {
            DeviceData onDevice = DeviceData.upload(resources, model, loss, data);
            parameters = resources.tensor(device, DType.FLOAT32, model.parameters().shape(), "point");
            gradients = resources.tensor(device, DType.FLOAT32, model.parameters().shape(), "gradients");
            Tensor states = null;
            if (model.states() != null) {
                states = resources.tensor(device, DType.FLOAT32, model.states().shape(), "running statistics");
                device.ops().data().copy(model.states(), states);
            }
            ProgramMemory memory = resources.add(new ProgramMemory(device, Math.min(rows, ROWS)), ProgramMemory::close);
            loss.prepare(device.ops(), onDevice.targets(), null, rows, memory.of(loss, model.outputShape()));
            for (int from = 0; from < rows; from += ROWS) {
                int to = Math.min(rows, from + ROWS);
                programs.add(new GradientProgram(model.tape(), memory, parameters, states, gradients, Set.of(),
                    onDevice.features().rows(from, to), onDevice.targets().rows(from, to), loss, rows));
            }
            start = compact(Vectors.download(device, model.parameters()));
        } catch (RuntimeException e) {
            resources.close();
            throw e;
        }
    }

    /** On the model's device, in its precision. */
    public static ModelObjective of(Model model, Loss loss, Dataset data) {
        return new ModelObjective(model, loss, data);
    }

    /** In double, in plain loops: exact and slow. */
    public static ModelObjective inDouble(Model model, Loss loss, Dataset data) {
        Device device = ReferenceDevices.float64();
        try (Model copy = model.copyTo(device)) {
            ModelObjective objective = new ModelObjective(copy, loss, data);
            objective.resources.addFirst(device::close);
            return objective;
        } catch (RuntimeException e) {
            device.close();
            throw e;
        }
    }

    /** The model's parameters when this was made. */
    public double[] start() {
        return start.clone();
    }

    @Override
    public int dimensions() {
        return dimensions;
    }

    @Override
    public double value(double[] point) {
        moveTo(point);
        double sum = 0;
        for (GradientProgram program : programs) {
            program.run();
            for (double loss : Vectors.download(device, program.rowLosses())) {
                sum += loss;
            }
        }
        return sum / rows;
    }

    @Override
    public double[] gradient(double[] point) {
        moveTo(point);
        double[] sum = new double[dimensions];
        for (GradientProgram program : programs) {
            program.run();
            double[] part = compact(Vectors.download(device, gradients));
            for (int i = 0; i < dimensions; i++) {
                sum[i] += part[i];
            }
        }
        return sum;
    }

    @Override
    public double precision() {
        return device.name().equals("reference64") ? Math.ulp(1.0) : Math.ulp(1f);
    }

    /** {@code dense_1.weight[3,5]}. */
    @Override
    public String nameOf(int index) {
        int first = 0;
        for (Parameter parameter : layout) {
            int elements = (int) parameter.shape().elements();
            if (index < first + elements) {
                return parameter.name() + position(parameter.shape().toArray(), index - first);
            }
            first += elements;
        }
        throw new IndexOutOfBoundsException("parameter " + index + " of " + dimensions);
    }

    private static String position(int[] dims, int index) {
        int rest = index;
        String text = "]";
        for (int i = dims.length - 1; i >= 0; i--) {
            text = (i == 0 ? "[" : ",") + rest % dims[i] + text;
            rest /= dims[i];
        }
        return dims.length == 0 ? "" : text;
    }

    private void moveTo(double[] point) {
        if (point.length != dimensions) {
            throw new IllegalArgumentException("a point of " + point.length + " values; the model has " + dimensions
                + " parameters");
        }
        double[] flat = new double[Math.toIntExact(parameters.elements())];
        int from = 0;
        for (Parameter parameter : layout) {
            int elements = (int) parameter.shape().elements();
            System.arraycopy(point, from, flat, (int) parameter.offset(), elements);
            from += elements;
        }
        Vectors.upload(device, flat, parameters);
    }

    private double[] compact(double[] flat) {
        double[] values = new double[dimensions];
        int to = 0;
        for (Parameter parameter : layout) {
            int elements = (int) parameter.shape().elements();
            System.arraycopy(flat, (int) parameter.offset(), values, to, elements);
            to += elements;
        }
        return values;
    }

    @Override
    public void close() {
        resources.close();
    }
}
