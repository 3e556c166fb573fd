package org.talweg.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

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
    void whatDoesNotFitIsSaid() {
        Scaler scaler = Scaler.standard().fit(DATA);
        assertEquals("iris has 4 features; this scaler was fitted to 2", assertThrows(IllegalArgumentException.class,
            () -> scaler.apply(Datasets.builtIn("iris"))).getMessage());
        assertEquals("d has no rows to fit a scaler to", assertThrows(IllegalArgumentException.class,
            () -> Scaler.minMax().fit(DATA.select())).getMessage());
    }
}
