package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.talweg.data.Dataset;

/** Metrics against values computed by hand, with ties, absent classes and NaN. */
class MetricsTest {

    /** Class counts: a is predicted a, a, b; b is predicted b; c is predicted a; d neither occurs nor is predicted. */
    private static final Predictions FOUR_CLASSES = classes(new int[] {0, 0, 0, 1, 2}, 4,
        3, 1, 0, 0,
        2, 2, 1, 0,
        1, 5, 0, 0,
        0, 1, -1, 0,
        4, 1, 3, 0);

    @Test
    void severalClasses() {
        assertEquals(3 / 5.0, Metrics.accuracy().of(FOUR_CLASSES));
        assertArrayEquals(new long[][] {{2, 1, 0, 0}, {0, 1, 0, 0}, {1, 0, 0, 0}, {0, 0, 0, 0}},
            ConfusionMatrix.of(FOUR_CLASSES).counts());
        // Of a: precision 2/3, recall 2/3; of b: 1/2 and 1; of c: 0 and 0; d is left out.
        assertEquals((2 / 3.0 + 1 / 2.0) / 3, Metrics.precision().of(FOUR_CLASSES), 1e-15);
        assertEquals((2 / 3.0 + 1) / 3, Metrics.recall().of(FOUR_CLASSES), 1e-15);
        assertEquals((2 / 3.0 + 2 / 3.0) / 3, Metrics.f1().of(FOUR_CLASSES), 1e-15);
        for (Metric metric : List.of(Metrics.precision(Average.MICRO), Metrics.recall(Average.MICRO),
            Metrics.f1(Average.MICRO))) {
            assertEquals(3 / 5.0, metric.of(FOUR_CLASSES), 1e-15, metric.name());
        }
    }

    @Test
    void topKIsAccuracyForOneAndTakesTheFirstOfEqualOnes() {
        assertEquals(3 / 5.0, Metrics.topK(1).of(FOUR_CLASSES));
        assertEquals(1, Metrics.topK(2).of(FOUR_CLASSES));
        assertEquals(0, Metrics.topK(2).of(classes(new int[] {2}, 3, 1, 1, 1)));
        assertEquals(1, Metrics.topK(3).of(classes(new int[] {2}, 3, 1, 1, 1)));
        assertEquals("top_3_accuracy", Metrics.topK(3).name());
    }

    @Test
    void twoClassesWithOneOutput() {
        Predictions p = binary(0, new int[] {1, 1, 1, 0, 0, 0, 0}, 2, 1, -1, -3, 3, -2, 0);
        // Predicted 1, 1, 0, 0, 1, 0, 0.
        assertEquals(5 / 7.0, Metrics.accuracy().of(p));
        assertEquals(2 / 3.0, Metrics.precision().of(p), 1e-15);
        assertEquals(2 / 3.0, Metrics.recall().of(p), 1e-15);
        assertEquals(2 / 3.0, Metrics.f1(Average.BINARY).of(p), 1e-15);
        // 2 beats all but 3, 1 likewise, −1 beats −3 and −2: 3 + 3 + 2 of 12 pairs.
        assertEquals(8 / 12.0, Metrics.rocAuc().of(p), 1e-15);
        assertEquals(String.format("     no yes%n no   3   1%nyes   1   2"), ConfusionMatrix.of(p).toString());
        assertEquals(4 / 7.0, Metrics.accuracy().of(binary(1.5f, new int[] {1, 1, 1, 0, 0, 0, 0}, 2, 1, -1, -3, 3,
            -2, 0)), 1e-15, "another threshold");
    }

    @Test
    void equalScoresCountHalf() {
        assertEquals(0.5, Metrics.rocAuc().of(binary(0, new int[] {1, 0, 0, 1}, 1, 1, 1, 1)));
        assertEquals(3.5 / 4, Metrics.rocAuc().of(binary(0, new int[] {1, 0, 0, 1}, 1, 1, 0, 2)));
    }

    @Test
    void whatHasNoValueIsNaN() {
        assertTrue(Double.isNaN(Metrics.rocAuc().of(binary(0, new int[] {1, 1}, 1, 2))));
        assertTrue(Double.isNaN(Metrics.rocAuc().of(binary(0, new int[] {1, 0}, Float.NaN, 2))));
        assertEquals(0, Metrics.precision().of(binary(0, new int[] {1, 0}, -1, -2)));
        assertEquals(0, Metrics.recall().of(binary(0, new int[] {0, 0}, 1, -2)));
        Predictions nan = classes(new int[] {0, 1}, 2, 1, Float.NaN, 0, 1);
        assertEquals(0.5, Metrics.accuracy().of(nan));
        assertEquals(0.5, Metrics.topK(2).of(nan));
    }

    /** One class against the rest, by softmax probability: raw logits would order these rows otherwise. */
    @Test
    void areaForSeveralClasses() {
        Predictions p = classes(new int[] {0, 1, 2, 2}, 3, 5, 4, 0, 6, 8, 1, 0, 1, 2, 3, 0, 1);
        double ofA = 2 / 3.0;
        double ofB = 3 / 3.0;
        double ofC = 4 / 4.0;
        assertEquals((ofA + ofB + ofC) / 3, Metrics.rocAuc().of(p), 1e-15);
        assertEquals(Metrics.rocAuc().of(binary(0, new int[] {1, 0, 1}, 1, -1, -2)),
            Metrics.rocAuc().of(classes(new int[] {1, 0, 1}, 2, 5, 6, 3, 2, 9, 7)), "two outputs for two classes");
    }

