package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Data larger than the heap, trained on by a process that has no more. */
class LargeDataTest {
    private static final int ROWS = 40_000;
    private static final int COLUMNS = 200;
    private static final String HEAP = "-Xmx48m";

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anArchiveLargerThanTheHeapIsTrainedOn(boolean compressed) throws IOException, InterruptedException {
        Path data = folder.resolve("large.npz");
        write(data, compressed);
        Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), HEAP,
            "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path"),
            "org.talweg.cli.Main", "train", data.toString(), "--device", "cpu", "--hidden", "none", "--epochs", "1", "--batch",
            "100", "--lr", "0.01", "--data-memory", "8M", "--out", folder.resolve("run").toString())
            .redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
        assertTrue(said.contains("large.npz: 40,000 rows of 200 features, 2 classes of y"), said);
        assertTrue(Files.exists(folder.resolve("run/report.html")), said);
        double accuracy = Double.parseDouble(said.replaceAll("(?s).*test    loss \\S+  accuracy (\\S+) on.*", "$1"));
        assertTrue(accuracy > 0.9, said);
    }

    /** Bytes that reach as far as the label says. */
    private static void write(Path path, boolean compressed) throws IOException {
        byte[] labels = new byte[ROWS];
        byte[] features = new byte[ROWS * COLUMNS];
        SplittableRandom random = new SplittableRandom(1);
        for (int row = 0; row < ROWS; row++) {
            labels[row] = (byte) random.nextInt(2);
            for (int i = 0; i < COLUMNS; i++) {
                features[row * COLUMNS + i] = (byte) random.nextInt(labels[row] == 0 ? 8 : 20);
            }
        }
        try (OutputStream file = new BufferedOutputStream(Files.newOutputStream(path));
            ZipOutputStream zip = new ZipOutputStream(file)) {
            zip.setLevel(Deflater.BEST_SPEED);
            add(zip, "y.npy", compressed, header("|u1", "(" + ROWS + ",)"), labels, 1);
            add(zip, "x.npy", compressed, header("<i8", "(" + ROWS + ", " + COLUMNS + ")"), features, Long.BYTES);
        }
    }

    private static byte[] header(String type, String shape) {
        String text = "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
        return ByteBuffer.allocate(10 + text.length()).order(ByteOrder.LITTLE_ENDIAN).put((byte) 0x93)
            .put("NUMPY".getBytes(StandardCharsets.US_ASCII)).put((byte) 1).put((byte) 0).putShort((short) text.length())
            .put(text.getBytes(StandardCharsets.US_ASCII)).array();
    }

    private static void add(ZipOutputStream zip, String name, boolean compressed, byte[] header, byte[] values, int width)
        throws IOException {
        ZipEntry entry = new ZipEntry(name);
        if (!compressed) {
            CRC32 crc = new CRC32();
            crc.update(header);
            blocks(values, width, crc::update);
            entry.setMethod(ZipEntry.STORED);
            entry.setSize(header.length + (long) values.length * width);
            entry.setCrc(crc.getValue());
        }
        zip.putNextEntry(entry);
        zip.write(header);
        blocks(values, width, zip::write);
    }

    private interface Sink {
        void accept(byte[] block) throws IOException;
    }

    private static void blocks(byte[] values, int width, Sink sink) throws IOException {
        for (int from = 0; from < values.length; from += COLUMNS) {
            byte[] block = new byte[COLUMNS * width];
            for (int i = 0; i < COLUMNS; i++) {
                block[i * width] = values[from + i];
            }
            sink.accept(block);
        }
    }
}
