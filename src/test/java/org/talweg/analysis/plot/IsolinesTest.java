package org.talweg.analysis.plot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.function.DoubleBinaryOperator;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.talweg.testing.Draw;

/** Lines lie where the function has the value; rings enclose what is above it. */
class IsolinesTest {

    private static double[][] grid(int n, int m, DoubleBinaryOperator f) {
        double[][] values = new double[n][m];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < m; j++) {
                values[i][j] = f.applyAsDouble(i, j);
            }
        }
        return values;
    }

    /** By Gauss's formula, odd-even: rings inside rings count against them. */
    private static double area(List<List<double[]>> rings) {
        double sum = 0;
        for (List<double[]> ring : rings) {
            int around = 0;
            for (List<double[]> other : rings) {
                around += other != ring && contains(other, ring.get(0)) ? 1 : 0;
            }
            sum += (around % 2 == 0 ? 1 : -1) * Math.abs(signedArea(ring));
        }
        return sum;
    }

    private static double signedArea(List<double[]> ring) {
        double twice = 0;
        for (int k = 0; k + 1 < ring.size(); k++) {
            twice += ring.get(k)[0] * ring.get(k + 1)[1] - ring.get(k + 1)[0] * ring.get(k)[1];
        }
        return twice / 2;
    }

    private static boolean contains(List<double[]> ring, double[] point) {
        boolean inside = false;
        for (int k = 0; k + 1 < ring.size(); k++) {
            double[] a = ring.get(k);
            double[] b = ring.get(k + 1);
            if (a[1] > point[1] != b[1] > point[1]
                && point[0] < a[0] + (point[1] - a[1]) / (b[1] - a[1]) * (b[0] - a[0])) {
                inside = !inside;
            }
        }
        return inside;
    }

    @Test
    void aPlaneHasStraightLines() {
        List<List<double[]>> lines = Isolines.lines(grid(5, 4, (x, y) -> 2 * x), 3);
        assertEquals(1, lines.size());
        assertEquals(4, lines.get(0).size());
        lines.get(0).forEach(point -> assertEquals(1.5, point[0]));
        assertEquals(2.5 * 3, area(Isolines.rings(grid(5, 4, (x, y) -> 2 * x), 3)), 1e-12);
    }

    @Test
    void aBowlHasCircles() {
        double[][] bowl = grid(41, 41, (x, y) -> (x - 20) * (x - 20) + (y - 20) * (y - 20));
        List<List<double[]>> lines = Isolines.lines(bowl, 100);
        assertEquals(1, lines.size());
        List<double[]> circle = lines.get(0);
        assertEquals(circle.get(0), circle.get(circle.size() - 1), "closed");
        circle.forEach(point -> assertEquals(10, Math.hypot(point[0] - 20, point[1] - 20), 0.02));
        // Above the level is everything but the disc.
        assertEquals(40 * 40 - Math.PI * 100, area(Isolines.rings(bowl, 100)), 1);
        assertEquals(4, Isolines.lines(bowl, 500).size(), "a corner each");
    }

    @Test
    void everythingOrNothing() {
        double[][] flat = grid(3, 6, (x, y) -> 7);
        assertEquals(2 * 5, area(Isolines.rings(flat, 7)), 1e-12);
        assertEquals(2 * 5, area(Isolines.rings(flat, -1e300)), 1e-12);
        assertEquals(0, Isolines.rings(flat, 8).size());
        assertEquals(0, Isolines.lines(flat, 7).size());
        assertEquals(0, Isolines.lines(flat, 3).size());
    }

    @Test
    void holesWhereThereIsNoValue() {
        double[][] values = grid(7, 7, (x, y) -> 1);
        values[3][3] = Double.NaN;
        // Rings go through the four neighbours: the hole is a square on its corner.
        assertEquals(36 - 2, area(Isolines.rings(values, 0)), 1e-9);
        values[3][3] = Double.POSITIVE_INFINITY;
        assertEquals(36 - 2, area(Isolines.rings(values, 0)), 1e-9);
        assertEquals(0, Isolines.lines(values, 0.5).size());
    }

    @Test
    void theMiddleDecidesASaddle() {
        // Diagonal corners are above; the mean tells whether they are joined.
        assertEquals(1, Isolines.rings(new double[][] {{4, 0}, {0, 4}}, 1).size());
        assertEquals(2, Isolines.rings(new double[][] {{4, 0}, {0, 4}}, 3).size());
        assertEquals(2, Isolines.lines(new double[][] {{4, 0}, {0, 4}}, 3).size());
    }

    /** Whatever the values: what is above and what is below share the grid between them, up to ambiguous cells. */
    @Property(tries = 60)
    void ringsOfOppositesFillTheGrid(@ForAll long seed, @ForAll @IntRange(min = 2, max = 9) int n,
                                     @ForAll @IntRange(min = 2, max = 9) int m) {
        float[] drawn = new Draw(seed).reals(n * m, 1);
        double[][] values = grid(n, m, (x, y) -> drawn[(int) (x * m + y)]);
        double[][] opposite = grid(n, m, (x, y) -> -values[(int) x][(int) y]);
        double above = area(Isolines.rings(values, 0));
        double below = area(Isolines.rings(opposite, 0));
        assertEquals((n - 1.0) * (m - 1), above + below, 1e-6);
        assertTrue(above >= 0 && below >= 0);
    }
}