    @Test
    void numbers() {
        Predictions p = numbers(1, new float[] {1, 2, 3, 6}, 1, 3, 3, 4);
        assertEquals(3 / 4.0, Metrics.mae().of(p));
        assertEquals(Math.sqrt(5 / 4.0), Metrics.rmse().of(p));
        assertEquals(1 - 5 / 14.0, Metrics.rSquared().of(p), 1e-15);
        Predictions twoColumns = numbers(2, new float[] {1, 7, 3, 7}, 2, 7, 2, 7);
        assertEquals(0.5, Metrics.mae().of(twoColumns));
        assertEquals((0 + 1) / 2.0, Metrics.rSquared().of(twoColumns));
        assertEquals(0, Metrics.rSquared().of(numbers(1, new float[] {7, 7}, 7, 8)));
        assertTrue(Double.isNaN(Metrics.rSquared().of(numbers(1, new float[] {7, 7}, 7, Float.NaN))));
    }

    @Test
    void severalYesOrNoColumns() {
        Dataset data = Dataset.regression("d", List.of("x"), new float[2], List.of("y", "z"), new float[] {1, 0, 1, 1});
        Predictions p = new Predictions(data, new float[] {1, 1, 1, -1}, 2, 0, true);
        assertEquals(0.5, Metrics.accuracy().of(p));
        assertEquals(2 / 3.0, Metrics.precision().of(p), 1e-15);
    }

    /** The area against the definition: pairs won, over all pairs. */
    @Property(tries = 200)
    void areaIsTheShareOfPairsWon(@ForAll @IntRange(min = 2, max = 40) int rows, @ForAll long seed) {
        Random random = new Random(seed);
        int[] labels = IntStream.range(0, rows).map(i -> i < 2 ? i : random.nextInt(2)).toArray();
        float[] scores = new float[rows];
        for (int i = 0; i < rows; i++) {
            scores[i] = random.nextInt(7) - 3;
        }
        double won = 0;
        double pairs = 0;
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < rows; j++) {
                if (labels[i] == 1 && labels[j] == 0) {
                    pairs++;
                    won += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
                }
            }
        }
        assertEquals(won / pairs, Metrics.rocAuc().of(binary(0, labels, scores)), 1e-12);
    }

    /** Micro averages are the accuracy, and F1 lies between precision and recall. */
    @Property(tries = 100)
    void averages(@ForAll @IntRange(min = 1, max = 40) int rows, @ForAll @IntRange(min = 2, max = 6) int classes,
                  @ForAll long seed) {
        Random random = new Random(seed);
        float[] outputs = new float[rows * classes];
        for (int i = 0; i < outputs.length; i++) {
            outputs[i] = random.nextInt(5);
        }
        Predictions p = classes(random.ints(rows, 0, classes).toArray(), classes, outputs);
        double accuracy = Metrics.accuracy().of(p);
        assertEquals(accuracy, Metrics.f1(Average.MICRO).of(p), 1e-12);
        assertEquals(accuracy, Metrics.topK(1).of(p), 1e-12);
        assertEquals(1, Metrics.topK(classes).of(p));
        assertEquals(accuracy * rows, Arrays.stream(ConfusionMatrix.of(p).counts()).flatMapToLong(Arrays::stream).sum()
            * accuracy, 1e-9);
    }

    @Test
    void directionFollowsTheName() {
        for (String name : List.of("accuracy", "val_accuracy", "val_top_5_accuracy", "val_f1_macro", "val_auc", "r2")) {
            assertTrue(Metrics.higherIsBetter(name), name);
        }
        for (String name : List.of("loss", "val_loss", "val_mae", "val_rmse", "gradient_norm")) {
            assertFalse(Metrics.higherIsBetter(name), name);
        }
    }

    @Test
    void whatMeansNothingIsRefused() {
        Predictions numbers = numbers(1, new float[] {1}, 1);
        assertMessage("d has numbers to predict, not classes; use mae", () -> Metrics.accuracy().of(numbers));
        assertMessage("d has classes to predict, not numbers", () -> Metrics.mae().of(FOUR_CLASSES));
        assertMessage("a binary average over the 4 classes of d", () -> Metrics.f1(Average.BINARY).of(FOUR_CLASSES));
        assertMessage("no output per class", () -> Metrics.topK(2).of(binary(0, new int[] {0}, 1)));
        assertMessage("the top 0 classes", () -> Metrics.topK(0));
        assertMessage("one output a row for the 3 classes of d", () -> classes(new int[] {2}, 1, 1));
        assertMessage("3 outputs in rows of 2 for 1 rows", () -> classes(new int[] {1}, 2, 1, 2, 3));
    }

    private static Predictions classes(int[] labels, int columns, float... outputs) {
        List<String> names = List.of("a", "b", "c", "d", "e", "f").subList(0, columns == 1 ? 3 : columns);
        return new Predictions(Dataset.classification("d", List.of("x"), new float[labels.length], "y", labels, names),
            outputs, columns, 0, false);
    }

    private static Predictions binary(float threshold, int[] labels, float... outputs) {
        return new Predictions(Dataset.classification("d", List.of("x"), new float[labels.length], "y", labels,
            List.of("no", "yes")), outputs, 1, threshold, false);
    }

    private static Predictions numbers(int columns, float[] targets, float... outputs) {
        return new Predictions(Dataset.regression("d", List.of("x"), new float[targets.length / columns],
            List.of("y", "z").subList(0, columns), targets), outputs, columns, 0, false);
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }
}
