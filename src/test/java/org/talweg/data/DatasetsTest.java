package org.talweg.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Reading tables, good and bad. */
class DatasetsTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource({"digits, 1797, 64, 10", "breast_cancer, 569, 30, 2", "diabetes, 442, 10, 0", "iris, 150, 4, 3"})
    void builtInDataSets(String name, int rows, int features, int classes) {
        Dataset data = Datasets.builtIn(name);
        assertEquals(rows, data.rows());
        assertEquals(features, data.columns());
        assertEquals(classes, data.classes());
        assertEquals(classes > 0, data.isClassification());
        for (float value : data.features()) {
            assertTrue(Float.isFinite(value));
        }
    }

    @Test
    void firstRowsAreThoseOfTheFiles() {
        Dataset iris = Datasets.builtIn("iris");
        assertArrayEquals(new float[] {5.1f, 3.5f, 1.4f, 0.2f}, iris.select(0).features());
        assertEquals(List.of("setosa", "versicolor", "virginica"), iris.classNames());
        assertEquals(List.of("benign", "malignant"), Datasets.builtIn("breast_cancer").classNames());
        assertEquals(1, Datasets.builtIn("breast_cancer").labels()[0]);
        assertEquals(151, Datasets.builtIn("diabetes").targets()[0]);
        Dataset digits = Datasets.builtIn("digits");
        assertEquals(List.of("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"), digits.classNames());
        assertEquals(0, digits.labels()[0]);
        assertEquals(5, digits.features()[2]);
    }

    @Test
    void unknownBuiltIn() {
        String message = assertThrows(IllegalArgumentException.class, () -> Datasets.builtIn("mnist")).getMessage();
        assertEquals("no data set 'mnist' is built in; there are digits, breast_cancer, diabetes, iris", message);
    }

    @Test
    void aTableOfNumbers() throws IOException {
        Dataset data = load("size, price ,\"rooms, all\"\n10,1.5,2\n\n-2e1,3,4\n", "price");
        assertEquals(List.of("size", "rooms, all"), data.featureNames());
        assertArrayEquals(new float[] {10, 2, -20, 4}, data.features());
        assertArrayEquals(new float[] {1.5f, 3}, data.targets());
        assertEquals(List.of("price"), data.targetNames());
    }

    @Test
    void namesMakeClassesAndSoDoNumbersWhenAsked() throws IOException {
        Dataset names = load("x,y\n1,b\n2,a\n3,b\n", "y");
        assertEquals(List.of("a", "b"), names.classNames());
        assertArrayEquals(new int[] {1, 0, 1}, names.labels());
        assertFalse(load("x,y\n1,10\n2,9\n", "y").isClassification());
        Dataset numbers = Datasets.csv(write("x,y\n1,10\n2,9\n")).label("y").load();
        assertEquals(List.of("9", "10"), numbers.classNames());
        assertArrayEquals(new int[] {1, 0}, numbers.labels());
    }

    @Test
    void compressedFiles() throws IOException {
        Path path = directory.resolve("table.csv.gz");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(path))) {
            out.write("x,y\n1,2\n".getBytes(StandardCharsets.UTF_8));
        }
        assertArrayEquals(new float[] {2}, Datasets.csv(path).target("y").load().targets());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "x,y\\n1,2\\n3;4,5\\n | table.csv:3, column 'x': '3;4' is not a finite number",
        "x,y\\n1,2\\n,5\\n | table.csv:3, column 'x': the cell is empty",
        "x,y\\n1,2\\n3,\\n | table.csv:3, column 'y': the cell is empty",
        "x,y\\nNaN,2\\n | table.csv:2, column 'x': 'NaN' says that the value is missing",
        "x,y\\n1d,2\\n | table.csv:2, column 'x': '1d' is not a finite number",
        "x,y\\n1e60,2\\n | table.csv:2, column 'x': '1e60' is not a finite number",
        "x,y\\n1,2,3\\n | table.csv:2: 3 cells; the header has 2",
        "x,z\\n1,2\\n | table.csv has no column 'y'; it has [x, z]",
        "x,y\\n | table.csv has no rows below its header"})
    void badTablesNameThePlace(String text, String message) {
        String actual = assertThrows(IllegalArgumentException.class, () -> load(text.replace("\\n", "\n"), "y"))
            .getMessage();
        assertTrue(actual.startsWith(message.strip()), actual);
    }

    private Dataset load(String text, String target) throws IOException {
        return Datasets.csv(write(text)).target(target).load();
    }

    private Path write(String text) throws IOException {
        return Files.writeString(directory.resolve("table.csv"), text);
    }
}
