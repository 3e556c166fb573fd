package org.talweg.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.data.ArrayFiles.idx;
import static org.talweg.data.ArrayFiles.npy;
import static org.talweg.data.ArrayFiles.npz;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.talweg.tensor.Shape;

/** Arrays of NumPy, IDX and safetensors: every type and order, forged headers, and data sets made of them. */
class ArraySourceTest {
    @TempDir
    Path directory;

    private static Path resource(String name) throws URISyntaxException {
        return Path.of(ArraySourceTest.class.getResource(name).toURI());
    }

    /** The file is NumPy's own, from {@code savez_compressed}. */
    @Test
    void everyTypeOfNumPy() throws Exception {
        Map<String, NumberArray> arrays = Npy.npz(resource("numpy.npz"));
        assertEquals(21, arrays.size());
        for (String type : List.of("i1", "i2", "i2be", "i4", "i4be", "i8", "i8be", "f2", "f2be", "f4", "f4be", "f8",
            "f8be", "u1", "u2", "u4", "u8", "b1")) {
            NumberArray array = arrays.get(type);
            assertEquals(Shape.of(3, 4), array.shape(), type);
            assertEquals(type.startsWith("f"), array.isFloat());
            for (int i = 0; i < 12; i++) {
                int value = i - 3;
                double expected = switch (type.charAt(0)) {
                    case 'i' -> value;
                    case 'f' -> value / 4.0;
                    case 'b' -> Math.floorMod(value, 3) == 0 ? 1 : 0;
                    default -> type.equals("u8") ? value + 3 : value + Math.pow(2, 8 * (type.charAt(1) - '0')) - 20;
                };
                assertEquals(expected, array.get(i / 4, i % 4), type + " " + i);
            }
        }
        Rows fortran = arrays.get("fortran").asRows();
        assertEquals(12, fortran.columns());
        for (int i = 0; i < 24; i++) {
            assertEquals(i, fortran.toArray()[i], "column-major, read in row-major order");
        }
    }

