package org.talweg.tape;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.tape.TapeFixture.BATCH;
import static org.talweg.tape.TapeFixture.INPUTS;
import static org.talweg.tape.TapeFixture.NORMAL;
import static org.talweg.tape.TapeFixture.checkGradients;
import static org.talweg.tape.TapeFixture.dense;
import static org.talweg.tape.TapeFixture.values;

import java.util.Arrays;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.nn.Losses;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.StepState;
import org.talweg.reference.ReferenceDevices;
import org.talweg.tensor.Shape;

/** Gradients of normalisation, softmax and dropout on a tape against central differences in double. */
class LayerGradientTest {
    private static final float EPSILON = 1e-3f;

    private static Parameter columns(Tape tape, String name, Value x) {
        return tape.parameter(name, Shape.of(x.shape().dim(-1)), NORMAL);
    }

    private static Value batchNorm(Tape tape, Value x, boolean affine, boolean frozen) {
        Shape shape = x.shape();
        return tape.batchNorm(x, affine ? columns(tape, "bn.weight", x) : null,
            affine ? columns(tape, "bn.bias", x) : null,
            tape.state("bn.mean", shape, (device, s, seed, stream) -> device.ops().random().fillUniform(s, 3, 4, -1, 1)),
            tape.state("bn.variance", shape, (device, s, seed, stream) ->
                device.ops().random().fillUniform(s, 5, 6, 0.5f, 2)), EPSILON, 0.1f, frozen);
    }

    @ParameterizedTest
    @CsvSource({"true, true", "true, false", "false, true", "false, false"})
    void layerAndRmsNorm(boolean centred, boolean affine) {
        checkGradients(Losses.softmaxCrossEntropy(), (tape, x) -> {
            Value h = dense(tape, "a", 5, Activation.TANH, x);
            Parameter weight = affine ? columns(tape, "n.weight", h) : null;
            Value n = centred ? tape.layerNorm(h, weight, affine ? columns(tape, "n.bias", h) : null, EPSILON)
                : tape.rmsNorm(h, weight, EPSILON);
            return dense(tape, "b", 3, Activation.IDENTITY, tape.add(n, h));
        });
    }

    /** Before any other layer the data is gathered, and its own gradient is not wanted. */
    @Test
    void layerNormOfTheInput() {
        checkGradients(Losses.softmaxCrossEntropy(), (tape, x) -> dense(tape, "a", 3, Activation.IDENTITY,
            tape.layerNorm(x, columns(tape, "n.weight", x), columns(tape, "n.bias", x), EPSILON)));
    }

    /** As the last layer, its gradient lies over its output. */
    @Test
    void layerNormAtTheEnd() {
        checkGradients(Losses.squaredError(), (tape, x) -> {
            Value h = dense(tape, "a", 4, Activation.GELU, x);
            return tape.layerNorm(h, columns(tape, "n.weight", h), columns(tape, "n.bias", h), EPSILON);
        });
    }

    /** With statistics of the batch every row's loss depends on every other's. */
    @ParameterizedTest
    @CsvSource({"true, false", "false, false", "true, true", "false, true"})
    void batchNormInTraining(boolean affine, boolean frozen) {
        checkGradients(Losses.softmaxCrossEntropy(), TapeFixture::trainingLoss, (tape, x) -> {
            Value h = dense(tape, "a", 5, Activation.IDENTITY, x);
            Value n = tape.activation(batchNorm(tape, h, affine, frozen), Activation.SILU);
            return dense(tape, "b", 3, Activation.IDENTITY, tape.add(n, h));
        });
    }

