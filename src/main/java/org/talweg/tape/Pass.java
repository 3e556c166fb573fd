package org.talweg.tape;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.talweg.ops.BatchRows;
import org.talweg.ops.Ops;
import org.talweg.ops.StepState;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * A pass over a tape while it is being planned, for one batch size: resolves values to tensors and collects the
 * operations in order. The collected operations hold their tensors, so running them looks nothing up.
 */
final class Pass {
    private final Tape tape;
    private final ProgramMemory memory;
    private final int batch;
    private final Tensor parameters;
    private final Tensor states;
    private final Tensor gradients;
    private final Set<Parameter> frozen;
    /** Through which the loss depends on what is trained. */
    private final Set<Value> differentiated;
    private final StepState step;
    private final Tensor input;
    private final BatchRows inputRows;
    private final int firstRow;
    private final List<Runnable> operations = new ArrayList<>();
    private final List<Runnable> lateOperations = new ArrayList<>();
    private final Set<Value> contributed = new HashSet<>();
    private Tensor squarePartials;
    private int squarePartialsTaken;
    private boolean trainedOnly = true;

    /** A pass over a whole batch, as in prediction. */
    Pass(Tape tape, ProgramMemory memory, int batch, Tensor parameters, Tensor states, Tensor gradients,
         Set<Parameter> frozen, Tensor features) {
        this(tape, memory, batch, parameters, states, gradients, frozen, features, null, 0, null);
    }

    /**
     * @param states    flat, or null if the tape has none
     * @param gradients flat gradients, or null for a forward pass alone
     * @param frozen    whose gradients nothing is computed for
     * @param features  [batch×row], or a data set to be read through {@code rows}
     * @param rows      or null
     * @param firstRow  rows of the batch that passes before this one took: not 0 where a batch comes in micro-batches
     * @param step      of a training; null to compute as in prediction: no dropout, running statistics
     * @throws IllegalArgumentException if there are gradients to compute and nothing to train
     */
    Pass(Tape tape, ProgramMemory memory, int batch, Tensor parameters, Tensor states, Tensor gradients,
         Set<Parameter> frozen, Tensor features, BatchRows rows, int firstRow, StepState step) {
        this.tape = tape;
        this.memory = memory;
        this.batch = batch;
        this.parameters = parameters;
        this.states = states;
        this.gradients = gradients;
        this.frozen = frozen;
        differentiated = differentiated(tape, frozen);
        if (gradients != null && !differentiated.contains(tape.output())) {
            throw new IllegalArgumentException("there is nothing to train: " + tape.output() + " depends on no parameter"
                + (frozen.isEmpty() ? "" : " that is not frozen"));
        }
        this.firstRow = firstRow;
        this.step = step;
        boolean inPlace = tape.input().consumers().stream().allMatch(node -> node.readsThroughRows(ops(), batch));
        if (rows == null || inPlace) {
            input = features;
            inputRows = rows;
        } else {
            input = memory.tensor("gathered input", 0, tape.input().shape(), batch);
            inputRows = null;
            emit(ops -> ops.data().gatherRows(features, rows, input));
        }
    }

    private static Set<Value> differentiated(Tape tape, Set<Parameter> frozen) {
        Set<Value> found = new HashSet<>();
        for (Value result : tape.results()) {
            Node node = result.producer();
            if (!frozen.containsAll(node.parameters()) || node.inputs().stream().anyMatch(found::contains)) {
                found.add(result);
            }
        }
        return found;
    }

    void forward() {
        for (Value result : tape.results()) {
            result.producer().forward(this, result);
        }
    }

    /** To be called after the gradient of the tape's output was emitted. */
    void backward() {
        int partials = tape.results().stream().map(Value::producer).filter(this::trains)
            .mapToInt(node -> node.squarePartials(ops(), batch)).sum();
        squarePartials = memory.own("squared gradient partials", partials);
        for (int i = tape.results().size() - 1; i >= 0; i--) {
            Value result = tape.results().get(i);
            if (needsGradient(result)) {
                result.producer().backward(this, result);
            }
        }
    }

