package org.talweg.ops;

import java.util.LinkedHashMap;
import java.util.Map;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Contract;
import org.talweg.testing.Draw;
import org.talweg.testing.Sandbox;
import org.talweg.testing.Sandbox.Operation;

/** One call of a loss: its rows, whether they are a data set's, where the gradient goes, what both are scaled by. */
abstract class LossCase {
    static final double ULP = 0x1p-24;

    /** Where the gradient goes. */
    private enum Gradient {
        NONE, APART, OVER_THE_PREDICTION
    }

    final int batch;
    final int columns;
    final boolean withHits;
    final float lossScale;
    final float gradientScale;
    float[] prediction;
    private final int sourceRows;
    private final int cursor;
    private final int[] order;
    private final Gradient gradient;

    LossCase(Draw draw, int batch, int columns, boolean mayHit) {
        this.batch = batch;
        this.columns = columns;
        sourceRows = draw.flag() ? batch + draw.below(10) : 0;
        cursor = draw.below(4);
        order = draw.indices(cursor + batch + 2, Math.max(1, sourceRows));
        gradient = draw.oneOf(Gradient.values());
        withHits = mayHit && draw.flag();
        lossScale = draw.flag() ? 1f / columns : 1.5f;
        gradientScale = draw.flag() ? 1f / batch : -0.37f;
    }

    /** Rows of the target: the batch's, or those of a data set. */
    final int targetRows() {
        return Math.max(batch, sourceRows);
    }

    final int targetRow(int row) {
        return sourceRows == 0 ? row : order[cursor + row];
    }

    abstract Tensor target(Sandbox memory);

    abstract void call(Ops ops, Sandbox memory, LossBatch arguments);

    /** Largest deviation of a row's loss. */
    abstract double lossBound(int row);

    /** Largest deviation of an element of the gradient. */
    abstract double gradientBound(int at);

    /** Largest deviation of a row's hits. */
    abstract double hitBound();

    final Operation operation() {
        return (ops, memory) -> {
            Map<String, Tensor> written = new LinkedHashMap<>();
            boolean over = gradient == Gradient.OVER_THE_PREDICTION;
            Tensor p = over ? memory.state(prediction, batch, columns) : memory.input(prediction, batch, columns);
            written.put("losses", memory.output(batch));
            if (withHits) {
                written.put("hits", memory.output(batch));
            }
            if (gradient != Gradient.NONE) {
                written.put("gradient", over ? p : memory.output(batch, columns));
            }
            BatchRows rows = sourceRows == 0 ? null
                : new BatchRows(memory.input(order, order.length), memory.input(new int[] {cursor}, 1));
            call(ops, memory, new LossBatch(p, target(memory), rows, lossScale, gradientScale, written.get("losses"),
                written.get("hits"), written.get("gradient")));
            return written;
        };
    }

    final void expect(Contract contract) {
        contract.expectWithin("losses", this::lossBound);
        if (withHits) {
            contract.expectWithin("hits", i -> hitBound());
        }
        if (gradient != Gradient.NONE) {
            contract.expectWithin("gradient", this::gradientBound);
        }
    }

    /** For inputs that are not finite: NaN and infinities where the oracle has them, the rest nearly equal. */
    final void expectRoughly(Contract contract) {
        for (String name : gradient == Gradient.NONE ? new String[] {"losses"} : new String[] {"losses", "gradient"}) {
            float[] expected = contract.expected(name);
            contract.expectWithin(name, i -> 1e-4 * (1 + Math.abs(expected[i])));
        }
        if (withHits) {
            contract.expectWithin("hits", i -> hitBound());
        }
    }

    @Override
    public String toString() {
        return batch + "×" + columns + ", gradient " + gradient + (withHits ? ", hits" : "")
            + (sourceRows == 0 ? "" : ", rows of " + sourceRows + " from " + cursor) + ", scales " + lossScale + " and "
            + gradientScale;
    }
}
