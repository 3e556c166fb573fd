package org.talweg.tape;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.DoubleSupplier;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.talweg.ops.Activation;
import org.talweg.ops.ClipRule;
import org.talweg.ops.Device;
import org.talweg.ops.Ops;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateRule;
import org.talweg.reference.ReferenceDevices;
import org.talweg.tensor.DType;
import org.talweg.tensor.HostBuffer;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** A training program over random data, its batch in the middle of a shuffled order, with an update of nothing. */
final class TapeFixture implements AutoCloseable {
    static final int ROWS = 9;
    static final int BATCH = 4;
    static final int INPUTS = 3;
    static final Initializer NORMAL = (device, parameter, seed, stream) ->
        device.ops().random().fillNormal(parameter, seed, stream, 0, 0.7f);
    private static final int CURSOR = 3;
    private final List<Tensor> tensors = new ArrayList<>();
    private final Device device;
    private final Loss loss;
    final Tape tape = new Tape(Shape.of(INPUTS), 21);
    final TrainingStep step;
    final ProgramMemory memory;
    final TrainingProgram program;
    /** What the update was given. */
    BatchResult result;
    private final Tensor batchFeatures;
    private final Tensor batchTargets;
    private final Tensor losses;
    private final ForwardProgram forward;

    TapeFixture(Device device, Loss loss, BiFunction<Tape, Value, Value> record) {
        this(device, loss, Set.of(), record);
    }

    /** @param frozen names of parameters */
    TapeFixture(Device device, Loss loss, Set<String> frozen, BiFunction<Tape, Value, Value> record) {
        this.device = device;
        this.loss = loss;
        tape.output(record.apply(tape, tape.input()));
        Shape flat = Shape.of((int) tape.parameterLength());
        Tensor parameters = tensor(DType.FLOAT32, flat);
        tape.parameters().forEach(p -> p.initializer().fill(device, p.in(parameters), 11, p.index()));
        Tensor states = tape.stateLength() == 0 ? null
            : tensor(DType.FLOAT32, Shape.of((int) tape.stateLength()));
        tape.states().forEach(s -> s.initializer().fill(device, s.in(states), 11, s.index()));
        Tensor features = tensor(DType.FLOAT32, Shape.of(ROWS, INPUTS));
        device.ops().random().fillNormal(features, 12, 0, 0, 1);
        Shape targetRow = loss.targetRow(tape.output().shape());
        Tensor targets = targets(targetRow, ROWS);
        Tensor order = tensor(DType.INT32, Shape.of(ROWS));
        device.upload(new int[] {8, 1, 0, 5, 3, 7, 2, 6, 4}, order);
        StepState state = StepState.allocate(device, 2);
        step = new TrainingStep(parameters, states, tensor(DType.FLOAT32, flat), features, targets, order, state,
            loss, new NoUpdate(),
            tape.parameters().stream().filter(p -> frozen.contains(p.name())).collect(Collectors.toSet()));
        rewind();
        memory = new ProgramMemory(device, BATCH);
        program = new TrainingProgram(tape, memory, BATCH, step);
        batchFeatures = tensor(DType.FLOAT32, Shape.of(BATCH, INPUTS));
        batchTargets = tensor(loss.targetType(), targetRow.batch(BATCH));
        device.ops().data().gatherRows(features, step.rows(0), batchFeatures);
        device.ops().data().gatherRows(targets, step.rows(0), batchTargets);
        losses = tensor(DType.FLOAT32, Shape.of(BATCH));
        forward = new ForwardProgram(tape, memory, parameters, states, batchFeatures);
    }

    private Tensor targets(Shape row, int rows) {
        Tensor targets = tensor(loss.targetType(), row.batch(rows));
        if (loss.targetType() == DType.INT32) {
            device.upload(new int[] {0, 2, 1, 2, 0, 1, 1, 0, 2}, targets);
        } else {
            device.ops().random().fillUniform(targets, 13, 0, 0, 1);
        }
        return targets;
    }

    private Tensor tensor(DType dtype, Shape shape) {
        Tensor tensor = device.allocate(dtype, shape, "test");
        tensors.add(tensor);
        return tensor;
    }

    /** Back to the start: the same batch, and as if no step had been. */
    void rewind() {
        int[] counters = new int[StepState.COUNTERS];
        counters[StepState.COUNTER_CURSOR] = CURSOR;
        device.upload(counters, step.state().counters());
    }

