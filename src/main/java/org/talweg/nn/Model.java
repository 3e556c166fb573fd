package org.talweg.nn;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.talweg.data.Safetensors;
import org.talweg.data.Scaler;
import org.talweg.ops.Device;
import org.talweg.tape.ForwardProgram;
import org.talweg.tape.Parameter;
import org.talweg.tape.ProgramMemory;
import org.talweg.tape.Tape;
import org.talweg.tape.Value;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * Layers with parameters on a device. Built by {@link Sequential} or read from a file; its user closes it. All
 * parameters lie in one flat buffer.
 */
public final class Model implements AutoCloseable {
    /** Rows that a prediction takes at a time. */
    private static final int PREDICTION_ROWS = 1024;

    private final Device device;
    private final Sequential description;
    private final Map<String, Value> layerOutputs;
    private final Tape tape;
    private final Tensor flat;
    private final Tensor states;
    private Scaler scaler;
    private Columns columns;
    private Prediction prediction;

    Model(Device device, Sequential description) {
        this.device = device;
        this.description = description;
        this.tape = new Tape(description.inputShape(), description.seed(), description.precision());
        this.layerOutputs = description.record(tape);
        this.flat = device.allocate(DType.FLOAT32, Shape.of(Math.toIntExact(tape.parameterLength())),
            "parameters");
        this.states = tape.stateLength() == 0 ? null : device.allocate(DType.FLOAT32,
            Shape.of(Math.toIntExact(tape.stateLength())), "running statistics");
    }

    void initialize() {
        for (Parameter parameter : tensors()) {
            parameter.initializer().fill(device, parameter(parameter.name()), description.seed(), parameter.index());
        }
    }

    /** Everything that makes the model what it is: parameters, then states. */
    public List<Parameter> tensors() {
        return Stream.concat(tape.parameters().stream(), tape.states().stream()).toList();
    }

    /**
     * Reads what {@link #save} wrote.
     *
     * @throws IOException if the file cannot be read, is damaged, or is no model of ours; says which and why
     */
    public static Model load(Path path, Device device) throws IOException {
        return ModelFile.load(path, device);
    }

    /** Writes layers and parameters as a safetensors file, whole or not at all. */
    public void save(Path path) throws IOException {
        ModelFile.save(this, path);
    }

    /** The same layers with the same values on another device. The caller closes the copy. */
    public Model copyTo(Device other) {
        Model copy = new Model(other, description);
        try {
            tensors().forEach(tensor -> copy.setParameter(tensor.name(), parameterValues(tensor.name())));
            copy.scaler = scaler;
            copy.columns = columns;
            return copy;
        } catch (RuntimeException e) {
            copy.close();
            throw e;
        }
    }

    public Device device() {
        return device;
    }

    /** What brings features to the scale that this model was trained on; empty unless set. */
    public Optional<Scaler> scaler() {
        return Optional.ofNullable(scaler);
    }

    /**
     * From now on {@link #predict} takes features as they are and scales them itself; saved with the model. Training and
     * evaluation take data sets that were scaled before.
     *
     * @param fitted to the training rows, or null
     * @throws IllegalArgumentException if it was fitted to another number of features
     */
    public void setScaler(Scaler fitted) {
        if (fitted != null && fitted.columns() != inputShape().elements()) {
            throw new IllegalArgumentException("a scaler fitted to " + fitted.columns()
                + " features for a model that takes " + inputShape());
        }
        scaler = fitted;
    }

    /** What inputs and outputs are called; empty unless set. */
    public Optional<Columns> columns() {
        return Optional.ofNullable(columns);
    }

    /**
     * Saved with the model, so that it finds its features in other tables and its classes have names.
     *
     * @param named or null
     * @throws IllegalArgumentException if they are not as many as the model takes
     */
    public void setColumns(Columns named) {
        if (named != null && named.features().size() != inputShape().elements()) {
            throw new IllegalArgumentException(named.features().size() + " names of features for a model that takes "
                + inputShape());
        }
        columns = named;
    }

    /**
     * Takes parameters and states from a safetensors file, by name: of a model of ours, or of one that another program
     * wrote under the names of {@link #tensors}.
     *
     * @throws IOException if the file cannot be read, or a tensor is missing, unknown or of another shape; says which. The
     *                     model is as before then.
     */
    public void loadWeights(Path path) throws IOException {
        ModelFile.fill(this, path, Safetensors.read(path).tensors());
    }

    /**
     * Writes the model as ONNX for other runtimes: an input called {@code input} of any number of rows, and an output
     * called {@code output}, which is what {@link #predict} gives, with the {@link #scaler} inside.
     *
     * @throws IllegalArgumentException if a layer has no ONNX form; says which
     */
    public void exportOnnx(Path path) throws IOException {
        OnnxFile.save(this, path);
    }

    /** The layers this model was made from. */
    public Sequential description() {
        return description;
    }

    public Tape tape() {
        return tape;
    }

    /** All parameters as one vector, padding included. */
    public Tensor parameters() {
        return flat;
    }

    /** What training changes beside the parameters, such as running statistics, as one vector; null if there is none. */
    public Tensor states() {
        return states;
    }

    public Shape inputShape() {
        return tape.input().shape();
    }

    /** Shape of one row's prediction. */
    public Shape outputShape() {
        return tape.output().shape();
    }

    /** Number of trainable values. */
    public long parameterCount() {
        return tape.parameters().stream().mapToLong(parameter -> parameter.shape().elements()).sum();
    }

    /** In the order of the flat buffer. */
    public List<String> parameterNames() {
        return tape.parameters().stream().map(Parameter::name).toList();
    }

    /** Such as running statistics, in the order of their flat buffer. */
    public List<String> stateNames() {
        return tape.states().stream().map(Parameter::name).toList();
    }

