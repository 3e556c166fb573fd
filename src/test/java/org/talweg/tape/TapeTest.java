package org.talweg.tape;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.tape.TapeFixture.BATCH;
import static org.talweg.tape.TapeFixture.INPUTS;
import static org.talweg.tape.TapeFixture.NORMAL;
import static org.talweg.tape.TapeFixture.checkGradients;
import static org.talweg.tape.TapeFixture.dense;
import static org.talweg.tape.TapeFixture.values;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.nn.ClassLoss;
import org.talweg.nn.Losses;
import org.talweg.nn.Reduction;
import org.talweg.ops.Activation;
import org.talweg.ops.ActivationOps;
import org.talweg.ops.DataOps;
import org.talweg.ops.DenseOps;
import org.talweg.ops.Device;
import org.talweg.ops.HostDevice;
import org.talweg.ops.FusedMlpOps;
import org.talweg.ops.LossOps;
import org.talweg.ops.NormalisationOps;
import org.talweg.ops.Ops;
import org.talweg.ops.RandomOps;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateOps;
import org.talweg.reference.ReferenceDevices;
import org.talweg.reference.ReferenceOps;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;

/** The tape's gradients against central differences in double, and the calls of a step. */
class TapeTest {
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

    /** 2L + 3: L forward, the loss, L backward with the first one for its weights alone, preparation, update. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5})
    void aStepOfDenseLayersTakesTwoCallsALayerAndThree(int layers) {
        List<String> calls = new ArrayList<>();
        Device device = new HostDevice("counting", "", counting(calls), DType.FLOAT32);
        try (TapeFixture fixture = new TapeFixture(device, Losses.softmaxCrossEntropy(), (tape, x) -> {
            Value value = x;
            for (int i = 1; i < layers; i++) {
                value = dense(tape, "hidden" + i, 6, Activation.RELU, value);
            }
            return dense(tape, "last", 3, Activation.IDENTITY, value);
        })) {
            calls.clear();
            fixture.program.run();
            assertEquals(2 * layers + 3, calls.size(), calls.toString());
        }
    }

    /** A frozen layer costs no product for its weights, nor, below all that is trained, one for its input. */
    @ParameterizedTest
    @CsvSource({"'', 9", "1, 8", "1/2, 7", "2, 9", "3, 9", "1/3, 8", "2/3, 9"})
    void frozenLayersTakeFewerCalls(String layers, int expected) {
        List<String> calls = new ArrayList<>();
        Device device = new HostDevice("counting", "", counting(calls), DType.FLOAT32);
        Set<String> frozen = Arrays.stream(layers.split("/")).flatMap(n -> Stream.of(n + ".weight", n + ".bias"))
            .collect(Collectors.toSet());
        try (TapeFixture fixture = new TapeFixture(device, Losses.softmaxCrossEntropy(), frozen, TapeTest::ofThree)) {
            calls.clear();
            fixture.program.run();
            assertEquals(expected, calls.size(), calls.toString());
        }
    }

    private static Value ofThree(Tape tape, Value x) {
        Value hidden = dense(tape, "2", 5, Activation.TANH, dense(tape, "1", 6, Activation.RELU, x));
        return dense(tape, "3", 3, Activation.IDENTITY, hidden);
    }

    /** What is trained has the gradients it has with nothing frozen; what is frozen has none, and no part in the norm. */
    @ParameterizedTest
    @ValueSource(strings = {"1.weight 1.bias", "2.weight 2.bias", "3.weight 3.bias", "1.weight 1.bias 2.weight 2.bias",
        "1.bias", "2.bias 3.bias", "norm.weight norm.bias", "norm.weight", "1.weight 1.bias norm.bias",
        "batch.weight batch.bias", "batch.bias", "1.weight 1.bias norm.weight norm.bias batch.weight batch.bias"})
    void frozenParametersHaveNoGradient(String names) {
        Set<String> frozen = Set.of(names.split(" "));
        BiFunction<Tape, Value, Value> net = (tape, x) -> {
            Value h = tape.layerNorm(dense(tape, "1", 6, Activation.RELU, x), vector(tape, "norm.weight"),
                vector(tape, "norm.bias"), 1e-5f);
            Value n = tape.batchNorm(h, vector(tape, "batch.weight"), vector(tape, "batch.bias"),
                tape.state("batch.mean", Shape.of(6), NORMAL), tape.state("batch.variance", Shape.of(6), NORMAL), 1e-5f, 0.1f,
                false);
            return dense(tape, "3", 3, Activation.IDENTITY, tape.add(n, dense(tape, "2", 6, Activation.TANH, n)));
        };
        Device device = ReferenceDevices.float64();
        double[] expected;
        try (TapeFixture all = new TapeFixture(device, Losses.softmaxCrossEntropy(), net)) {
            all.program.run();
            expected = values(all.step.gradients());
        }
        try (TapeFixture some = new TapeFixture(device, Losses.softmaxCrossEntropy(), frozen, net)) {
            some.program.run();
            double[] actual = values(some.step.gradients());
            double squares = 0;
            for (Parameter parameter : some.tape.parameters()) {
                for (int i = 0; i < parameter.shape().elements(); i++) {
                    int at = (int) parameter.offset() + i;
                    double wanted = frozen.contains(parameter.name()) ? 0 : expected[at];
                    assertEquals(wanted, actual[at], parameter.name() + "[" + i + "]");
                    squares += wanted * wanted;
                }
            }
            double norm = Math.sqrt(squares);
            assertEquals(norm, values(some.step.state().log())[StepState.LOG_GRADIENT_NORM], 1e-12 * norm);
        }
        device.close();
    }

