package org.talweg.cpu;

/**
 * A matrix product C += A·B [rows×columns, depth], its rows split over the cores; large ones by oneDNN
 * ({@link NativeProducts}), small ones by loops of our own, which cost nothing to call. A[m][k] lies at
 * {@code aStart + m · aRow + k · aColumn}, B[k][n] likewise; of the two steps of an operand one is 1.
 *
 * <p>The loops pack B in panels of {@value #DEPTH}×{@value #COLUMNS}, each row an array from index 0. HotSpot (17 and
 * 25) vectorises the inner loop only in this form: one store, and no array read at two offsets.
 */
abstract class RowProduct implements Parallel.Body {
    private static final int DEPTH = 64;
    private static final int COLUMNS = 512;
    /** Most columns of a result that are summed one by one. */
    private static final int NARROW = 4;

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
    private final Scratch[] scratches;

    RowProduct(int parts) {
        scratches = new Scratch[parts];
    }

    /** Sets row m of C to what the products are added to. */
    abstract void start(int m);

    /** Called once row m of C is complete. */
    abstract void finish(int m);

    /** Before any row of a part is finished. */
    void beforeFinish(int from, int to) {
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

    @Override
    public final void run(int part, int from, int to) {
        for (int m = from; m < to; m++) {
            start(m);
        }
        if (NativeProducts.pays(to - from, columns, depth)) {
            boolean transposeA = aColumn != 1;
            boolean transposeB = bColumn != 1;
            NativeProducts.multiply(transposeA, transposeB, to - from, columns, depth, a, aStart + from * aRow,
                transposeA ? aColumn : Math.max(aRow, depth), b, bStart,
                transposeB ? bColumn : Math.max(bRow, columns), c, row(from), columns);
        } else if (columns <= NARROW && aColumn == 1 && bRow == 1) {
            multiplyNarrow(from, to);
        } else {
            multiply(part, from, to);
        }
        beforeFinish(from, to);
        for (int m = from; m < to; m++) {
            finish(m);
        }
    }

    /** Both operands lie along k: a panel would be longer in the packing than in the use. */
    private void multiplyNarrow(int from, int to) {
        for (int m = from; m < to; m++) {
            for (int n = 0; n < columns; n++) {
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

    private void multiply(int part, int from, int to) {
        if (scratches[part] == null) {
            scratches[part] = new Scratch();
        }
        Scratch scratch = scratches[part];
        for (int n = 0; n < columns; n += COLUMNS) {
            int width = Math.min(COLUMNS, columns - n);
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