    /**
     * One parameter, or state, on the device.
     *
     * @throws IllegalArgumentException if there is none of this name; lists those there are
     */
    public Tensor parameter(String name) {
        return find(tape.parameters(), name).map(parameter -> parameter.in(flat))
            .or(() -> find(tape.states(), name).map(state -> state.in(states)))
            .orElseThrow(() -> new IllegalArgumentException("no parameter '" + name + "'; there are "
                + String.join(", ", tensors().stream().map(Parameter::name).toList())));
    }

    private static Optional<Parameter> find(List<Parameter> parameters, String name) {
        return parameters.stream().filter(parameter -> parameter.name().equals(name)).findFirst();
    }

    /** The values of one parameter, or state, row-major. */
    public float[] parameterValues(String name) {
        Tensor tensor = parameter(name);
        float[] values = new float[Math.toIntExact(tensor.elements())];
        device.download(tensor, values);
        return values;
    }

    /**
     * Overwrites one parameter, or state.
     *
     * @throws IllegalArgumentException if the number of values is not the parameter's
     */
    public void setParameter(String name, float... values) {
        Tensor tensor = parameter(name);
        if (values.length != tensor.elements()) {
            throw new IllegalArgumentException(values.length + " values for parameter " + name + " of shape "
                + tensor.shape());
        }
        device.upload(values, tensor);
    }

    /**
     * The model's outputs: logits, unless its last layer has an activation. With a {@link #scaler} the rows are scaled
     * first.
     *
     * @param rows any number of rows of {@link #inputShape}
     * @return one row of {@link #outputShape} each
     */
    public float[][] predict(float[][] rows) {
        int inputs = Math.toIntExact(inputShape().elements());
        int outputs = Math.toIntExact(outputShape().elements());
        float[] flatRows = new float[Math.multiplyExact(rows.length, inputs)];
        for (int i = 0; i < rows.length; i++) {
            if (rows[i].length != inputs) {
                throw new IllegalArgumentException("row " + i + " has " + rows[i].length + " values; the model takes "
                    + inputShape());
            }
            System.arraycopy(rows[i], 0, flatRows, i * inputs, inputs);
        }
        float[] flatResult = predict(flatRows, rows.length);
        float[][] result = new float[rows.length][outputs];
        for (int i = 0; i < rows.length; i++) {
            System.arraycopy(flatResult, i * outputs, result[i], 0, outputs);
        }
        return result;
    }

    /**
     * As {@link #predict(float[][])}, row-major.
     *
     * @param features rows × input values
     */
    public float[] predict(float[] features, int rows) {
        int inputs = Math.toIntExact(inputShape().elements());
        int outputs = Math.toIntExact(outputShape().elements());
        if (features.length != Math.multiplyExact(rows, inputs)) {
            throw new IllegalArgumentException(features.length + " values for " + rows + " rows of " + inputShape());
        }
        float[] scaled = scaler == null ? features : scaler.apply(features);
        float[] result = new float[Math.multiplyExact(rows, outputs)];
        for (int from = 0; from < rows; from += PREDICTION_ROWS) {
            int count = Math.min(PREDICTION_ROWS, rows - from);
            prediction(count).run(scaled, from, result);
        }
        return result;
    }

    /** Memory for predictions is kept for the next one of as many rows. */
    private Prediction prediction(int rows) {
        if (prediction == null || prediction.rows != rows) {
            if (prediction != null) {
                prediction.close();
            }
            prediction = new Prediction(rows);
        }
        return prediction;
    }

    private final class Prediction implements AutoCloseable {
        private final int rows;
        private final ProgramMemory memory;
        private final Tensor features;
        private final ForwardProgram program;

        Prediction(int rows) {
            this.rows = rows;
            memory = new ProgramMemory(device, rows);
            features = device.allocate(DType.FLOAT32, inputShape().batch(rows), "prediction input");
            program = new ForwardProgram(tape, memory, flat, states, features);
        }

        void run(float[] from, int row, float[] to) {
            int inputs = (int) inputShape().elements();
            int outputs = (int) outputShape().elements();
            device.upload(Arrays.copyOfRange(from, row * inputs, (row + rows) * inputs), features);
            program.run();
            float[] output = new float[rows * outputs];
            device.download(program.output(), output);
            System.arraycopy(output, 0, to, row * outputs, output.length);
        }

        @Override
        public void close() {
            memory.close();
            features.buffer().close();
        }
    }

    /** A table of the layers, their outputs and their parameters. */
    public String summary() {
        StringBuilder table = new StringBuilder();
        String line = "%-16s %-12s %-14s %12s%n";
        table.append(String.format(Locale.ROOT, line, "layer", "type", "output", "parameters"));
        table.append(String.format(Locale.ROOT, line, "input", "", inputShape(), ""));
        Map<String, Layer> layers = description.namedLayers();
        layerOutputs.forEach((name, output) -> {
            long count = tape.parameters().stream().filter(parameter -> parameter.name().startsWith(name + "."))
                .mapToLong(parameter -> parameter.shape().elements()).sum();
            table.append(String.format(Locale.ROOT, line, name, layers.get(name).type(), output.shape(),
                String.format(Locale.ROOT, "%,d", count)));
        });
        table.append(String.format(Locale.ROOT, "%,d parameters, %,d bytes on %s%n", parameterCount(),
            flat.elements() * flat.dtype().bytes(), device.name()));
        return table.toString();
    }

    /** Frees the parameters and what predictions needed. */
    @Override
    public void close() {
        if (prediction != null) {
            prediction.close();
            prediction = null;
        }
        if (states != null) {
            states.buffer().close();
        }
        flat.buffer().close();
    }
}