    /** Prediction and training agree where the statistics are the running ones. */
    @Test
    void frozenBatchNormIsThatOfPrediction() {
        checkGradients(Losses.softmaxCrossEntropy(), (tape, x) -> dense(tape, "a", 3, Activation.IDENTITY,
            batchNorm(tape, x, true, true)));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void softmax(boolean log) {
        checkGradients(Losses.squaredError(), (tape, x) -> {
            Value h = dense(tape, "a", 4, Activation.SOFTPLUS, x);
            return dense(tape, "b", 2, Activation.IDENTITY, tape.add(tape.softmax(h, log), h));
        });
        checkGradients(Losses.squaredError(), (tape, x) -> tape.softmax(dense(tape, "a", 4, Activation.IDENTITY, x),
            log));
    }

    @ParameterizedTest
    @ValueSource(floats = {0, 0.3f, 1})
    void dropoutWithTheMaskOfTheStep(float rate) {
        checkGradients(Losses.softmaxCrossEntropy(), TapeFixture::trainingLoss, (tape, x) -> {
            Value h = dense(tape, "a", 9, Activation.TANH, tape.dropout(x, 0.2f));
            return dense(tape, "b", 3, Activation.IDENTITY, tape.add(tape.dropout(h, rate), tape.dropout(h, 0.5f)));
        });
    }

    /** All of them in micro-batches: those that treat rows one by one give the gradient of the whole batch. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void microBatchesAddUp(int rows) {
        BiFunction<Tape, Value, Value> record = (tape, x) -> {
            Value h = tape.dropout(dense(tape, "a", 5, Activation.TANH, x), 0.4f);
            Value n = tape.layerNorm(h, columns(tape, "n.weight", h), columns(tape, "n.bias", h), EPSILON);
            Value r = tape.rmsNorm(n, columns(tape, "r.weight", n), EPSILON);
            return dense(tape, "b", 3, Activation.IDENTITY, batchNorm(tape, r, true, true));
        };
        Device device = ReferenceDevices.float64();
        try (TapeFixture fixture = new TapeFixture(device, Losses.softmaxCrossEntropy(), record)) {
            fixture.program.run();
            double[] gradients = values(fixture.step.gradients());
            double[] log = values(fixture.step.state().log());
            fixture.rewind();
            try (ProgramMemory memory = new ProgramMemory(device, rows);
                 TrainingProgram program = new TrainingProgram(fixture.tape, memory, BATCH, rows, fixture.step)) {
                program.run();
            }
            assertArrayEquals(gradients, values(fixture.step.gradients()), 1e-13);
            assertArrayEquals(log, values(fixture.step.state().log()), 1e-13);
        }
        device.close();
    }

    @Test
    void runningStatisticsMoveOnceAStepUnlessItIsSkipped() {
        Device device = ReferenceDevices.float64();
        try (TapeFixture fixture = new TapeFixture(device, Losses.softmaxCrossEntropy(), (tape, x) ->
            dense(tape, "a", 3, Activation.IDENTITY, batchNorm(tape, x, true, false)))) {
            double[] before = values(fixture.step.states());
            double[] mean = new double[INPUTS];
            double[] squares = new double[INPUTS];
            float[][] batch = fixture.batch();
            for (float[] row : batch) {
                for (int j = 0; j < INPUTS; j++) {
                    mean[j] += row[j] / (double) BATCH;
                }
            }
            for (float[] row : batch) {
                for (int j = 0; j < INPUTS; j++) {
                    squares[j] += (row[j] - mean[j]) * (row[j] - mean[j]);
                }
            }
            fixture.program.run();
            double[] after = values(fixture.step.states());
            int variance = (int) fixture.tape.states().get(1).offset();
            for (int j = 0; j < INPUTS; j++) {
                assertEquals(0.9 * before[j] + 0.1 * mean[j], after[j], 1e-6);
                assertEquals(0.9 * before[variance + j] + 0.1 * squares[j] / (BATCH - 1), after[variance + j], 1e-6);
            }
            fixture.rewind();
            fixture.program.run();
            assertNotEquals(after[0], values(fixture.step.states())[0]);
            double[] twice = values(fixture.step.states());
            float[] spoiled = new float[(int) fixture.step.parameters().elements()];
            Arrays.fill(spoiled, Float.NaN);
            device.upload(spoiled, fixture.step.parameters());
            fixture.rewind();
            fixture.program.run();
            assertArrayEquals(twice, values(fixture.step.states()));
            int[] counters = new int[StepState.COUNTERS];
            device.download(fixture.step.state().counters(), counters);
            assertEquals(1, counters[StepState.COUNTER_SKIPPED]);
        }
        device.close();
    }

    @Test
    void whatCannotBeRecordedIsSaid() {
        Tape tape = new Tape(Shape.of(INPUTS), 0);
        Parameter wrong = tape.parameter("w", Shape.of(2), NORMAL);
        assertMessage("w has shape [2], expected [3]", () -> tape.layerNorm(tape.input(), wrong, null, 0));
        assertMessage("a dropout rate of 1.5", () -> tape.dropout(tape.input(), 1.5f));
        tape.state("m", Shape.of(3), NORMAL);
        assertMessage("two parameters are called m", () -> tape.parameter("m", Shape.of(3), NORMAL));
        Tape images = new Tape(Shape.of(8, 8), 0);
        Parameter m = images.state("m", Shape.of(8), NORMAL);
        assertMessage("batch normalisation takes rows of rank 1, not [8×8]",
            () -> images.batchNorm(images.input(), null, null, m, m, 0, 0, false));
    }

    /** A last batch of one row has no variance; that is said before training starts. */
    @Test
    void batchNormRefusesABatchOfOneRow() {
        Device device = ReferenceDevices.float64();
        try (TapeFixture fixture = new TapeFixture(device, Losses.softmaxCrossEntropy(), (tape, x) ->
            dense(tape, "a", 3, Activation.IDENTITY, batchNorm(tape, x, true, false)));
             ProgramMemory memory = new ProgramMemory(device, 1)) {
            assertMessage("bn.weight: batch normalisation cannot train on a batch of 1 row",
                () -> new TrainingProgram(fixture.tape, memory, 1, fixture.step));
        }
        device.close();
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }
}
