package org.talweg.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tables as people have them: without header, with words, with gaps, with other separators. */
class TableTest {
    @TempDir
    Path directory;

    private org.talweg.data.CsvSource table(String text) throws IOException {
        return Datasets.csv(Files.writeString(directory.resolve("t.csv"), text));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '~', value = {
        "a;b\\n1;2\\n3;4\\n", "a\\tb\\n1\\t2\\n3\\t4\\n", "a|b\\n1|2\\n3|4\\n", "1,2\\n3,4\\n", "\\ufeffa,b\\n1,2\\n3,4\\n",
        "\"a\",\"b\"\\r\\n\"1\",\"2\"\\r\\n\"3\",\"4\"\\r\\n", "\"a;x\",\"b;;\"\\n1,2\\n3,4", "\\n\\na,b\\n1 , 2\\n3,\\t4\\n"})
    void separatorAndHeaderAreFound(String text) throws IOException {
        Dataset data = table(text.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r").replace("\\ufeff", "\ufeff"))
            .load();
        assertArrayEquals(new float[] {1, 3}, data.features());
        assertArrayEquals(new float[] {2, 4}, data.targets());
    }

    @Test
    void theHeaderIsWhatItIsSaidToBe() throws IOException {
        assertEquals(2, table("7,8\n1,2\n3,4\n").header(true).target("8").load().rows());
        assertEquals(3, table("7,8\n1,2\n3,4\n").header(false).target("1").load().rows());
        assertArrayEquals(new float[] {2}, table("2019,price\n1,2\n").target("price").load().targets());
        assertEquals(List.of("0", "2"), table("1,2,3\n").target("1").load().featureNames());
        assertEquals("a", table("a,b\n1,2\n").target("-2").load().targetNames().get(0));
        assertEquals(List.of("a", "a.1"), table("a,a,y\n1,2,3\n").load().featureNames());
    }

    @Test
    void theTargetIsTheUsualColumnOrTheLast() throws IOException {
        assertEquals(List.of("Label"), table("Label,b\n1,2\n").load().targetNames());
        assertEquals(List.of("b"), table("a,b\n1,2\n").load().targetNames());
    }

    @Test
    void wordsBecomeFeatures() throws IOException {
        String text = "colour,size,y\nred,1,0.5\nblue,2,1.5\nNA,3,1\n";
        Dataset hot = table(text).missing(Missing.FILL).load();
        assertEquals(List.of("colour=blue", "colour=red", "size"), hot.featureNames());
        assertArrayEquals(new float[] {0, 1, 1, 1, 0, 2, 0, 0, 3}, hot.features());
        Dataset index = table(text).encoding(Encoding.INDEX).missing(Missing.FILL).load();
        assertArrayEquals(new float[] {1, 1, 0, 2, Float.NaN, 3}, index.features());
        assertTrue(message(table(text).encoding(Encoding.NONE).missing(Missing.DROP))
            .startsWith("t.csv:2, column 'colour': 'red' is not a finite number; features must be numbers"));
        Dataset zip = table("zip,y\n8001,1.5\n3000,2\n8001,3\n").categorical("zip").load();
        assertEquals(List.of("zip=3000", "zip=8001"), zip.featureNames());
        assertArrayEquals(new float[] {0, 1, 1, 0, 0, 1}, zip.features());
        assertEquals(List.of("a=2", "a=10", "a=x", "a=y"), table("a,b\nx,1\n10,1\ny,1\n2,1\nx,2\n").load().featureNames());
    }

    @Test
    void aMistakeInANumberIsNoCategory() throws IOException {
        assertEquals("t.csv:3, column 'a': '1,5' is not a finite number; features must be numbers, or words in most of the "
            + "column's cells", message(table("a;y\n1;2\n1,5;3\n2;4\n")));
        assertTrue(message(table("a,y\n2020-01-01,1\n2020-01-02,2\n")).contains("'2020-01-01' is not a finite number"));
        assertTrue(message(table("a,y\n1,1\nx,2\n2,3\n3,4\n")).startsWith("t.csv:3, column 'a': 'x'"));
        assertTrue(message(table("a,y\n1,1\n2,zz\n3,2\n4,2")).startsWith("t.csv:3, column 'y': 'zz' is not a finite number; "
            + "targets must be numbers, or words"));
        assertTrue(message(table("a,y\n1,1\n2,zz\n").task(Task.REGRESSION)).contains("the target of a regression"));
        String names = IntStream.range(0, 300).mapToObj(i -> "name" + i + "," + i).collect(Collectors.joining("\n"));
        assertTrue(message(table("a,y\n" + names)).contains("column 'a' has 300 different texts"));
        assertEquals(300, table("a,y\n" + names).encoding(Encoding.INDEX).load().rows());
        assertTrue(message(table("a,y\n" + names).without("a")).contains("no column to learn 'y' from"));
    }

    @Test
    void gapsAreErrorsOrDroppedOrFilled() throws IOException {
        String text = "a,b,y\n1,?,3.5\n2,4,5\n,6,7\n";
        assertTrue(message(table(text)).startsWith("t.csv:2, column 'b': '?' says that the value is missing; fill in a value"));
        assertArrayEquals(new float[] {2, 4}, table(text).missing(Missing.DROP).load().features());
        assertArrayEquals(new float[] {1, 2, Float.NaN}, table(text).without("b").missing(Missing.FILL).load().features());
        Dataset filled = table(text).missing(Missing.FILL).load();
        assertArrayEquals(new float[] {1, 5, 2, 4, 1.5f, 6},
            Scaler.none().filling(Scaler.Fill.MEAN).fit(filled).apply(filled).features());
        assertTrue(message(table("a,y\n1,\n2,3\n").missing(Missing.FILL)).startsWith("t.csv:2, column 'y': the cell is empty"));
        assertTrue(message(table("a,y\n,1\n,3\n").missing(Missing.DROP)).contains("each of its 2 rows lacks a value"));
        Dataset nothing = table("a,b,y\nNA,1,1\n,2,3\n").missing(Missing.FILL).load();
        assertTrue(assertThrows(IllegalArgumentException.class, () -> Scaler.minMax().fit(nothing)).getMessage()
            .contains("no value of feature 'a'"));
    }

    @Test
    void classesOrNumbersAreDecidedSensibly() throws IOException {
        String rows = IntStream.range(0, 30).mapToObj(i -> i + "," + i % 3).collect(Collectors.joining("\n"));
        assertEquals(List.of("0", "1", "2"), table("x,y\n" + rows).load().classNames());
        assertFalse(table("x,y\n" + rows).task(Task.REGRESSION).load().isClassification());
        assertFalse(table("x,y\n" + rows).target("x").load().isClassification());
        assertEquals(30, table("x,y\n" + rows).label("x").load().classes());
        assertEquals(List.of("<=50K", ">50K"), table("x,y\n1,>50K\n2,<=50K\n").load().classNames());
    }

    @Test
    void columnsAreChosen() throws IOException {
        String text = "id,a,b,y\n9,1,2,3\n";
        assertEquals(List.of("a", "b"), table(text).without("id").load().featureNames());
        assertEquals(List.of("b", "id"), table(text).features("b", "0").load().featureNames());
        assertEquals("t.csv has no column 'c'; it has [id, a, b, y]", message(table(text).features("c")));
        assertTrue(message(table(text).categorical("y")).contains("is no feature"));
    }

    private static String message(org.talweg.data.CsvSource source) {
        return assertThrows(IllegalArgumentException.class, source::load).getMessage();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"nothing | neither a built-in data set nor a file", "pom.xml | a file of a kind that is "
        + "not read", "gone.csv | there is no file gone.csv", "src | none of the IDX files"})
    void whatIsNoSourceIsSaid(String source, String message) {
        Exception e = assertThrows(Exception.class, () -> Datasets.open(source, SourceOptions.usual()));
        assertTrue(e.getMessage().contains(message), e.getMessage());
        assertTrue(e instanceof IOException || e instanceof IllegalArgumentException);
    }
}
