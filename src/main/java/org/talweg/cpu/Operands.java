package org.talweg.cpu;

import java.util.List;
import org.talweg.ops.Segments;
import org.talweg.tensor.Tensor;

/**
 * The arrays of an update, an element at the same index in all of them: only such a loop is vectorised by HotSpot (17
 * and 25), which otherwise must think that what it stores in one array might be read from another. The flat buffers of
 * a training lie so already; tensors that start at different places are updated in copies of a chunk.
 */
final class Operands {
    private static final int STATES = 4;
    private static final float[] NONE = {};

    float[] p = NONE;
    float[] g = NONE;
    final float[][] s = {NONE, NONE, NONE, NONE};

    private int length;
    private int states;
    private int pStart;
    private int gStart;
    private final int[] sStart = new int[STATES];
    private boolean inStep;
    /** One for each part of the work, once they are needed. */
    private Operands[] copies = {};

    /** @param parts that may run at once */
    void set(int parts, Tensor parameters, Tensor gradients, List<Tensor> buffers) {
        length = (int) parameters.elements();
        states = buffers.size();
        p = Heap.floats(parameters);
        pStart = Heap.start(parameters);
        g = Heap.floats(gradients);
        gStart = Heap.start(gradients);
        inStep = gStart == pStart;
        for (int i = 0; i < states; i++) {
            s[i] = Heap.floats(buffers.get(i));
            sStart[i] = Heap.start(buffers.get(i));
            inStep &= sStart[i] == pStart;
        }
        if (!inStep && copies.length < parts) {
            copies = new Operands[parts];
            for (int i = 0; i < parts; i++) {
                copies[i] = chunk(states);
            }
        }
    }

    private static Operands chunk(int states) {
        Operands chunk = new Operands();
        chunk.inStep = true;
        chunk.p = new float[Segments.CHUNK];
        chunk.g = new float[Segments.CHUNK];
        for (int i = 0; i < states; i++) {
            chunk.s[i] = new float[Segments.CHUNK];
        }
        return chunk;
    }

    int length() {
        return length;
    }

    /** Whether nothing needs to be copied. */
    boolean inStep() {
        return inStep;
    }

    /** Index in the arrays of element {@code i}, where nothing was copied; else of the first that was. */
    int index(int i) {
        return inStep ? pStart + i : 0;
    }

    /** What a loop is to use for elements {@code from} to {@code to}, no more than a chunk if they must be copied. */
    Operands take(int part, int from, int to) {
        if (inStep) {
            return this;
        }
        Operands chunk = copies[part];
        System.arraycopy(p, pStart + from, chunk.p, 0, to - from);
        System.arraycopy(g, gStart + from, chunk.g, 0, to - from);
        for (int i = 0; i < states; i++) {
            System.arraycopy(s[i], sStart[i] + from, chunk.s[i], 0, to - from);
        }
        return chunk;
    }

    /** Copies back what {@link #take} copied; gradients only serve to be read. */
    void giveBack(Operands chunk, int from, int to) {
        if (chunk == this) {
            return;
        }
        System.arraycopy(chunk.p, 0, p, pStart + from, to - from);
        for (int i = 0; i < states; i++) {
            System.arraycopy(chunk.s[i], 0, s[i], sStart[i] + from, to - from);
        }
    }
}
