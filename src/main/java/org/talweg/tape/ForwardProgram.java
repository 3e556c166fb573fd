package org.talweg.tape;

import java.util.List;
import java.util.Set;
import org.talweg.tensor.Tensor;

/** A forward pass over one batch, planned once, run many times. It reads the parameters as they then are. */
public final class ForwardProgram {
    private final List<Runnable> operations;
    private final Tensor output;

    /**
     * @param parameters flat
     * @param states     flat, or null if the tape has none
     * @param features   [batch×input row], read on every run
     */
    public ForwardProgram(Tape tape, ProgramMemory memory, Tensor parameters, Tensor states, Tensor features) {
        Pass pass = new Pass(tape, memory, features.dim(0), parameters, states, null, Set.of(), features);
        pass.forward();
        operations = pass.operations();
        output = pass.value(tape.output());
    }

    public void run() {
        operations.forEach(Runnable::run);
    }

    /** [batch×output row]; overwritten by the next run of any program in the same memory. */
    public Tensor output() {
        return output;
    }
}
