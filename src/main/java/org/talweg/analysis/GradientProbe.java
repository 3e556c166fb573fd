package org.talweg.analysis;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.talweg.data.Dataset;
import org.talweg.nn.Model;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.tape.GradientProgram;
import org.talweg.tape.Loss;
import org.talweg.tape.Parameter;
import org.talweg.tape.ProgramMemory;
import org.talweg.tape.Tape;
import org.talweg.tape.Value;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;
import org.talweg.train.DeviceData;
import org.talweg.train.Resources;

/** Measures what {@link GradientHealth} judges, in memory of its own: the model is read and nothing else. */
final class GradientProbe implements AutoCloseable {
    static final int ROWS = 512;
    /** Of the largest derivative. */
    private static final double FLAT = 0.04;
    /** Flat at both ends. */
    private static final Set<Activation.Kind> SQUASHING =
        Set.of(Activation.Kind.SIGMOID, Activation.Kind.TANH, Activation.Kind.HARDSIGMOID);

    private final Resources resources = new Resources();
    private final Device device;
    private final Tape tape;
    private final Tensor parameters;
    private final Tensor gradients;
    private final GradientProgram program;
    private final int rows;

    GradientProbe(Model model, Loss loss, Dataset batch) {
        device = model.device();
        tape = model.tape();
        parameters = model.parameters();
        Dataset data = batch.select(IntStream.range(0, Math.min(batch.rows(), ROWS)).toArray());
        rows = data.rows();
        try {
            DeviceData onDevice = DeviceData.upload(resources, model, loss, data);
            gradients = resources.tensor(device, DType.FLOAT32, parameters.shape(), "probed gradients");
            ProgramMemory memory = resources.add(new ProgramMemory(device, rows), ProgramMemory::close);
            program = new GradientProgram(tape, memory, parameters, model.states(), gradients, Set.of(),
                onDevice.features(), onDevice.targets(), loss, rows);
            loss.prepare(device.ops(), onDevice.targets(), null, rows, memory.of(loss, model.outputShape()));
        } catch (RuntimeException e) {
            resources.close();
            throw e;
        }
    }

    /** Sums over the parts of a layer. */
    private static final class Sums {
        private double weights;
        private double gradients;
        private double updates;
        private double signal;
        private int units;
        private int dead;
        private int values;
        private int flat;
    }

    /** How far one step moves a parameter; NaN if unknown. */
    interface UpdateNorm {
        double of(Parameter parameter, double gradientNorm);
    }

    GradientHealth look(UpdateNorm update) {
        program.run();
        double loss = 0;
        for (double row : Vectors.download(device, program.rowLosses())) {
            loss += row / rows;
        }
        Map<String, Sums> layers = new LinkedHashMap<>();
        double total = 0;
        for (Parameter parameter : tape.parameters()) {
            Sums sums = layers.computeIfAbsent(layerOf(parameter.name()), name -> new Sums());
            double gradient = squares(parameter.in(gradients));
            sums.gradients += gradient;
            total += gradient;
            if (parameter.shape().rank() > 1) {
                sums.weights += squares(parameter.in(parameters));
                sums.updates += Math.pow(update.of(parameter, Math.sqrt(gradient)), 2);
            }
        }
        Sums current = null;
        for (Value value : tape.results()) {
            Sums own = value.name().contains(".") ? layers.get(layerOf(value.name())) : null;
            if (own != null) {
                current = own;
                current.signal = squares(program.gradient(value));
            }
            if (current != null) {
                countUnits(value, current);
            }
        }
        List<GradientHealth.Layer> judged = new ArrayList<>();
        layers.forEach((name, sums) -> judged.add(new GradientHealth.Layer(name, Math.sqrt(sums.weights),
            Math.sqrt(sums.gradients), Math.sqrt(sums.signal),
            sums.weights == 0 ? Double.NaN : Math.sqrt(sums.updates / sums.weights), sums.units, sums.dead,
            sums.values == 0 ? 0 : (double) sums.flat / sums.values)));
        boolean activatedOutput = tape.output().activation().kind() != Activation.Kind.IDENTITY;
        return GradientHealth.judge(judged, loss, Math.sqrt(total), activatedOutput);
    }

    private void countUnits(Value value, Sums sums) {
        Activation.Kind kind = value.activation().kind();
        boolean rectifies = kind == Activation.Kind.RELU || kind == Activation.Kind.RELU6;
        if (!rectifies && !SQUASHING.contains(kind)) {
            return;
        }
        double[] outputs = Vectors.download(device, program.value(value));
        int units = (int) value.shape().elements();
        sums.units += units;
        for (int unit = 0; unit < units; unit++) {
            boolean dead = rectifies;
            for (int row = 0; row < rows; row++) {
                double a = outputs[row * units + unit];
                dead &= a == 0;
                boolean flat = switch (kind) {
                    case SIGMOID, HARDSIGMOID -> 4 * a * (1 - a) < FLAT;
                    case TANH -> 1 - a * a < FLAT;
                    default -> false;
                };
                sums.flat += flat ? 1 : 0;
            }
            sums.dead += dead ? 1 : 0;
            sums.values += rows;
        }
    }

    static String layerOf(String parameter) {
        int dot = parameter.lastIndexOf('.');
        return dot < 0 ? parameter : parameter.substring(0, dot);
    }

    private double squares(Tensor tensor) {
        double[] values = Vectors.download(device, tensor);
        return Vectors.dot(values, values);
    }

    @Override
    public void close() {
        resources.close();
    }
}
