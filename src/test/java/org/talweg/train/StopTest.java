package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** When each criterion says stop, over made-up epochs of ten steps and one second each. */
class StopTest {
    private static final Optional<String> GO_ON = Optional.empty();

    /** The epoch after which training stops, 0 if it never does, for this course of the metric; and why. */
    private record Course(int epoch, String reason) {
        static Course of(Stop stop, double... values) {
            Stop.Watch watch = stop.watch();
            for (int epoch = 1; epoch <= values.length; epoch++) {
                double last = epoch == 1 ? Double.NaN : values[epoch - 2];
                Optional<String> within = watch.check(now(last, epoch, false, epoch * 10 - 5));
                if (within.isPresent()) {
                    return new Course(-epoch, within.get());
                }
                Optional<String> after = watch.check(now(values[epoch - 1], epoch, true, epoch * 10));
                if (after.isPresent()) {
                    return new Course(epoch, after.get());
                }
            }
            return new Course(0, "");
        }
    }

    private static Stop.Now now(double value, int epoch, boolean ended, long steps) {
        return new Stop.Now(name -> value, epoch, ended, steps, 0, Duration.ofMillis(steps * 100));
    }

    @Test
    void epochsStepsAndTime() {
        assertEquals(new Course(3, "3 epochs done"), Course.of(Stop.afterEpochs(3), 1, 1, 1, 1, 1));
        assertEquals(new Course(-2, "15 steps done"), Course.of(Stop.afterSteps(15), 1, 1, 1));
        assertEquals(15, Stop.afterSteps(15).maxSteps());
        assertEquals(new Course(2, "the time budget of 1.75000 s is used up"),
            Course.of(Stop.after(Duration.ofMillis(1750)), 1, 1, 1));
        assertEquals("the time budget of 1:00:05 is used up", Stop.after(Duration.ofSeconds(3605)).watch()
            .check(now(0, 1, false, 40_000)).orElseThrow());
    }

    @Test
    void lossChange() {
        assertEquals(new Course(4, "loss changed by 0.0500000 in 1 epoch, less than 0.100000"),
            Course.of(Stop.lossChange(0.1), 3, 2, 1, 1.05, 1.05));
        assertEquals(5, Course.of(Stop.lossChange(0.1).over(2), 3, 2, 1, 1.05, 0.98).epoch());
        assertEquals(0, Course.of(Stop.lossChange(0.1).over(2), 3, 2, 1, 1.05, 0.9, 0.98, 1.02, 0.9).epoch(),
            "what comes back has moved all the same");
        assertEquals(new Course(3, "val_loss changed by 1.00000 in 1 epoch, less than 0.0100000 of it"),
            Course.of(Stop.lossChange(0.01).of("val_loss").asShare(), -300, -200, -201, 5));
        assertEquals(0, Course.of(Stop.lossChange(1), Double.NaN, Double.NaN, Double.POSITIVE_INFINITY,
            Double.POSITIVE_INFINITY).epoch(), "NaN and infinity are no rest");
    }

    @Test
    void gradientNormAndTarget() {
        assertEquals(new Course(3, "the gradient norm of 0.000500000 is below 0.00100000"),
            Course.of(Stop.gradientNorm(1e-3), 1, 1e-3, 5e-4));
        assertEquals(new Course(2, "val_loss 0.200000 has reached the target of 0.200000"),
            Course.of(Stop.target("val_loss", 0.2), 0.5, 0.2));
        assertEquals(new Course(3, "val_accuracy 0.990000 has reached the target of 0.980000"),
            Course.of(Stop.target("val_accuracy", 0.98), Double.NaN, 0.5, 0.99));
    }

    @Test
    void noImprovement() {
        assertEquals(new Course(5, "val_loss has not improved for 2 epochs; the best was 1.00000 in epoch 3"),
            Course.of(Stop.noImprovement("val_loss", 2), 3, 2, 1, 1, 1.5, 0));
        assertEquals(0, Course.of(Stop.noImprovement("val_loss", 2), 3, 3, 2, 2, 1, 1).epoch());
        assertEquals(3, Course.of(Stop.noImprovement("val_loss", 2).minDelta(0.5), 3, 2.6, 2.5, 2).epoch());
        assertEquals(4, Course.of(Stop.noImprovement("val_accuracy", 1), 0.1, 0.2, 0.3, 0.3).epoch());
        assertEquals("val_loss has not improved for 2 epochs; it never had a value",
            Course.of(Stop.noImprovement("val_loss", 2), Double.NaN, Double.NaN).reason());
        assertNull(Stop.noImprovement("val_loss", 2).restores());
        assertEquals("val_loss", Stop.noImprovement("val_loss", 2).restoringBest().restores());
    }

