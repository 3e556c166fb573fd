package org.talweg.cpu;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * A matrix product C = A·B or C += A·B [rows×columns, depth], split over the cores; large ones by oneDNN
 * ({@link NativeProducts}), small ones by loops of our own, which cost nothing to call. A[m][k] lies at
 * {@code aStart + m · aRow + k · aColumn}, B[k][n] likewise; of the two steps of an operand one is 1.
 *
 * <p>oneDNN reads B in panels of {@value NativeProducts#PANEL} columns. Putting it there costs oneDNN 5 to 10 % of a large
 * product and us half of that, so from {@link NativeProducts#packs} on we do it: by columns each thread packs the panel that
 * it multiplies next, which then is in its cache; by rows all threads pack B first. Smaller products leave it to oneDNN, and
 * are split by columns where B is larger than C: each thread then rearranges its own part of B and not all of it.
 *
 * <p>The loops pack B in panels of {@value #DEPTH}×{@value #COLUMNS}, each row an array from index 0. HotSpot (17 and
 * 25) vectorises the inner loop only in this form: one store, and no array read at two offsets.
 */
abstract class RowProduct implements Parallel.Body {
    private static final int DEPTH = 64;
    private static final int COLUMNS = 512;
    /** Most columns of a result that are summed one by one. */
    private static final int NARROW = 4;
    /** Columns that are split off together: a vector of oneDNN. */
    private static final int VECTOR = 16;
    /** Rows that are multiplied together with B in panels. */
    private static final int ROWS = 64;

    private static final class Scratch {
        final float[][] panel = new float[DEPTH][COLUMNS];
        final float[] sums = new float[COLUMNS];
    }

    float[] a;
    int aStart;
    int aRow;
    int aColumn;
    float[] b;
    int bStart;
    int bRow;
    int bColumn;
    float[] c;
    int cStart;
    int columns;
    int depth;
    private int rows;
    private boolean add;
    /** Whether our own loops do it; of the whole product, so that its bits do not depend on the split. */
    private boolean ours;
    private boolean byColumns;
    /** Whether B is put in panels before it is multiplied. */
    private boolean packs;
    /** Rows, or columns, that are split off together. */
    private int unit;
    private final Packing packing = new Packing();
    /** Of one panel for each thread, or of all in the first. */
    private final ByteBuffer[] panels;
    private final Scratch[] scratches;

    RowProduct(int threads) {
        scratches = new Scratch[threads];
        panels = new ByteBuffer[threads];
    }

    /** Sets columns {@code left} to {@code right} of rows {@code from} to {@code to} of C to what our own loops add to. */
    void start(int from, int to, int left, int right) {
        for (int m = from; m < to; m++) {
            Arrays.fill(c, row(m) + left, row(m) + right, 0);
        }
    }

    /** Called once columns {@code left} to {@code right} of rows {@code from} to {@code to} of C are complete. */
    abstract void finish(int from, int to, int left, int right);

    final boolean isNative() {
        return !ours;
    }

    final int row(int m) {
        return cStart + m * columns;
    }

    final void left(float[] values, int start, int rowStep, int columnStep) {
        a = values;
        aStart = start;
        aRow = rowStep;
        aColumn = columnStep;
    }

    final void right(float[] values, int start, int rowStep, int columnStep) {
        b = values;
        bStart = start;
        bRow = rowStep;
        bColumn = columnStep;
    }

    final void result(float[] values, int start, int newColumns, int newDepth) {
        c = values;
        cStart = start;
        columns = newColumns;
        depth = newDepth;
    }

    /**
     * @param adds      whether the product is added to what C holds
     * @param wholeRows whether {@link #finish} needs all columns of a row
     */
    final void run(Parallel parallel, int newRows, boolean adds, boolean wholeRows) {
        rows = newRows;
        add = adds;
        ours = !NativeProducts.pays(rows, columns, depth);
        packs = NativeProducts.packs(rows, columns, depth);
        byColumns = !wholeRows && !ours && columns >= rows && (packs || depth > rows);
        unit = packs ? byColumns ? NativeProducts.PANEL : ROWS : byColumns ? VECTOR : 1;
        if (packs && !byColumns) {
            panels(0, columns);
            parallel.run((columns + NativeProducts.PANEL - 1) / NativeProducts.PANEL, 64L * columns * depth, packing);
        }
        parallel.run(Math.max(1, (byColumns ? columns : rows) / unit), 2L * rows * columns * depth, this);
    }

    /** Makes room for so many columns of B. */
    private ByteBuffer panels(int slot, int count) {
        if (panels[slot] == null || panels[slot].capacity() < NativeProducts.panelBytes(count, depth)) {
            panels[slot] = ByteBuffer.allocateDirect(NativeProducts.panelBytes(count, depth));
        }
        return panels[slot];
    }

    private final class Packing implements Parallel.Body {
        @Override
        public void run(int slot, int from, int to) {
            NativeProducts.pack(bColumn != 1, columns, depth, b, bStart, bWidth(), from, to, panels[0]);
        }
    }

    private int bWidth() {
        return bColumn != 1 ? bColumn : Math.max(bRow, columns);
    }

    private int aWidth() {
        return aColumn != 1 ? aColumn : Math.max(aRow, depth);
    }

    @Override
    public final void run(int slot, int from, int to) {
        int start = from * unit;
        int all = byColumns ? columns : rows;
        // What is left over goes with the last.
        int end = (to + 1) * unit > all ? all : to * unit;
        if (byColumns) {
            run(slot, 0, rows, start, end);
        } else {
            run(slot, start, end, 0, columns);
        }
    }

    /** Rows {@code from} to {@code to}, columns {@code left} to {@code right}. */
    private void run(int slot, int from, int to, int left, int right) {
        if (ours && !add) {
            start(from, to, left, right);
        }
        if (packs) {
            multiplyPanels(slot, from, to, left, right);
        } else if (!ours) {
            NativeProducts.multiply(aColumn != 1, bColumn != 1, to - from, right - left, depth, a,
                aStart + from * aRow, aWidth(), b, bStart + left * bColumn, bWidth(), add, c, row(from) + left, columns);
        } else if (right - left <= NARROW && aColumn == 1 && bRow == 1) {
            multiplyNarrow(from, to, left, right);
        } else {
            multiply(slot, from, to, left, right);
        }
        finish(from, to, left, right);
    }

    /** In pieces that do not depend on the split, because oneDNN's order of summation may depend on their size. */
    private void multiplyPanels(int slot, int from, int to, int left, int right) {
        if (!byColumns) {
            for (int m = from; m < to; ) {
                int end = to - m < 2 * ROWS ? to : m + ROWS;
                multiplyPanel(m, end, 0, columns, panels[0]);
                m = end;
            }
            return;
        }
        ByteBuffer panel = panels(slot, NativeProducts.PANEL);
        for (int n = left; n < right; n += NativeProducts.PANEL) {
            int width = Math.min(NativeProducts.PANEL, right - n);
            NativeProducts.pack(bColumn != 1, width, depth, b, bStart + n * bColumn, bWidth(), 0, 1, panel);
            multiplyPanel(from, to, n, width, panel);
        }
    }

    private void multiplyPanel(int from, int to, int left, int width, ByteBuffer panel) {
        if (!NativeProducts.multiplyPanels(aColumn != 1, to - from, width, depth, a, aStart + from * aRow, aWidth(),
            panel, add, c, row(from) + left, columns)) {
            throw new IllegalStateException("oneDNN did not multiply " + (to - from) + "×" + depth + " by " + depth + "×"
                + width + " in panels; is memory short?");
        }
    }

    /** Both operands lie along k: a panel would be longer in the packing than in the use. */
    private void multiplyNarrow(int from, int to, int left, int right) {
        for (int m = from; m < to; m++) {
            for (int n = left; n < right; n++) {
                c[row(m) + n] += dot(a, aStart + m * aRow, b, bStart + n * bColumn, depth);
            }
        }
    }

    /** Four sums, because one would wait for each addition to finish before the next. */
    private static float dot(float[] x, int xStart, float[] y, int yStart, int length) {
        float s0 = 0;
        float s1 = 0;
        float s2 = 0;
        float s3 = 0;
        int i = 0;
        for (; i + 4 <= length; i += 4) {
            s0 = Math.fma(x[xStart + i], y[yStart + i], s0);
            s1 = Math.fma(x[xStart + i + 1], y[yStart + i + 1], s1);
            s2 = Math.fma(x[xStart + i + 2], y[yStart + i + 2], s2);
            s3 = Math.fma(x[xStart + i + 3], y[yStart + i + 3], s3);
        }
        for (; i < length; i++) {
            s0 = Math.fma(x[xStart + i], y[yStart + i], s0);
        }
        return s0 + s1 + (s2 + s3);
    }

    private void multiply(int slot, int from, int to, int left, int right) {
        if (scratches[slot] == null) {
            scratches[slot] = new Scratch();
        }
        Scratch scratch = scratches[slot];
        for (int n = left; n < right; n += COLUMNS) {
            int width = Math.min(COLUMNS, right - n);
            for (int k = 0; k < depth; k += DEPTH) {
                int height = Math.min(DEPTH, depth - k);
                pack(scratch.panel, k, height, n, width);
                for (int m = from; m < to; m++) {
                    int at = row(m) + n;
                    System.arraycopy(c, at, scratch.sums, 0, width);
                    multiply(aStart + m * aRow + k * aColumn, scratch.panel, height, scratch.sums, width);
                    System.arraycopy(scratch.sums, 0, c, at, width);
                }
            }
        }
    }

    private void pack(float[][] panel, int k, int height, int n, int width) {
        if (bColumn == 1) {
            for (int i = 0; i < height; i++) {
                System.arraycopy(b, bStart + (k + i) * bRow + n, panel[i], 0, width);
            }
            return;
        }
        for (int j = 0; j < width; j++) {
            int from = bStart + k * bRow + (n + j) * bColumn;
            for (int i = 0; i < height; i++) {
                panel[i][j] = b[from + i * bRow];
            }
        }
    }

    /** sums += one row of A times the panel. */
    private void multiply(int at, float[][] panel, int height, float[] sums, int width) {
        int i = 0;
        for (; i + 4 <= height; i += 4) {
            int first = at + i * aColumn;
            addFour(a[first], a[first + aColumn], a[first + 2 * aColumn], a[first + 3 * aColumn],
                panel[i], panel[i + 1], panel[i + 2], panel[i + 3], sums, width);
        }
        for (; i < height; i++) {
            addOne(a[at + i * aColumn], panel[i], sums, width);
        }
    }

    private static void addFour(float a0, float a1, float a2, float a3, float[] b0, float[] b1, float[] b2,
                                float[] b3, float[] sums, int width) {
        for (int j = 0; j < width; j++) {
            sums[j] = Math.fma(a3, b3[j], Math.fma(a2, b2[j], Math.fma(a1, b1[j], Math.fma(a0, b0[j], sums[j]))));
        }
    }

    private static void addOne(float a0, float[] b0, float[] sums, int width) {
        for (int j = 0; j < width; j++) {
            sums[j] = Math.fma(a0, b0[j], sums[j]);
        }
    }
}
