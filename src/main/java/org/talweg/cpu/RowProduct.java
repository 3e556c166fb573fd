package org.talweg.cpu;

/**
 * A matrix product C += A·B [rows×columns, depth], its rows split over the cores. A[m][k] lies at
 * {@code aRows[m] + k · aStep}, B[k][n] at {@code bRows[k] + n · bStep}: through these tables a batch read by index
 * and a transposed matrix need no copy of their own.
 *
 * <p>B is packed in panels of {@value #DEPTH}×{@value #COLUMNS}, each row an array from index 0. HotSpot (17 and 25)
 * vectorises the inner loop only in this form: one store, and no array read at two offsets.
 */
abstract class RowProduct implements Parallel.Body {
    private static final int DEPTH = 64;
    private static final int COLUMNS = 512;

    private static final class Scratch {
        final float[][] panel = new float[DEPTH][COLUMNS];
        final float[] sums = new float[COLUMNS];
    }

    float[] a;
    int[] aRows = new int[0];
    int aStep;
    float[] b;
    int[] bRows = new int[0];
    int bStep;
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

    /** Sets the extents and makes room in the row tables. */
    final void resize(int rows, int newColumns, int newDepth) {
        columns = newColumns;
        depth = newDepth;
        aRows = aRows.length < rows ? new int[rows] : aRows;
        bRows = bRows.length < depth ? new int[depth] : bRows;
    }

    final int row(int m) {
        return cStart + m * columns;
    }

    @Override
    public final void run(int part, int from, int to) {
        if (scratches[part] == null) {
            scratches[part] = new Scratch();
        }
        Scratch scratch = scratches[part];
        for (int m = from; m < to; m++) {
            start(m);
        }
        for (int n = 0; n < columns; n += COLUMNS) {
            int width = Math.min(COLUMNS, columns - n);
            for (int k = 0; k < depth; k += DEPTH) {
                int height = Math.min(DEPTH, depth - k);
                pack(scratch.panel, k, height, n, width);
                for (int m = from; m < to; m++) {
                    int at = row(m) + n;
                    System.arraycopy(c, at, scratch.sums, 0, width);
                    multiply(aRows[m] + k * aStep, scratch.panel, height, scratch.sums, width);
                    System.arraycopy(scratch.sums, 0, c, at, width);
                }
            }
        }
        for (int m = from; m < to; m++) {
            finish(m);
        }
    }

    private void pack(float[][] panel, int k, int height, int n, int width) {
        if (bStep == 1) {
            for (int i = 0; i < height; i++) {
                System.arraycopy(b, bRows[k + i] + n, panel[i], 0, width);
            }
            return;
        }
        for (int j = 0; j < width; j++) {
            int column = (n + j) * bStep;
            for (int i = 0; i < height; i++) {
                panel[i][j] = b[bRows[k + i] + column];
            }
        }
    }

    /** sums += one row of A times the panel. */
    private void multiply(int at, float[][] panel, int height, float[] sums, int width) {
        int i = 0;
        for (; i + 4 <= height; i += 4) {
            int first = at + i * aStep;
            addFour(a[first], a[first + aStep], a[first + 2 * aStep], a[first + 3 * aStep],
                panel[i], panel[i + 1], panel[i + 2], panel[i + 3], sums, width);
        }
        for (; i < height; i++) {
            addOne(a[at + i * aStep], panel[i], sums, width);
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
