package org.talweg.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.talweg.testing.Golden;
import org.talweg.testing.Golden.Case;

class ScalerTest {
    /** The second feature is constant, at a value whose mean over three rows is rounded. */
    private static final Dataset DATA = Dataset.regression("d", List.of("a", "b"),
        new float[] {1, 0.1f, 2, 0.1f, 6, 0.1f}, List.of("y"), new float[3]);

    @Test
    void standardHasMeanZeroAndDeviationOne() {
        float[] scaled = Scaler.standard().fit(DATA).apply(DATA).features();
        double deviation = Math.sqrt((4 + 1 + 9) / 3.0);
        assertArrayEquals(new float[] {(float) (-2 / deviation), 0, (float) (-1 / deviation), 0,
            (float) (3 / deviation), 0}, scaled);
    }

    @Test
    void minMaxGoesFromZeroToOne() {
        assertArrayEquals(new float[] {0, 0, 0.2f, 0, 1, 0}, Scaler.minMax().fit(DATA).apply(DATA).features());
    }

    @Test
    void otherRowsAreScaledAsTheFittedOnes() {
        Dataset other = DATA.select(2);
        assertArrayEquals(new float[] {0.5f, 900_000}, Scaler.minMax().fit(DATA).apply(new float[] {3.5f, 900_000.1f}),
            0.1f);
        assertEquals(1, Scaler.minMax().fit(DATA).apply(other).features()[0]);
    }

    @Test
    void standardScaledFeaturesOfARealDataSet() {
        Dataset data = Datasets.builtIn("digits");
        float[] scaled = Scaler.standard().fit(data).apply(data).features();
        for (int column = 0; column < data.columns(); column++) {
            double sum = 0;
            double squares = 0;
            for (int row = 0; row < data.rows(); row++) {
                double value = scaled[row * data.columns() + column];
                sum += value;
                squares += value * value;
            }
            assertEquals(0, sum / data.rows(), 1e-6);
            double variance = squares / data.rows();
            assertTrue(Math.abs(variance - 1) < 1e-5 || variance == 0, "column " + column + ": " + variance);
        }
    }

    @Test
    void goldenValues() {
        List<Case> cases = Golden.cases("closed_form.json").stream().filter(c -> c.op().equals("feature_scaling"))
            .toList();
        assertEquals(1, cases.size());
        Case c = cases.get(0);
        Dataset data = Dataset.regression("golden", List.of("a", "b", "c", "d"), c.floats("X"), List.of("y"),
            new float[12]);
        Scaler standard = Scaler.standard().fit(data);
        assertArrayEquals(c.expected("mean"), standard.shift(), 1e-12 * 501);
        double[] deviation = c.expected("std_population");
        deviation[3] = 1;
        assertArrayEquals(deviation, standard.divisor(), 1e-12 * 61);
        Golden.expectClose("standard", c.expected("standardised_population_constant_column_divided_by_one"),
            standard.apply(data).features());
        Scaler minMax = Scaler.minMax().fit(data);
        assertArrayEquals(c.expected("min"), minMax.shift());
        Golden.expectClose("minmax", c.expected("min_max_scaled_constant_column_divided_by_one"),
            minMax.apply(data).features());
    }

    /** Sorted 0, 1, 4, 9, 1000: quartiles 1 and 9, whatever the last one is. */
    @Test
    void robustIgnoresOutliers() {
        Dataset data = column(4, 1000, 0, 9, 1);
        Scaler scaler = Scaler.robust().fit(data);
        assertArrayEquals(new double[] {4}, scaler.shift());
        assertArrayEquals(new double[] {8}, scaler.divisor());
        assertArrayEquals(new double[] {2.5}, Scaler.robust().fit(column(1, 2, 3, 4)).shift());
        assertArrayEquals(new double[] {1.5}, Scaler.robust().fit(column(1, 2, 3, 4)).divisor(), "3.25 − 1.75");
        assertArrayEquals(new double[] {1}, Scaler.robust().fit(column(5, 5, 5, 5, 7)).divisor());
        assertArrayEquals(new double[] {1}, Scaler.robust().fit(column(5)).divisor());
    }

    @Test
    void l2AndMaxAbsKeepZeroAtZero() {
        assertArrayEquals(new float[] {0.6f, -0.8f, 0}, Scaler.l2().fit(column(3, -4, 0)).apply(column(3, -4, 0))
            .features());
        assertArrayEquals(new float[] {0.75f, -1, 0}, Scaler.maxAbs().fit(column(3, -4, 0)).apply(column(3, -4, 0))
            .features());
        assertArrayEquals(new float[2], Scaler.l2().fit(column(0, 0)).apply(column(0, 0)).features());
    }

    /** Shifting and stretching a feature before it is scaled changes nothing. */
    @Property(tries = 100)
    void scalingForgetsTheUnit(@ForAll @Size(min = 2, max = 20) List<@IntRange(min = -50, max = 50) Integer> values,
                               @ForAll @IntRange(min = 1, max = 9) int factor,
                               @ForAll @IntRange(min = -9, max = 9) int shift) {
        float[] plain = new float[values.size()];
        float[] other = new float[plain.length];
        for (int i = 0; i < plain.length; i++) {
            plain[i] = values.get(i);
            other[i] = plain[i] * factor + shift;
        }
        for (Scaler.Method method : List.of(Scaler.standard(), Scaler.minMax(), Scaler.robust())) {
            Scaler fitted = method.fit(column(plain));
            if (fitted.divisor()[0] != 1) {
                assertArrayEquals(fitted.apply(plain), method.fit(column(other)).apply(other), 1e-5f, fitted.name());
            }
        }
        float[] stretched = column(plain).features().clone();
        for (int i = 0; i < stretched.length; i++) {
            stretched[i] *= factor;
        }
        for (Scaler.Method method : List.of(Scaler.l2(), Scaler.maxAbs())) {
            boolean zero = values.stream().allMatch(value -> value == 0);
            assertArrayEquals(method.fit(column(plain)).apply(plain), zero ? plain
                : method.fit(column(stretched)).apply(stretched), 1e-5f);
        }
    }

    private static Dataset column(float... values) {
        return Dataset.regression("d", List.of("a"), values, List.of("y"), new float[values.length]);
    }

    @Test
    void whatDoesNotFitIsSaid() {
        Scaler scaler = Scaler.standard().fit(DATA);
        assertEquals("iris has 4 features; this scaler was fitted to 2", assertThrows(IllegalArgumentException.class,
            () -> scaler.apply(Datasets.builtIn("iris"))).getMessage());
        assertEquals("d has no rows to fit a scaler to", assertThrows(IllegalArgumentException.class,
            () -> Scaler.minMax().fit(DATA.select())).getMessage());
    }
}
