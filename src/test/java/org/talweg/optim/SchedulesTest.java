package org.talweg.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.talweg.optim.Schedule.At;

/** How schedules compose, what they keep within, and what they refuse; their values are in GoldenScheduleTest. */
class SchedulesTest {

    @Test
    void cosineAndWarmUpKnowTheLengthOfTheRun() {
        assertEquals(0.5, Schedules.constant(0.5).rate(7, 10));
        Schedule cosine = Schedules.cosine(2, 1);
        assertEquals(2, cosine.rate(0, 10));
        assertEquals(1.5, cosine.rate(5, 10), 1e-15);
        assertEquals(1, cosine.rate(10, 10), 1e-15);
        Schedule warm = Schedules.warmup(4, Schedules.cosine(1));
        assertEquals(0.2, warm.rate(0, 14), 1e-15);
        assertEquals(0.8, warm.rate(3, 14), 1e-15);
        assertEquals(1, warm.rate(4, 14), 1e-15);
        assertEquals(0.5, warm.rate(9, 14), 1e-15);
    }

    @Test
    void eachPartOfASequenceSeesItsOwnSteps() {
        Schedule parts = Schedules.linear(0, 1).then(10, Schedules.linear(1, 0)).then(30, at -> at.step() + at.steps());
        assertEquals(0.5, parts.rate(5, 100), 1e-15);
        assertEquals(1, parts.rate(10, 100), 1e-15);
        assertEquals(0.5, parts.rate(20, 100), 1e-15);
        assertEquals(0 + 70, parts.rate(30, 100));
        assertEquals(9 + 70, parts.rate(39, 100));
    }

    @Test
    void epochsAsTheUnit() {
        Schedule perEpoch = Schedules.step(1, 2, 0.5).perEpoch();
        for (int step = 0; step < 40; step++) {
            assertEquals(Math.pow(0.5, step / 7 / 2), perEpoch.rate(new At(step, 40, 7)));
        }
        assertEquals(Schedules.cosine(1).rate(3, 6), Schedules.cosine(1).perEpoch().rate(new At(27, 47, 8)),
            "the sixth epoch is a short one");
        assertEquals(0.8, Schedules.oneCycle(1).momentum(0.8, 0.9).perEpoch().momentum(new At(2 * 8, 80, 8)), 1e-15);
    }

    @Test
    void aFlatMetricIsNoImprovementEvenWhereItIsNegative() {
        for (double metric : new double[] {-2, 0, 2}) {
            for (boolean maximise : new boolean[] {false, true}) {
                ReduceOnPlateau plateau = Schedules.reduceOnPlateau(1).factor(0.5).patience(2);
                plateau = maximise ? plateau.maximise("m") : plateau.minimise("m");
                assertEquals(List.of(1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25), rates(plateau, metric, 7));
            }
        }
        ReduceOnPlateau signed = Schedules.reduceOnPlateau(1).factor(0.5).patience(2).signedThreshold();
        assertEquals(List.of(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0), rates(signed, -2, 7), "PyTorch's form");
    }

    private static List<Double> rates(ReduceOnPlateau plateau, double metric, int epochs) {
        List<Double> rates = new ArrayList<>();
        for (int epoch = 1; epoch <= epochs; epoch++) {
            plateau = plateau.afterEpoch(new At(epoch - 1, epochs, 1), name -> metric);
            rates.add(plateau.rate());
        }
        return rates;
    }

    /** The warm-up takes two epochs, which do not count; the third is the best, the fourth too many. */
    @Test
    void whatFollowsAMetricDoesSoInsideOthers() {
        Schedule schedule = Schedules.warmup(2, 0.5, Schedules.reduceOnPlateau(1).factor(0.5).patience(0))
            .times(Schedules.constant(4)).perEpoch();
        double[] expected = {2, 3, 4, 4, 2};
        for (int epoch = 0; epoch < expected.length; epoch++) {
            assertEquals(expected[epoch], schedule.rate(new At(epoch * 3, 15, 3)), "epoch " + epoch);
            schedule = schedule.afterEpoch(new At(epoch * 3 + 2, 15, 3), name -> 1);
        }
    }

    @Property(tries = 200)
    void ratesStayBetweenTheirEnds(@ForAll @DoubleRange(min = 0.01, max = 1) double low,
                                   @ForAll @DoubleRange(min = 1, max = 10) double high,
                                   @ForAll @IntRange(min = 1, max = 60) int steps,
                                   @ForAll @IntRange(min = 1, max = 20) int length) {
        List<Schedule> schedules = List.of(Schedules.cosine(high, low), Schedules.cosineWave(high, low, length),
            Schedules.linear(low, high), Schedules.linear(high, low, length), Schedules.polynomial(high, low, 2),
            Schedules.exponentialTo(low, high), Schedules.warmRestarts(high, low, length, 2),
            Schedules.cyclical(low, high, length).down(3).triangular2(),
            Schedules.oneCycle(high).divisors(high / low, 1), Schedules.oneCycle(high).divisors(high / low, 1).linear()
                .inThreePhases(), Schedules.warmup(length, low / high, Schedules.constant(high)));
        for (Schedule schedule : schedules) {
            for (int step = 0; step < steps + 5; step++) {
                double rate = schedule.rate(step, steps);
                assertTrue(rate >= low * (1 - 1e-9) && rate <= high * (1 + 1e-9),
                    schedule + " in step " + step + " of " + steps + ": " + rate);
            }
        }
    }

    /** Momentum is lowest where the rate is highest. */
    @Property(tries = 100)
    void inverseMomentumMirrorsTheRate(@ForAll @IntRange(min = 1, max = 20) int up,
                                       @ForAll @IntRange(min = 1, max = 20) int down) {
        Cyclical cyclical = Schedules.cyclical(0.1, 0.5, up).down(down).momentum(0.8, 0.9).triangular2();
        for (int step = 0; step < 3 * (up + down); step++) {
            At at = new At(step, 100, 1);
            double height = (cyclical.rate(at) - 0.1) / 0.4;
            assertEquals(0.9 - 0.1 * height, cyclical.momentum(at), 1e-12);
        }
    }

    @Test
    void impossibleSettingsAreRefused() {
        assertMessage("peak learning rate is -1.0", () -> Schedules.cosine(-1));
        assertMessage("a warm-up of -1 steps", () -> Schedules.warmup(-1, Schedules.constant(1)));
        assertMessage("a stair of 0; it must be at least 1", () -> Schedules.step(1, 0, 0.5));
        assertMessage("needs both above 0", () -> Schedules.exponentialTo(0, 1));
        assertMessage("a power of 0.0", () -> Schedules.polynomial(1, 0, 0));
        assertMessage("a schedule begins at step -1", () -> Schedules.constant(1).then(-1, Schedules.constant(2)));
        assertMessage("at most 0.5 with three phases", () -> Schedules.oneCycle(1).rise(0.6).inThreePhases());
        assertMessage("the lower one first", () -> Schedules.oneCycle(1).momentum(0.9, 0.8));
        assertMessage("the lower one first", () -> Schedules.cyclical(0, 1, 5).momentum(Double.NaN, 0.8));
        assertMessage("factor is 1.0", () -> Schedules.reduceOnPlateau(1).factor(1));
        assertMessage("a patience of -1", () -> Schedules.reduceOnPlateau(1).patience(-1));
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }
}
