package org.talweg.analysis.plot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.talweg.analysis.Landscape;

/** Round ticks, and a logarithm only where it helps and can be taken. */
class ScaleTest {

    private static Scale of(double... losses) {
        double[] alphas = new double[losses.length];
        double[][] rows = new double[losses.length][];
        for (int i = 0; i < losses.length; i++) {
            alphas[i] = i;
            rows[i] = new double[] {losses[i]};
        }
        return Scale.of(new Landscape("", "", alphas, new double[] {0}, rows, List.of()));
    }

    @Test
    void ticksAreRound() {
        assertEquals(List.of(-1.0, -0.5, 0.0, 0.5, 1.0), new Scale(-1, 1, false).ticks(5));
        assertEquals(List.of(0.0, 0.1, 0.2, 0.3), new Scale(-0.02, 0.35, false).ticks(4));
        assertEquals(List.of(0.0, 20_000.0, 40_000.0), new Scale(0, 50_000, false).ticks(3));
        assertEquals(List.of(0.01, 0.1, 1.0, 10.0), new Scale(0.01, 20, true).ticks(4));
        assertEquals(List.of(0.5, 1.0, 2.0, 5.0), new Scale(0.4, 9, true).ticks(5));
    }

    @Property
    void ticksLieInside(@ForAll @DoubleRange(min = -1e6, max = 1e6) double low,
                        @ForAll @DoubleRange(min = -3, max = 6) double power,
                        @ForAll @IntRange(min = 2, max = 20) int count) {
        double width = Math.pow(10, power);
        Scale scale = new Scale(low, low + width, false);
        List<Double> ticks = scale.ticks(count);
        assertTrue(ticks.size() <= count + 1, ticks.toString());
        ticks.forEach(tick -> assertTrue(scale.position(tick) > -1e-6 && scale.position(tick) < 1 + 1e-6, ticks + ""));
    }

    @Property
    void logarithmicTicksLieInside(@ForAll @DoubleRange(min = -12, max = 6) double power,
                                   @ForAll @DoubleRange(min = 1.5, max = 12) double decades,
                                   @ForAll @IntRange(min = 4, max = 20) int count) {
        double low = Math.pow(10, power);
        double factor = Math.pow(10, decades);
        Scale scale = new Scale(low, low * factor, true);
        List<Double> ticks = scale.ticks(count);
        assertTrue(!ticks.isEmpty() && ticks.size() <= count, ticks.toString());
        ticks.forEach(tick -> assertTrue(scale.position(tick) > -1e-6 && scale.position(tick) < 1 + 1e-6, ticks + ""));
    }

    @Test
    void labelsHaveNoMoreDigitsThanTheyNeed() {
        assertEquals("0", Scale.label(0));
        assertEquals("0.3", Scale.label(0.3));
        assertEquals("\u22121.5", Scale.label(-1.5));
        assertEquals("20000", Scale.label(20_000));
        assertEquals("1e6", Scale.label(1e6));
        assertEquals("2.5e-7", Scale.label(2.5e-7));
        assertEquals("0.005", Scale.label(0.005));
    }

    @Test
    void theLogarithmNeedsAWideRangeAbove0() {
        assertTrue(of(0.01, 1, 5).logarithmic());
        assertFalse(of(1, 2, 5).logarithmic());
        assertFalse(of(-1, 2, 500).logarithmic(), "a negative loss");
        Scale withZero = of(0, 1e-12, 3);
        assertTrue(withZero.logarithmic());
        assertEquals(3e-8, withZero.low(), 1e-20, "zeros count as the smallest that is shown");
        assertEquals(0, withZero.position(0));
        assertEquals(1, withZero.position(3));
    }

    @Test
    void constantAndUndefinedLossesHaveAScale() {
        assertEquals(new Scale(1, 3, false), of(2, 2));
        assertEquals(new Scale(-1, 1, false), of(0, 0));
        assertEquals(new Scale(0, 1, false), of(Double.NaN, Double.POSITIVE_INFINITY));
        assertEquals(2, of(2, Double.NaN, 4).low());
    }
}
