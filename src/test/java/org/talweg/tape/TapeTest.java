package org.talweg.tape;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.nn.Losses;
import org.talweg.ops.Activation;
import org.talweg.ops.ActivationOps;
import org.talweg.ops.ClipRule;
import org.talweg.ops.DataOps;
import org.talweg.ops.DenseOps;
import org.talweg.ops.Device;
import org.talweg.ops.HostDevice;
import org.talweg.ops.LossOps;
import org.talweg.ops.NormalisationOps;
import org.talweg.ops.Ops;
import org.talweg.ops.RandomOps;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateOps;
import org.talweg.ops.UpdateRule;
import org.talweg.reference.ReferenceDevices;
import org.talweg.reference.ReferenceOps;
import org.talweg.tensor.DType;
import org.talweg.tensor.HostBuffer;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** The tape's gradients against central differences in double, and the calls of a step. */
class TapeTest {
    private static final int ROWS = 9;
    private static final int BATCH = 4;
    private static final int INPUTS = 3;
    private static final Initializer NORMAL = (ops, parameter, seed, stream) ->
        ops.random().fillNormal(parameter, seed, stream, 0, 0.7f);

    @ParameterizedTest
    @MethodSource("org.talweg.ops.Activation#all")
    void gradientsOfAMultilayerPerceptron(Activation activation) {
        checkGradients(Losses.softmaxCrossEntropy(), (tape, x) -> dense(tape, "c", 3, Activation.IDENTITY,
            dense(tape, "b", 5, activation, dense(tape, "a", 7, activation, x))));
    }

    /** The loss cannot fold the derivative of the last activation in. */
    @ParameterizedTest
    @MethodSource("org.talweg.ops.Activation#all")
    void gradientsOfALossOnAnActivatedOutput(Activation activation) {
        checkGradients(Losses.squaredError(), (tape, x) -> dense(tape, "b", 2, activation,
            dense(tape, "a", 5, Activation.TANH, x)));
    }

    /** Both consumers of the hidden layer are dense or sums: each folds its derivative in. */
    @ParameterizedTest
    @MethodSource("org.talweg.ops.Activation#all")
    void gradientsOfAResidualConnection(Activation activation) {
        checkGradients(Losses.binaryCrossEntropyWithLogits(), (tape, x) -> {
            Value h = dense(tape, "a", 4, activation, x);
            Value residual = tape.add(h, dense(tape, "b", 4, activation, h));
            return dense(tape, "c", 1, Activation.IDENTITY, residual);
        });
    }

    /** One consumer of the hidden layer, the activation, cannot fold, so neither may the other. */
    @ParameterizedTest
    @MethodSource("org.talweg.ops.Activation#all")
    void gradientsOfAValueWithAConsumerThatCannotFold(Activation activation) {
        checkGradients(Losses.squaredError(), (tape, x) -> {
            Value h = dense(tape, "a", 4, activation, x);
            return tape.add(tape.activation(h, activation), dense(tape, "b", 4, Activation.TANH, h));
        });
    }

    /** An activation cannot read the data set through rows: the batch is gathered first. */
    @Test
    void gradientsWhereTheFirstOperationIsNoDenseLayer() {
        checkGradients(Losses.softmaxCrossEntropy(), (tape, x) -> {
            Value squashed = tape.activation(x, Activation.SIGMOID);
            return tape.activation(dense(tape, "a", 3, Activation.IDENTITY, tape.add(squashed, x)), Activation.GELU);
        });
    }

    @Test
    void gradientsOfASumWithItself() {
        checkGradients(Losses.squaredError(), (tape, x) -> {
            Value h = dense(tape, "a", 2, Activation.TANH, x);
            return tape.add(h, h);
        });
    }

    @Test
    void gradientsWithoutBias() {
        checkGradients(Losses.squaredError(), (tape, x) ->
            tape.dense(x, tape.parameter("a.weight", Shape.of(2, INPUTS), NORMAL), null, Activation.TANH));
    }

