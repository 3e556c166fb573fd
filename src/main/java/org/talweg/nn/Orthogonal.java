package org.talweg.nn;

/**
 * Random matrices with orthonormal columns or rows: the Q of a QR decomposition of normal numbers whose R has a positive
 * diagonal, which makes Q uniformly distributed. Mezzadri 2007.
 */
final class Orthogonal {
    private Orthogonal() {
    }

    /** Row-major [rows×columns], times {@code gain}; the shorter side is orthonormal. */
    static float[] matrix(int rows, int columns, double gain, HostNormals normals) {
        int count = Math.min(rows, columns);
        double[][] vectors = new double[count][Math.max(rows, columns)];
        for (int i = 0; i < count; i++) {
            do {
                for (int j = 0; j < vectors[i].length; j++) {
                    vectors[i][j] = normals.next();
                }
            } while (!orthonormalise(vectors, i));
        }
        float[] matrix = new float[Math.multiplyExact(rows, columns)];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                matrix[i * columns + j] = (float) (gain * (rows < columns ? vectors[i][j] : vectors[j][i]));
            }
        }
        return matrix;
    }

    /** Gram and Schmidt; done twice, the second time removes what rounding left. False if nothing is left over. */
    private static boolean orthonormalise(double[][] vectors, int last) {
        double[] v = vectors[last];
        double length = Math.sqrt(dot(v, v));
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < last; i++) {
                double part = dot(v, vectors[i]);
                for (int j = 0; j < v.length; j++) {
                    v[j] -= part * vectors[i][j];
                }
            }
        }
        double left = Math.sqrt(dot(v, v));
        if (left <= 1e-8 * length) {
            return false;
        }
        for (int j = 0; j < v.length; j++) {
            v[j] /= left;
        }
        return true;
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