    /** @param loss of the batch */
    double centralDifference(int at, DoubleSupplier loss) {
        HostBuffer buffer = (HostBuffer) step.parameters().buffer();
        double value = buffer.get(at);
        double h = 1e-5;
        buffer.set(at, value + h);
        double above = loss.getAsDouble();
        buffer.set(at, value - h);
        double below = loss.getAsDouble();
        buffer.set(at, value);
        return (above - below) / (2 * h);
    }

    float[][] batch() {
        float[] values = new float[BATCH * INPUTS];
        device.download(batchFeatures, values);
        float[][] rows = new float[BATCH][];
        for (int i = 0; i < BATCH; i++) {
            rows[i] = Arrays.copyOfRange(values, i * INPUTS, (i + 1) * INPUTS);
        }
        return rows;
    }

    /** As the training program computes it, with dropout and statistics of the batch. */
    double trainingLoss() {
        rewind();
        program.run();
        return values(step.state().log())[StepState.LOG_LOSS];
    }

    /** As in prediction. */
    double loss() {
        forward.run();
        Tensor own = memory.of(loss, tape.output().shape());
        loss.apply(device.ops(), forward.output(), batchTargets, null, BATCH, own, losses, null, null);
        double sum = 0;
        for (double value : values(losses)) {
            sum += value;
        }
        return sum / BATCH;
    }

    @Override
    public void close() {
        program.close();
        memory.close();
        step.state().close();
        tensors.forEach(tensor -> tensor.buffer().close());
    }

    static Value dense(Tape tape, String name, int units, Activation activation, Value x) {
        return tape.dense(x, tape.parameter(name + ".weight", Shape.of(units, x.shape().dim(0)), NORMAL),
            tape.parameter(name + ".bias", Shape.of(units), NORMAL), activation);
    }

    static void checkGradients(Loss loss, BiFunction<Tape, Value, Value> forward) {
        checkGradients(loss, TapeFixture::loss, forward);
    }

    /** Of every parameter, against central differences of {@code lossOf} in double; and the norm and the loss in the log. */
    static void checkGradients(Loss loss, ToDoubleFunction<TapeFixture> lossOf,
                               BiFunction<Tape, Value, Value> forward) {
        Device device = ReferenceDevices.float64();
        try (TapeFixture fixture = new TapeFixture(device, loss, forward)) {
            fixture.program.run();
            double[] gradients = values(fixture.step.gradients());
            double[] log = values(fixture.step.state().log());
            double norm = 0;
            for (Parameter parameter : fixture.tape.parameters()) {
                for (int i = 0; i < parameter.shape().elements(); i++) {
                    int at = (int) parameter.offset() + i;
                    double expected = fixture.centralDifference(at, () -> lossOf.applyAsDouble(fixture));
                    assertEquals(expected, gradients[at], 1e-8 * Math.max(1, Math.abs(expected)),
                        parameter.name() + "[" + i + "]");
                    norm += gradients[at] * gradients[at];
                }
            }
            assertEquals(lossOf.applyAsDouble(fixture), log[StepState.LOG_LOSS], 1e-12);
            assertEquals(Math.sqrt(norm), log[StepState.LOG_GRADIENT_NORM], 1e-12 * Math.sqrt(norm));
            // A replay on the same batch overwrites everything with the same values.
            fixture.rewind();
            fixture.program.run();
            assertArrayEquals(gradients, values(fixture.step.gradients()));
        }
        assertEquals(List.of(), device.liveAllocations());
        device.close();
    }

    static double[] values(Tensor tensor) {
        double[] values = new double[(int) tensor.elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = ((HostBuffer) tensor.buffer()).get(tensor.offset() + i);
        }
        return values;
    }

    /** Leaves the parameters alone, but is a call like any update. */
    private final class NoUpdate implements Update {
        @Override
        public void apply(Ops ops, Tensor parameters, Tensor gradients, BatchResult batch, StepState state) {
            result = batch;
            ops.update().prepareStep(state, new UpdateRule.Sgd(false, 0, false, false, 0), ClipRule.NONE,
                batch.rowLosses(), batch.rowHits(), batch.squarePartials());
            ops.data().copy(parameters, parameters);
        }
    }
}