    @Test
    void nonFinite() {
        assertEquals(new Course(2, "the loss is not finite"), Course.of(Stop.onNonFinite(), 1, Double.NaN));
        assertEquals(GO_ON, Stop.onNonFinite().watch().check(now(Double.NaN, 1, false, 5)), "no epoch has ended yet");
        assertTrue(Stop.onNonFinite().watch().check(new Stop.Now(name -> 1, 1, false, 5, 1, Duration.ZERO))
            .orElseThrow().startsWith("the gradient norm of a step was not finite"));
    }

    @Test
    void combinations() {
        Stop any = Stop.anyOf(Stop.target("loss", 0.1), Stop.afterEpochs(4), Stop.after(Duration.ofHours(1)),
            Stop.noImprovement("val_loss", 9).restoringBest());
        assertEquals(new Course(4, "4 epochs done"), Course.of(any, 1, 1, 1, 1, 1));
        assertEquals("loss 0.0500000 has reached the target of 0.100000", Course.of(any, 1, 0.05).reason());
        assertEquals(Duration.ofHours(1), any.maxTime());
        assertEquals("val_loss", any.restores());
        Stop all = Stop.allOf(Stop.target("loss", 0.1), Stop.afterSteps(25));
        assertEquals(new Course(-3, "loss 0.0900000 has reached the target of 0.100000, and 25 steps done"),
            Course.of(all, 0.05, 0.09, 1, 1), "a metric holds until the next epoch ends");
        assertEquals(0, Course.of(all, 0.05, 0.2, 0.2).epoch());
        assertEquals(Long.MAX_VALUE, all.maxSteps());
        assertEquals(30, Stop.allOf(Stop.afterSteps(30), Stop.afterSteps(20)).maxSteps());
        assertEquals(20, Stop.anyOf(Stop.afterSteps(30), Stop.afterSteps(20)).maxSteps());
        assertEquals(GO_ON, Stop.anyOf().watch().check(now(0, 1, true, 1)));
    }

    /** Each run has a watch of its own. */
    @Test
    void aSpecificationRemembersNothing() {
        Stop stop = Stop.anyOf(Stop.noImprovement("loss", 2), Stop.lossChange(1e-9));
        for (int run = 0; run < 3; run++) {
            assertEquals(4, Course.of(stop, 4, 3, 3.5, 3.25).epoch());
        }
    }

    /** Patience n stops exactly n epochs after the best one. */
    @Property(tries = 200)
    void patience(@ForAll @Size(min = 1, max = 30) int[] values, @ForAll @IntRange(min = 1, max = 6) int patience) {
        double[] course = new double[values.length];
        for (int i = 0; i < course.length; i++) {
            course[i] = values[i] % 5;
        }
        int stopped = Course.of(Stop.noImprovement("loss", patience), course).epoch();
        int best = 0;
        int expected = 0;
        for (int i = 1; i < course.length && expected == 0; i++) {
            best = course[i] < course[best] ? i : best;
            expected = i - best >= patience ? i + 1 : 0;
        }
        assertEquals(expected, stopped);
    }

    @Test
    void impossibleSettingsAreRefused() {
        assertMessage("0 epochs; at least 1", () -> Stop.afterEpochs(0));
        assertMessage("-1 steps; at least 1", () -> Stop.afterSteps(-1));
        assertMessage("a time budget of PT0S", () -> Stop.after(Duration.ZERO));
        assertMessage("a threshold of 0.0", () -> Stop.lossChange(0));
        assertMessage("a threshold of NaN", () -> Stop.gradientNorm(Double.NaN));
        assertMessage("0 epochs of patience", () -> Stop.noImprovement("loss", 0));
        assertMessage("a least improvement of -1.0", () -> Stop.noImprovement("loss", 1).minDelta(-1));
        assertMessage("all of no criteria", Stop::allOf);
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }
}
