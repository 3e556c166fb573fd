package org.talweg.cpu;

import org.talweg.tensor.Tensor;

/** The loop of a rule of two phases: the first gives two sums for each chunk. */
abstract class MeasuredLoop extends UpdateLoop {
    private Tensor partials;

    /** @param sums of the first phase; null in the second */
    final void phase(Tensor sums) {
        partials = sums;
    }

    @Override
    final void chunk(Operands x, int chunk, int segment, int from, int to, float factor, float rate, float forRate,
                     float forDecay) {
        if (partials == null) {
            move(x, from, to, rate * Heap.get(segments.ratios(), segment), rate, forRate, forDecay);
        } else {
            measure(x, from, to, factor, forRate, forDecay, Heap.floats(partials), Heap.start(partials) + 2 * chunk);
        }
    }

    @Override
    final void run(Operands x, int from, int to, float factor, float rate, float forRate, float forDecay) {
        throw new IllegalArgumentException("a rule of two phases needs segments");
    }

    /** Updates the state, and stores two sums at {@code at}. */
    abstract void measure(Operands x, int from, int to, float factor, float forRate, float forDecay, float[] sums,
                          int at);

    /** @param ratioRate learning rate times the segment's ratio */
    abstract void move(Operands x, int from, int to, float ratioRate, float rate, float forRate, float forDecay);
}