    @Test
    void numbersAtTheEdges() throws Exception {
        Map<String, NumberArray> arrays = Npy.npz(resource("numpy.npz"));
        double[] halves = {65504, Math.scalb(1.0, -24), -Math.scalb(1.0, -14), Double.POSITIVE_INFINITY};
        for (int i = 0; i < halves.length; i++) {
            assertEquals(halves[i], arrays.get("half_extremes").get(i, 0));
        }
        assertEquals(0x1p64, arrays.get("u8_large").get(0, 0));
        assertEquals(0x1p63, arrays.get("u8_large").get(1, 0));
        Dataset table = Datasets.npy(resource("fortran_be.npy")).target("0").load();
        assertArrayEquals(new float[] {7, 8, 9, 10, 11}, table.select(1).features());
        assertArrayEquals(new float[] {0, 6, 12, 18}, table.targets());
        assertEquals(List.of("x1", "x2", "x3", "x4", "x5"), table.featureNames());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } | 47 | claims 48 bytes of values in the shape [3×4], and 47",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2147483647, 2147483647), } | 4 | more than 2⁶³ bytes",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2147483647, 2147483647, 9), } | 4 | more than 2⁶³ bytes",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2000000000), } | 4 | claims 8000000000 bytes",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), } | 4 | an extent from 0 to 2147483647",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), } | 4 | an extent from 0",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4), } | 16 | a tuple, with a comma",
        "{'descr': '<U4', 'fortran_order': False, 'shape': (1,), } | 16 | store class names as numbers",
        "{'descr': '=O', 'fortran_order': False, 'shape': (1,), } | 8 | its type is '=O'",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), } | 4 | than ''",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), } | 4 | True or False",
        "{'descr': '<f4', 'shape': (1,), } | 4 | lacks one of",
        "{'descr': '<f4', 'descr': '<f4', 'shape': (1,), } | 4 | key 'descr' too many",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x | 4 | nothing more",
        "__import__('os') | 4 | than '{'"})
    void headersOfNumPyAreReadStrictly(String header, int bytes, String message) throws IOException {
        Path path = Files.write(directory.resolve("a.npy"), npy(header, new byte[bytes]));
        String actual = assertThrows(IOException.class, () -> Npy.npy(path)).getMessage();
        assertTrue(actual.startsWith(path + " is not a usable NPY file: "), actual);
        assertTrue(actual.contains(message), actual);
        Path zip = Files.write(directory.resolve("a.npz"), npz(Map.of("x", Files.readAllBytes(path))));
        assertThrows(IOException.class, () -> Npy.npz(zip));
    }

    @Test
    void anArchiveMayNotHoldMoreOrLessThanItSays() throws IOException {
        String small = "{'descr': '|u1', 'fortran_order': False, 'shape': (10, 2), }";
        Path more = Files.write(directory.resolve("more.npz"), npz(Map.of("x", npy(small, new byte[50_000_000]))));
        assertTrue(Files.size(more) < 100_000, "a bomb: " + Files.size(more) + " bytes");
        assertTrue(message(() -> Npy.npz(more)).contains("claims 20 bytes of values in the shape [10×2], and 50000000 follow"));
        int header = 10 + small.length();
        Path bomb = Files.write(directory.resolve("bomb.npz"), forged(Files.readAllBytes(more), header + 20));
        assertTrue(message(() -> Npy.npz(bomb)).contains("goes on after the 20 bytes that its header claims"));
        String large = "{'descr': '|u1', 'fortran_order': False, 'shape': (2000000000,), }";
        byte[] few = npz(Map.of("x", npy(large, new byte[100])));
        assertTrue(message(() -> read("less.npz", few)).contains("claims 2000000000 bytes of values in the shape [2000000000], and 100"));
        assertTrue(message(() -> read("forged.npz", forged(few, 10 + large.length() + 2_000_000_000)))
            .contains("claims 2000000000 bytes of values, more than "));
        byte[] ends = npz(Map.of("x", npy(small, new byte[18])));
        assertTrue(message(() -> read("ends.npz", forged(ends, header + 20))).contains("ends after 18 of 20 bytes"));
    }

    private Map<String, NumberArray> read(String name, byte[] bytes) throws IOException {
        return Npy.npz(Files.write(directory.resolve(name), bytes));
    }

    /** An archive of one member with another size in its directory. */
    private static byte[] forged(byte[] archive, int size) {
        byte[] forged = archive.clone();
        return put(forged, entry(forged, 0) + 24, size);
    }

    /** Where an entry of the directory begins. */
    private static int entry(byte[] archive, int number) {
        ByteBuffer bytes = ByteBuffer.wrap(archive).order(ByteOrder.LITTLE_ENDIAN);
        int at = bytes.getInt(archive.length - 6);
        for (int i = 0; i < number; i++) {
            at += 46 + bytes.getShort(at + 28) + bytes.getShort(at + 30) + bytes.getShort(at + 32);
        }
        return at;
    }

    private static byte[] put(byte[] bytes, int at, int value) {
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(at, value);
        return bytes;
    }

    @Test
    void archivesAreReadStrictly() throws IOException {
        double[] values = IntStream.range(0, 40).mapToDouble(i -> i).toArray();
        Map<String, byte[]> arrays = new LinkedHashMap<>();
        arrays.put("x", ArrayFiles.numbers("<f4", values, "(10, 4)"));
        arrays.put("y", ArrayFiles.numbers("<f4", values, "(10, 4)"));
        byte[] stored = ArrayFiles.stored(arrays);
        assertEquals(39, read("good.npz", stored).get("y").get(9, 3));
        int second = entry(stored, 1);
        int place = ByteBuffer.wrap(stored).order(ByteOrder.LITTLE_ENDIAN).getInt(second + 42);
        byte[] end = Arrays.copyOfRange(stored, stored.length - 22, stored.length);
        Map<byte[], String> wrong = new LinkedHashMap<>();
        wrong.put(new byte[0], "it is no ZIP archive, or its end is missing");
        wrong.put(Arrays.copyOf(stored, stored.length - 1), "it is no ZIP archive, or its end is missing");
        wrong.put(flip(stored, place - 5, 1), "its checksum is not that of its contents");
        wrong.put(flip(stored, second + 8, 1), "y.npy is encrypted");
        wrong.put(flip(stored, second + 10, 14), "y.npy is compressed by method 14; read are 0, stored, and 8");
        wrong.put(put(stored.clone(), second + 42, 3), "y.npy is not at 3, where the directory has it");
        wrong.put(put(stored.clone(), second + 42, 0), "lies over what follows it");
        wrong.put(put(stored.clone(), second + 24, 1 << 30), "y.npy is stored, and takes ");
        wrong.put(put(put(stored.clone(), second + 24, -2), second + 20, -2), "y.npy of 4294967294 bytes at ");
        wrong.put(put(put(stored.clone(), second + 24, -1), second + 20, -1), "y.npy of 4294967295 bytes at ");
        wrong.put(put(stored.clone(), stored.length - 6, stored.length), "does not fit into " + stored.length);
        wrong.put(put(stored.clone(), stored.length - 12, entry(stored, 2) - entry(stored, 0) << 16 | 255), "has no room for 255 members");
        wrong.put(flip(stored, entry(stored, 0) + 1, 1), "its directory is damaged at byte 0");
        wrong.put(end, "does not fit into 22");
        byte[] twins = stored.clone();
        twins[second + 46] = 'x';
        wrong.put(twins, "it has two arrays 'x'");
        wrong.forEach((bytes, part) -> {
            String message = message(() -> read("bad.npz", bytes));
            assertTrue(message.startsWith(directory.resolve("bad.npz") + (part.startsWith("its checksum")
                ? ": x.npy is not a usable NPY file: " : " is not a usable NPZ file: ")) && message.contains(part), message);
        });
        byte[] comment = Arrays.copyOf(stored, stored.length + 3);
        comment[stored.length - 2] = 3;
        assertEquals(39, read("comment.npz", comment).get("x").get(9, 3));
    }

    private static byte[] flip(byte[] bytes, int at, int bits) {
        byte[] flipped = bytes.clone();
        flipped[at] ^= (byte) bits;
        return flipped;
    }

    /** What does not fit into 32 bits stands in fields of its own, even where it would fit. */
    @Test
    void archivesMayBeOfTheLargeForm() throws IOException {
        byte[] plain = ArrayFiles.stored(Map.of("x", ArrayFiles.numbers("<f4", new double[] {1, 2, 3}, "(3,)")));
        int at = entry(plain, 0);
        int size = ByteBuffer.wrap(plain).order(ByteOrder.LITTLE_ENDIAN).getInt(at + 24);
        int length = 46 + 5 + 28;
        ByteBuffer large = ByteBuffer.allocate(at + length + 56 + 20 + 22).order(ByteOrder.LITTLE_ENDIAN);
        large.put(plain, 0, at + 46 + 5).putShort((short) 1).putShort((short) 24).putLong(size).putLong(size).putLong(0);
        large.putInt(at + 20, -1).putInt(at + 24, -1).putInt(at + 42, -1).putShort(at + 30, (short) 28);
        int end64 = large.position();
        large.putInt(0x06064b50).putLong(44).putShort((short) 45).putShort((short) 45).putInt(0).putInt(0).putLong(1)
            .putLong(1).putLong(length).putLong(at);
        large.putInt(0x07064b50).putInt(0).putLong(end64).putInt(1);
        large.putInt(0x06054b50).putShort((short) 0).putShort((short) 0).putShort((short) -1).putShort((short) -1).putInt(-1)
            .putInt(-1).putShort((short) 0);
        assertEquals(3, read("large.npz", large.array()).get("x").get(2, 0));
        byte[] lost = put(large.array().clone(), end64 + 48, 7);
        assertTrue(message(() -> read("lost.npz", lost)).contains("its directory is damaged at byte 0"));
    }

    /** Neither what is stored nor what is unpacked to more than a little comes into the heap, and no file stays. */
    @Test
    void largeArraysStayOutOfTheHeap() throws IOException {
        byte[] array = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (50000, 1000), }", pixels(50_000_000));
        Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
        for (byte[] archive : List.of(ArrayFiles.stored(Map.of("x", array)), npz(Map.of("x", array)))) {
            Path path = Files.write(directory.resolve("large.npz"), archive);
            ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            long before = threads.getCurrentThreadAllocatedBytes();
            NumberArray read = Npy.npz(path).get("x");
            long allocated = threads.getCurrentThreadAllocatedBytes() - before;
            assertTrue(allocated < 1 << 20, allocated + " bytes for " + Files.size(path));
            assertEquals((byte) 49_999_999 & 0xff, read.get(49_999, 999));
            assertEquals((byte) 12_345_678 & 0xff, read.get(12_345, 678));
            try (Stream<Path> files = Files.list(temporary)) {
                assertFalse(files.anyMatch(file -> file.toString().endsWith(".unpacked")), "a file stays in " + temporary);
            }
        }
    }

    private interface Reading {
        Object read() throws IOException;
    }

    private static String message(Reading reading) {
        return assertThrows(IOException.class, reading::read).getMessage();
    }

    @Test
    void foldersOfIdxFilesKeepTheirTestRowsApart() throws IOException {
        Files.write(directory.resolve("train-images-idx3-ubyte"), idx(8, pixels(30 * 4), 30, 2, 2));
        Files.write(directory.resolve("train-labels-idx1-ubyte.gz"), ArrayFiles.gzip(idx(8, classes(30), 30)));
        Files.write(directory.resolve("t10k-images-idx3-ubyte.gz"), ArrayFiles.gzip(idx(8, pixels(8), 2, 2, 2)));
        Files.write(directory.resolve("t10k-labels-idx1-ubyte"), idx(8, classes(2), 2));
        Loaded loaded = Datasets.open(directory.toString(), SourceOptions.usual());
        assertEquals(30, loaded.rows().rows());
        assertEquals(2, loaded.test().rows());
        assertEquals(List.of("pixel0_0", "pixel0_1", "pixel1_0", "pixel1_1"), loaded.rows().featureNames());
        assertEquals(List.of("0", "1", "2"), loaded.rows().classNames());
        assertEquals(loaded.rows().classNames(), loaded.test().classNames(), "the test has but two of them");
        assertArrayEquals(new float[] {4, 5, 6, 7}, loaded.rows().select(1).features());
        assertArrayEquals(new int[] {0, 1, 2, 0}, loaded.rows().select(0, 1, 2, 3).labels());
        Files.copy(directory.resolve("train-images-idx3-ubyte"), directory.resolve("train-images.idx3-ubyte"));
        assertTrue(message(() -> Datasets.idx(directory)).contains("keep one of them"));
    }

    private static byte[] pixels(int count) {
        byte[] pixels = new byte[count];
        for (int i = 0; i < count; i++) {
            pixels[i] = (byte) i;
        }
        return pixels;
    }

    private static byte[] classes(int count) {
        byte[] classes = new byte[count];
        for (int i = 0; i < count; i++) {
            classes[i] = (byte) (i % 3);
        }
        return classes;
    }

    @Test
    void idxFilesAreReadStrictly() throws IOException {
        for (byte[] bytes : List.of(idx(8, new byte[3], 4), idx(8, new byte[5], 4), idx(10, new byte[4], 4), new byte[3],
            idx(14, new byte[8], Integer.MAX_VALUE, Integer.MAX_VALUE, 100), idx(8, new byte[4], -4))) {
            Path plain = Files.write(directory.resolve("x-idx"), bytes);
            assertTrue(message(() -> Idx.read(plain)).startsWith(plain + " is not a usable IDX file: "));
            Path packed = Files.write(directory.resolve("x-idx.gz"), ArrayFiles.gzip(bytes));
            assertTrue(message(() -> Idx.read(packed)).startsWith(packed.toString()));
        }
        Path bomb = Files.write(directory.resolve("bomb.gz"), ArrayFiles.gzip(idx(8, new byte[50_000_000], 4)));
        assertTrue(message(() -> Idx.read(bomb)).contains("goes on after the 4 bytes"));
        assertEquals(-2.5, Idx.read(Files.write(directory.resolve("f"), idx(0x0e,
            ByteBuffer.allocate(8).putDouble(-2.5).array(), 1))).get(0, 0));
    }

    @Test
    void safetensorsOfAnyTypeAreDataToo() throws IOException {
        Path path = directory.resolve("d.safetensors");
        Files.write(path, ArrayFiles.safetensors("{'x':{'dtype':'BF16','shape':[2,2],'data_offsets':[2,10]},"
            + "'y':{'dtype':'U8','shape':[2],'data_offsets':[0,2]}}", new byte[] {7, 9, (byte) 0x80, 0x3f, 0, (byte) 0xc0,
            0, 0, 0x40, 0x40}));
        Dataset data = Datasets.safetensors(path).load();
        assertArrayEquals(new float[] {1, -2, 0, 3}, data.features());
        assertArrayEquals(new float[] {7, 9}, data.targets(), "two rows are too few for classes");
        assertArrayEquals(new int[] {0, 1}, Datasets.safetensors(path).task(Task.CLASSIFICATION).load().labels());
    }

    @Test
    void whatIsPredictedIsDecidedSensibly() throws IOException {
        assertTrue(target("<i4", i -> i % 3).isClassification(), "0 to 2, ten of each");
        assertTrue(target("<f4", i -> 1 + i % 3).isClassification(), "1 to 3");
        assertFalse(target("<i4", i -> i).isClassification(), "all different");
        assertFalse(target("<f4", i -> i % 3 / 2.0).isClassification(), "halves");
        assertEquals(List.of("-5", "5"), target("<i4", i -> i % 2 * 10 - 5).classNames());
        assertFalse(target("<i4", i -> 4).isClassification(), "a constant");
    }

    private Dataset target(String type, IntToDoubleFunction values) throws IOException {
        Path path = Files.write(directory.resolve("t.npz"), npz(Map.of(
            "X", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (30, 2), }", new byte[240]),
            "y", ArrayFiles.numbers(type, IntStream.range(0, 30).mapToDouble(values).toArray(), "(30,)"))));
        return Datasets.open(path.toString(), SourceOptions.usual()).rows();
    }

    @Test
    void severalTargetsAndOneHotRows() throws IOException {
        double[] hot = {1, 0, 0, 1, 0, 1};
        Path path = Files.write(directory.resolve("t.npz"), npz(Map.of(
            "data", ArrayFiles.numbers("<f8", new double[] {1, 2, 3}, "(3,)"),
            "target", ArrayFiles.numbers("<f4", hot, "(3, 2)"))));
        Dataset classes = Datasets.npz(path).load();
        assertArrayEquals(new int[] {0, 1, 1}, classes.labels());
        assertEquals(1, classes.columns(), "one number a row");
        Dataset numbers = Datasets.npz(path).task(Task.REGRESSION).load();
        assertEquals(List.of("target0", "target1"), numbers.targetNames());
        assertArrayEquals(new float[] {1, 0, 0, 1, 0, 1}, numbers.targets());
        assertEquals("data", Datasets.npz(path).features("target").target("data").load().targetNames().get(0));
    }

    @Test
    void missingAndInfiniteNumbers() throws IOException {
        Path path = Files.write(directory.resolve("t.npz"), npz(Map.of(
            "x", ArrayFiles.numbers("<f4", new double[] {1, Double.NaN, 3, 4, 5, 6}, "(3, 2)"),
            "y", ArrayFiles.numbers("<f4", new double[] {1.5, 2, 3}, "(3,)"))));
        String message = assertThrows(IllegalArgumentException.class, () -> Datasets.npz(path).load()).getMessage();
        assertTrue(message.startsWith("t.npz: x, row 0, number 1 of the row: NaN is a missing value"), message);
        assertArrayEquals(new float[] {3, 4, 5, 6}, Datasets.npz(path).missing(Missing.DROP).load().features());
        Dataset gaps = Datasets.npz(path).missing(Missing.FILL).load();
        Scaler filling = Scaler.standard().filling(Scaler.Fill.MEAN).fit(gaps);
        assertEquals(0, filling.apply(gaps).features()[1], "the mean, scaled");
        assertEquals(5, Scaler.none().filling(Scaler.Fill.MEDIAN).fit(gaps).apply(gaps).features()[1]);
        Path infinite = Files.write(directory.resolve("i.npz"), npz(Map.of(
            "x", ArrayFiles.numbers("<f8", new double[] {1, 1e60}, "(2,)"),
            "y", ArrayFiles.numbers("<f4", new double[] {1, 2}, "(2,)"))));
        assertTrue(assertThrows(IllegalArgumentException.class, () -> Datasets.npz(infinite).missing(Missing.FILL).load())
            .getMessage().contains("row 1, number 0 of the row: 1.0E60 is not a finite float32 number"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "a, b, c | | | holds a [3], b [3], c [3]; say which array to learn from and which to predict",
        "a, b, c | a | | besides 'a'|",
        "a, y | y | | ", "x, y | | | ", "a, b | b | | ",
        "x, y | q | | has no array 'q'; it holds x [3], y [3]",
        "x | | | is no table of features and a target"})
    void arraysAreFoundByName(String names, String target, String features, String message) throws IOException {
        Map<String, byte[]> arrays = new LinkedHashMap<>();
        for (String name : names.split(", ")) {
            arrays.put(name, ArrayFiles.numbers("<f4", new double[] {1, 2, 4}, "(3,)"));
        }
        ArraySource source = Datasets.npz(Files.write(directory.resolve("t.npz"), npz(arrays))).target(target)
            .features(features);
        if (message == null) {
            assertEquals(3, source.load().rows());
        } else {
            String actual = assertThrows(IllegalArgumentException.class, source::load).getMessage();
            assertTrue(actual.contains(message), actual);
        }
    }

    @Test
    void javaArraysAndStreams() {
        Dataset classes = Datasets.classification(new float[][] {{1, 2}, {3, 4}}, new int[] {1, 0});
        assertArrayEquals(new float[] {1, 2, 3, 4}, classes.features());
        assertEquals(List.of("0", "1"), classes.classNames());
        Dataset numbers = Datasets.regression(new float[][] {{1}, {2}}, new float[] {5}, new float[] {6});
        assertArrayEquals(new float[] {5, 6}, numbers.targets());
        Dataset words = Datasets.classification(List.of("to", "be", "or").stream(),
            word -> new float[] {word.length(), word.charAt(0)}, word -> word.endsWith("o") ? "o" : "other");
        assertEquals(List.of("o", "other"), words.classNames());
        assertArrayEquals(new int[] {0, 1, 1}, words.labels());
        assertArrayEquals(new float[] {0.5f}, Datasets.regression(List.of(2).stream(), i -> new float[] {i}, i -> 1.0 / i)
            .targets());
        assertTrue(assertThrows(IllegalArgumentException.class, () -> Datasets.classification(
            new float[][] {{1, 2}, {3}}, new int[] {0, 1})).getMessage().contains("row 1 has 1 numbers"));
        assertThrows(IllegalArgumentException.class, () -> Datasets.regression(new float[][] {{Float.NaN}},
            new float[] {1}));
    }

    /** What lies in a file gives the same numbers as what lies in an array, split, selected and scaled. */
    @Test
    void mappedRowsAreTheSameAsArrays() throws IOException {
        double[] values = IntStream.range(0, 600).mapToDouble(i -> Math.sin(i)).toArray();
        Path path = Files.write(directory.resolve("t.npy"), ArrayFiles.numbers(">f4", values, "(100, 6)"));
        Dataset mapped = Datasets.npy(path).load();
        Dataset array = Dataset.regression("t", mapped.featureNames(), mapped.features().clone(), mapped.targetNames(),
            mapped.targets());
        assertFalse(mapped.source() instanceof ArrayRows);
        for (Scaler.Method method : List.of(Scaler.standard(), Scaler.robust(), Scaler.l2())) {
            Split one = mapped.shuffle(3).split(0.6, 0.2);
            Split other = array.shuffle(3).split(0.6, 0.2);
            assertArrayEquals(method.fit(other.train()).apply(other).validation().features(),
                method.fit(one.train()).apply(one).validation().features());
            assertArrayEquals(method.fit(other.train()).apply(other.test()).select(3, 1).features(),
                method.fit(one.train()).apply(one.test()).select(3, 1).features());
        }
    }
}
