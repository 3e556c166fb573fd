package org.talweg.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Splits and batches: complete, seeded, in proportion. */
class SplitTest {

    @ParameterizedTest
    @CsvSource({"0.8, 0.2, 120, 30, 0", "0.6, 0.2, 90, 30, 30", "0.7, 0.15, 105, 23, 22", "1, 0, 150, 0, 0"})
    void everyRowIsInOnePart(double train, double validation, int trainRows, int validationRows, int testRows) {
        Dataset data = numbered(150);
        Split split = data.shuffle(3).split(train, validation);
        assertEquals(trainRows, split.train().rows());
        assertEquals(validationRows, split.validation().rows());
        assertEquals(testRows, split.test().rows());
        float[] all = new float[150];
        System.arraycopy(split.train().features(), 0, all, 0, trainRows);
        System.arraycopy(split.validation().features(), 0, all, trainRows, validationRows);
        System.arraycopy(split.test().features(), 0, all, trainRows + validationRows, testRows);
        Arrays.sort(all);
        assertArrayEquals(data.features(), all);
    }

    /** Cut without shuffling, iris would have a part of one species only. */
    @ParameterizedTest
    @ValueSource(strings = {"iris", "digits", "breast_cancer"})
    void classesKeepTheirProportion(String name) {
        Dataset data = Datasets.builtIn(name);
        Split split = data.split(0.6, 0.3);
        for (int label = 0; label < data.classes(); label++) {
            double whole = count(data, label);
            assertEquals(0.6 * whole, count(split.train(), label), 1.0);
            assertEquals(0.3 * whole, count(split.validation(), label), 1.0);
            assertEquals(0.1 * whole, count(split.test(), label), 1.0);
        }
        assertEquals(Math.round(0.6 * data.rows()), split.train().rows());
    }

    @Test
    void everyRowIsInOneFold() {
        Dataset data = Datasets.builtIn("iris").shuffle(1);
        List<Split> folds = data.folds(4);
        int rows = 0;
        for (Split fold : folds) {
            assertEquals(150, fold.train().rows() + fold.validation().rows());
            assertEquals(37.5, fold.validation().rows(), 0.5);
            rows += fold.validation().rows();
            for (int label = 0; label < 3; label++) {
                assertEquals(12.5, count(fold.validation(), label), 0.5);
            }
        }
        assertEquals(150, rows);
        float[] held = new float[10];
        for (int fold = 0; fold < 10; fold++) {
            held[fold] = numbered(10).folds(10).get(fold).validation().features()[0];
        }
        Arrays.sort(held);
        assertArrayEquals(numbered(10).features(), held);
        assertThrows(IllegalArgumentException.class, () -> numbered(3).folds(4));
        assertThrows(IllegalArgumentException.class, () -> numbered(3).folds(1));
    }

    private static long count(Dataset data, int label) {
        return IntStream.of(data.labels()).filter(value -> value == label).count();
    }

    /** Philox is integer arithmetic, so these numbers, computed apart from this code, hold on every machine. */
    @Test
    void aSeedDecidesTheOrder() {
        Dataset data = numbered(10);
        float[] order = data.shuffle(42).features();
        assertArrayEquals(order, data.shuffle(42).features());
        assertArrayEquals(new float[] {2, 3, 8, 7, 1, 5, 4, 0, 9, 6}, order);
    }

    @Test
    void labelsAndTargetsFollowTheirRows() {
        Dataset data = Dataset.classification("d", List.of("x"), new float[] {0, 1, 2, 3}, "y", new int[] {0, 1, 0, 1},
            List.of("even", "odd"));
        Dataset shuffled = data.shuffle(5);
        for (int i = 0; i < 4; i++) {
            assertEquals((int) shuffled.features()[i] % 2, shuffled.labels()[i]);
        }
        Dataset numbers = Dataset.regression("d", List.of("x"), new float[] {0, 1, 2}, List.of("a", "b"),
            new float[] {0, 10, 1, 11, 2, 12});
        assertArrayEquals(new float[] {2, 12, 0, 10}, numbers.select(2, 0).targets());
    }

    @ParameterizedTest
    @CsvSource({"0, 0.5", "0.8, 0.3", "0.5, -0.1", "NaN, 0.1", "0.01, 0.5"})
    void impossibleShares(double train, double validation) {
        String message = assertThrows(IllegalArgumentException.class,
            () -> numbered(10).split(train, validation)).getMessage();
        assertTrue(message.contains("" + train), message);
    }

    @Test
    void inconsistentDataSetsAreRefused() {
        assertMessage("5 values do not make rows of 2 features", () -> Dataset.regression("d", List.of("a", "b"),
            new float[5], List.of("y"), new float[2]));
        assertMessage("3 target values in columns [y] for 2 rows", () -> Dataset.regression("d", List.of("a", "b"),
            new float[4], List.of("y"), new float[3]));
        assertMessage("label 2 in row 1; classes are 0 to 1", () -> Dataset.classification("d", List.of("a"),
            new float[2], "y", new int[] {0, 2}, List.of("no", "yes")));
        assertMessage("batch size is 0", () -> DataLoader.of(numbered(3), 0));
        assertMessage("has no rows", () -> DataLoader.of(numbered(3).select(), 1));
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }

    @Test
    void loadersCutTheRowsAndOrderThemAnewEachEpoch() {
        DataLoader loader = DataLoader.of(numbered(10), 4);
        assertEquals(2, loader.fullBatches());
        assertEquals(2, loader.lastBatch());
        assertEquals(3, loader.batches());
        assertEquals(2, DataLoader.of(numbered(8), 4).batches());
        int[] identity = IntStream.range(0, 10).toArray();
        assertArrayEquals(identity, loader.order(3));
        int[] first = loader.shuffled(1).order(1);
        int[] second = loader.shuffled(1).order(2);
        assertTrue(!Arrays.equals(first, second) && !Arrays.equals(first, identity));
        assertArrayEquals(first, loader.shuffled(1).order(1));
        Arrays.sort(second);
        assertArrayEquals(identity, second);
    }

    private static Dataset numbered(int rows) {
        float[] values = new float[rows];
        for (int i = 0; i < rows; i++) {
            values[i] = i;
        }
        return Dataset.regression("numbered", List.of("x"), values, List.of("y"), values);
    }
}