    private static Parameter vector(Tape tape, String name) {
        return tape.parameter(name, Shape.of(6), NORMAL);
    }

    /** The product of a bias's gradient is that of the frozen weights too: their squares are in the sums, which is said. */
    @Test
    void aBiasIsTrainedWhereItsWeightsAreFrozen() {
        Device device = ReferenceDevices.float64();
        try (TapeFixture all = new TapeFixture(device, Losses.softmaxCrossEntropy(), TapeTest::ofThree);
             TapeFixture some = new TapeFixture(device, Losses.softmaxCrossEntropy(), Set.of("2.weight"), TapeTest::ofThree)) {
            all.program.run();
            some.program.run();
            Parameter frozen = some.tape.parameters().get(2);
            double[] expected = values(all.step.gradients());
            Arrays.fill(expected, (int) frozen.offset(), (int) (frozen.offset() + frozen.shape().elements()), 0);
            assertArrayEquals(expected, values(some.step.gradients()));
            assertFalse(some.result.trainedOnly());
            assertTrue(all.result.trainedOnly());
        }
        device.close();
    }

    @Test
    void everythingFrozenIsRefused() {
        Device device = ReferenceDevices.float64();
        assertMessage("there is nothing to train: a.weight [2] depends on no parameter that is not frozen",
            () -> new TapeFixture(device, Losses.squaredError(), Set.of("a.weight", "a.bias"),
                (tape, x) -> dense(tape, "a", 2, Activation.TANH, x)));
    }

    /** Its divisor depends on the labels of the batch, and is found by an operation of its own. */
    @ParameterizedTest
    @EnumSource(Reduction.class)
    void gradientsOfAWeightedMean(Reduction reduction) {
        checkGradients(weighted().labelSmoothing(0.1f).reduction(reduction), (tape, x) ->
            dense(tape, "b", 3, Activation.IDENTITY, dense(tape, "a", 5, Activation.TANH, x)));
        checkGradients(Losses.binaryCrossEntropyWithLogits(2, 0.5f).weights(3, 1).reduction(reduction), (tape, x) ->
            dense(tape, "b", 2, Activation.IDENTITY, dense(tape, "a", 5, Activation.TANH, x)));
    }

    private static ClassLoss weighted() {
        return Losses.softmaxCrossEntropy().classWeights(1, 2, 0.5f).ignoreIndex(1);
    }

    /** The gradients of a batch of 4 in micro-batches of 1, 2, or 3 and 1 are those of the whole. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 9})
    void microBatchesAddUp(int rows) {
        microBatchesAddUp(rows, Losses.softmaxCrossEntropy());
        microBatchesAddUp(rows, weighted());
    }

    private static void microBatchesAddUp(int rows, Loss loss) {
        Device device = ReferenceDevices.float64();
        try (TapeFixture fixture = new TapeFixture(device, loss, (tape, x) -> dense(tape, "b", 3,
            Activation.IDENTITY, dense(tape, "a", 7, Activation.GELU, tape.activation(x, Activation.TANH))))) {
            fixture.program.run();
            double[] gradients = values(fixture.step.gradients());
            double[] log = values(fixture.step.state().log());
            fixture.rewind();
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
            counting(RandomOps.class, ops.random(), calls), FusedMlpOps.NONE);
    }

    private static <T> T counting(Class<T> family, T operations, List<String> calls) {
        return family.cast(Proxy.newProxyInstance(family.getClassLoader(), new Class<?>[] {family},
            (proxy, method, arguments) -> {
                if (method.getReturnType() == family) {
                    return proxy;  // DenseOps.at
                }
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
        Tape tape = new Tape(Shape.of(INPUTS), 0);
        tape.output(dense(tape, "b", 2, Activation.IDENTITY, dense(tape, "a", 5, Activation.RELU, tape.input())));
        assertEquals(List.of(0L, 16L, 24L, 36L), tape.parameters().stream().map(Parameter::offset).toList());
        assertEquals(40, tape.parameterLength());
    }

    @Test
    void whatCannotBeRecordedIsSaid() {
        Tape tape = new Tape(Shape.of(INPUTS), 0);
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
}