    void emit(Consumer<Ops> operation) {
        Ops ops = ops();
        operations.add(() -> operation.accept(ops));
    }

    /** For what may only happen once the step is known not to be skipped: it runs after the update. */
    void emitLate(Consumer<Ops> operation) {
        Ops ops = ops();
        lateOperations.add(() -> operation.accept(ops));
    }

    List<Runnable> operations() {
        return operations;
    }

    List<Runnable> lateOperations() {
        return lateOperations;
    }

    Ops ops() {
        return memory.device().ops();
    }

    ProgramMemory memory() {
        return memory;
    }

    int batch() {
        return batch;
    }

    /** The row of the whole batch that is this pass's first. */
    int firstRow() {
        return firstRow;
    }

    /** Whether gradients of parameters must be added to what earlier micro-batches left. */
    boolean accumulates() {
        return firstRow > 0;
    }

    /** Whether a node has parameters that are not frozen. */
    boolean trains(Node node) {
        return !frozen.containsAll(node.parameters());
    }

    boolean isFrozen(Parameter parameter) {
        return frozen.contains(parameter);
    }

    /** Whether what is trained has a part in a value, so that gradients must flow through it. */
    boolean needsGradient(Value value) {
        return differentiated.contains(value);
    }

    /** Whether dropout drops and statistics are the batch's. */
    boolean isTraining() {
        return step != null;
    }

    /** Of a training. */
    StepState step() {
        return step;
    }

    /** Whether a backward pass follows, for which something must be kept. */
    boolean hasBackward() {
        return gradients != null;
    }

    Tensor value(Value value) {
        return value == tape.input() ? input
            : memory.tensor(value.producer().name() + " output", value.id(), value.shape(), batch);
    }

    /** The rows through which {@link #value} must be read, or null. */
    BatchRows rows(Value value) {
        return value == tape.input() ? inputRows : null;
    }

    /**
     * The gradient of a result: of the pre-activation if its consumers fold the derivative in
     * ({@link Value#foldedActivation}). The gradient of the output lies over the output itself where the backward pass
     * has no more use for it.
     */
    Tensor gradient(Value value) {
        if (value == tape.output() && !value.producer().backwardReadsOutput()) {
            return value(value);
        }
        return memory.tensor(value.producer().name() + " gradient", value.id(), value.shape(), batch);
    }

    /** Announces a part of a value's gradient; whether it must be added to what is there. */
    boolean contribute(Value value) {
        return !contributed.add(value);
    }

    /** Null for null: layers without a bias. */
    Tensor parameter(Parameter parameter) {
        return parameter == null ? null : parameter.in(parameters);
    }

    Tensor state(Parameter state) {
        return state.in(states);
    }

    /** Null for null, and for what is frozen. */
    Tensor parameterGradient(Parameter parameter) {
        return parameter == null || isFrozen(parameter) ? null : parameter.in(gradients);
    }

    /** Of a frozen parameter, for an operation that cannot do without; its squares are among {@link #squarePartials}. */
    Tensor unusedGradient(Parameter parameter, Value of) {
        trainedOnly = false;
        return memory.vector(parameter.name() + " unused gradient", of.id(), Math.toIntExact(parameter.shape().elements()))
            .view(0, parameter.shape());
    }

    Tensor takeSquarePartials(int count) {
        Tensor part = squarePartials.view(squarePartialsTaken, Shape.of(count));
        squarePartialsTaken += count;
        return part;
    }

    /** Of all gradients that are computed; complete after {@link #backward}. */
    Tensor squarePartials() {
        return squarePartials;
    }

    /** Whether no gradient of what is frozen is among {@link #squarePartials}. */
    boolean isTrainedOnly() {
        return trainedOnly;
    }

    Tensor scratch(long elements) {
        return memory.scratch(elements);
    }
}