    /** 3L + 2: L forward, the loss, L − 1 input gradients, L weight gradients, preparation, update. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5})
    void aStepOfDenseLayersTakesThreeCallsALayerAndTwo(int layers) {
        List<String> calls = new ArrayList<>();
        Device device = new HostDevice("counting", "", counting(calls), DType.FLOAT32);
        try (Fixture fixture = new Fixture(device, Losses.softmaxCrossEntropy(), (tape, x) -> {
            Value value = x;
            for (int i = 1; i < layers; i++) {
                value = dense(tape, "hidden" + i, 6, Activation.RELU, value);
            }
            return dense(tape, "last", 3, Activation.IDENTITY, value);
        })) {
            calls.clear();
            fixture.program.run();
            assertEquals(3 * layers + 2, calls.size(), calls.toString());
        }
    }

    /** The gradients of a batch of 4 in micro-batches of 1, 2, or 3 and 1 are those of the whole. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 9})
    void microBatchesAddUp(int rows) {
        Device device = ReferenceDevices.float64();
        try (Fixture fixture = new Fixture(device, Losses.softmaxCrossEntropy(), (tape, x) -> dense(tape, "b", 3,
            Activation.IDENTITY, dense(tape, "a", 7, Activation.GELU, tape.activation(x, Activation.TANH))))) {
            fixture.program.run();
            double[] gradients = values(fixture.step.gradients());
            double[] log = values(fixture.step.state().log());
            fixture.setCursor();
            device.upload(new int[] {0}, fixture.step.state().iteration());
            try (ProgramMemory memory = new ProgramMemory(device, Math.min(rows, BATCH));
                 TrainingProgram program = new TrainingProgram(fixture.tape, memory, BATCH, rows, fixture.step)) {
                program.run();
            }
            assertArrayEquals(gradients, values(fixture.step.gradients()), 1e-14);
            assertArrayEquals(log, values(fixture.step.state().log()), 1e-14);
        }
        device.close();
    }

    /** Every operation that changes something; the questions about sizes are asked while planning. */
    private static Ops counting(List<String> calls) {
        Ops ops = ReferenceOps.create();
        return new Ops(counting(DenseOps.class, ops.dense(), calls),
            counting(ActivationOps.class, ops.activation(), calls),
            counting(NormalisationOps.class, ops.normalisation(), calls), counting(LossOps.class, ops.loss(), calls),
            counting(UpdateOps.class, ops.update(), calls), counting(DataOps.class, ops.data(), calls),
            counting(RandomOps.class, ops.random(), calls));
    }

    private static <T> T counting(Class<T> family, T operations, List<String> calls) {
        return family.cast(Proxy.newProxyInstance(family.getClassLoader(), new Class<?>[] {family},
            (proxy, method, arguments) -> {
                if (method.getReturnType() == void.class) {
                    calls.add(family.getSimpleName() + "." + method.getName());
                }
                try {
                    return method.invoke(operations, arguments);
                } catch (InvocationTargetException e) {
                    throw e.getCause();
                }
            }));
    }

    @Test
    void parametersLieAtMultiplesOfFour() {
        Tape tape = new Tape(Shape.of(INPUTS));
        tape.output(dense(tape, "b", 2, Activation.IDENTITY, dense(tape, "a", 5, Activation.RELU, tape.input())));
        assertEquals(List.of(0L, 16L, 24L, 36L), tape.parameters().stream().map(Parameter::offset).toList());
        assertEquals(40, tape.parameterLength());
    }

    @Test
    void whatCannotBeRecordedIsSaid() {
        Tape tape = new Tape(Shape.of(INPUTS));
        Parameter weights = tape.parameter("w", Shape.of(2, INPUTS), NORMAL);
        assertMessage("two parameters are called w", () -> tape.parameter("w", Shape.of(1), NORMAL));
        Parameter wrong = tape.parameter("v", Shape.of(2, 4), NORMAL);
        assertMessage("v has shape [2×4], expected [outputs×3]",
            () -> tape.dense(tape.input(), wrong, null, Activation.RELU));
        assertMessage("w has shape [2×3], expected [2]",
            () -> tape.dense(tape.input(), weights, weights, Activation.RELU));
        Value used = tape.dense(tape.input(), weights, null, Activation.RELU);
        assertMessage("w is used twice", () -> tape.dense(tape.input(), weights, null, Activation.RELU));
        assertMessage("cannot add", () -> tape.add(used, tape.input()));
        assertMessage("the output is the input", () -> tape.output(tape.input()));
        Value last = tape.activation(used, Activation.TANH);
        tape.activation(used, Activation.RELU);
        assertMessage("relu [2] is used by nothing", () -> tape.output(last));
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }

    private static Value dense(Tape tape, String name, int units, Activation activation, Value x) {
        return tape.dense(x, tape.parameter(name + ".weight", Shape.of(units, x.shape().dim(0)), NORMAL),
            tape.parameter(name + ".bias", Shape.of(units), NORMAL), activation);
    }

    private static void checkGradients(Loss loss, BiFunction<Tape, Value, Value> forward) {
        Device device = ReferenceDevices.float64();
        try (Fixture fixture = new Fixture(device, loss, forward)) {
            fixture.program.run();
            double[] gradients = values(fixture.step.gradients());
            double norm = 0;
            for (Parameter parameter : fixture.tape.parameters()) {
                for (int i = 0; i < parameter.shape().elements(); i++) {
                    int at = (int) parameter.offset() + i;
                    double expected = fixture.centralDifference(at);
                    assertEquals(expected, gradients[at], 1e-8 * Math.max(1, Math.abs(expected)),
                        parameter.name() + "[" + i + "]");
                    norm += gradients[at] * gradients[at];
                }
            }
            double[] log = values(fixture.step.state().log());
            assertEquals(fixture.loss(), log[StepState.LOG_LOSS], 1e-12);
            assertEquals(Math.sqrt(norm), log[StepState.LOG_GRADIENT_NORM], 1e-12 * Math.sqrt(norm));
            // A replay on the same batch overwrites everything with the same values.
            fixture.setCursor();
            fixture.program.run();
            assertArrayEquals(gradients, values(fixture.step.gradients()));
        }
        assertEquals(List.of(), device.liveAllocations());
        device.close();
    }

    private static double[] values(Tensor tensor) {
        double[] values = new double[(int) tensor.elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = ((HostBuffer) tensor.buffer()).get(tensor.offset() + i);
        }
        return values;
    }

    /** A training program over random data, its batch in the middle of a shuffled order, with an update of nothing. */
    private static final class Fixture implements AutoCloseable {
        private static final int CURSOR = 3;
        private final List<Tensor> tensors = new ArrayList<>();
        private final Device device;
        private final Loss loss;
        private final Tape tape = new Tape(Shape.of(INPUTS));
        private final TrainingStep step;
        private final ProgramMemory memory;
        private final TrainingProgram program;
        private final Tensor batchFeatures;
        private final Tensor batchTargets;
        private final Tensor losses;
        private final ForwardProgram forward;

        Fixture(Device device, Loss loss, BiFunction<Tape, Value, Value> record) {
            this.device = device;
            this.loss = loss;
            tape.output(record.apply(tape, tape.input()));
            Shape flat = Shape.of((int) tape.parameterLength());
            Tensor parameters = tensor(DType.FLOAT32, flat);
            tape.parameters().forEach(p -> p.initializer().fill(device.ops(), p.in(parameters), 11, p.index()));
            Tensor features = tensor(DType.FLOAT32, Shape.of(ROWS, INPUTS));
            device.ops().random().fillNormal(features, 12, 0, 0, 1);
            Shape targetRow = loss.targetRow(tape.output().shape());
            Tensor targets = targets(targetRow, ROWS);
            Tensor order = tensor(DType.INT32, Shape.of(ROWS));
            device.upload(new int[] {8, 1, 0, 5, 3, 7, 2, 6, 4}, order);
            StepState state = StepState.allocate(device, 2);
            step = new TrainingStep(parameters, tensor(DType.FLOAT32, flat), features, targets, order, state, loss,
                new NoUpdate());
            setCursor();
            memory = new ProgramMemory(device, BATCH);
            program = new TrainingProgram(tape, memory, BATCH, step);
            batchFeatures = tensor(DType.FLOAT32, Shape.of(BATCH, INPUTS));
            batchTargets = tensor(loss.targetType(), targetRow.batch(BATCH));
            device.ops().data().gatherRows(features, step.rows(0), batchFeatures);
            device.ops().data().gatherRows(targets, step.rows(0), batchTargets);
            losses = tensor(DType.FLOAT32, Shape.of(BATCH));
            forward = new ForwardProgram(tape, memory, parameters, batchFeatures);
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

        void setCursor() {
            device.upload(new int[] {CURSOR}, step.state().cursor());
        }

        double centralDifference(int at) {
            HostBuffer buffer = (HostBuffer) step.parameters().buffer();
            double value = buffer.get(at);
            double h = 1e-5;
            buffer.set(at, value + h);
            double above = loss();
            buffer.set(at, value - h);
            double below = loss();
            buffer.set(at, value);
            return (above - below) / (2 * h);
        }

        double loss() {
            forward.run();
            loss.apply(device.ops(), forward.output(), batchTargets, null, 1, losses, null, null);
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
    }

    /** Leaves the parameters alone, but is a call like any update. */
    private record NoUpdate() implements Update {
        @Override
        public void apply(Ops ops, Tensor parameters, Tensor gradients, BatchResult batch, StepState state) {
            ops.update().prepareStep(state, new UpdateRule.Sgd(false, 0, false, false, 0), ClipRule.NONE,
                batch.rowLosses(), batch.rowHits(), batch.squarePartials());
            ops.data().copy(parameters, parameters);
        }
    }
}
