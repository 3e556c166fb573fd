package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.optim.Optimizers;

/** Event files, read by a second reader that knows only the formats' specifications. */
class TensorBoardTest {
    @TempDir
    private Path folder;

    private record Event(long step, String version, Map<String, Float> scalars) {
    }

    @Test
    void everyEpochIsAnEventWithItsMetrics() throws IOException {
        Files.writeString(folder.resolve("events.out.tfevents.0000000001.before"), "of a run before");
        TrainingResult result = train(3);
        List<Event> events = events();
        assertEquals("brain.Event:2", events.get(0).version);
        assertEquals(4, events.size());
        for (int epoch = 1; epoch <= 3; epoch++) {
            EpochMetrics metrics = result.history().get(epoch - 1);
            assertEquals(epoch * 5L, events.get(epoch).step);
            Map<String, Float> expected = new LinkedHashMap<>();
            metrics.values().forEach((name, value) -> expected.put(name, value.floatValue()));
            assertEquals(expected, events.get(epoch).scalars);
        }
    }

    private TrainingResult train(int epochs) {
        Dataset iris = Datasets.builtIn("iris");
        try (Device device = Devices.open("cpu"); Model model = Sequential.builder(iris.inputShape()).dense(3).build(device)) {
            return Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.adam())
                .listeners(TensorBoard.in(folder)).build().fit(DataLoader.of(iris, 32), DataLoader.of(iris, 64), epochs);
        }
    }

    private List<Event> events() throws IOException {
        List<Path> files;
        try (Stream<Path> list = Files.list(folder)) {
            files = list.filter(file -> file.getFileName().toString().matches("events\\.out\\.tfevents\\.\\d{10}\\..+")).toList();
        }
        assertEquals(1, files.size(), files.toString());
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(files.get(0))).order(ByteOrder.LITTLE_ENDIAN);
        List<Event> events = new ArrayList<>();
        while (bytes.hasRemaining()) {
            int begin = bytes.position();
            int length = (int) bytes.getLong();
            assertEquals(masked(bytes, begin, 8), bytes.getInt(), "checksum of the length");
            int data = bytes.position();
            events.add(event(bytes.slice(data, length).order(ByteOrder.LITTLE_ENDIAN)));
            bytes.position(data + length);
            assertEquals(masked(bytes, data, length), bytes.getInt(), "checksum of the data");
        }
        return events;
    }

    /** CRC-32C bit by bit, polynomial 0x1EDC6F41 reflected; rotated and shifted as TFRecord wants. */
    private static int masked(ByteBuffer bytes, int from, int length) {
        int crc = -1;
        for (int i = from; i < from + length; i++) {
            crc ^= bytes.get(i) & 0xff;
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc & 1) == 0 ? crc >>> 1 : crc >>> 1 ^ 0x82f63b78;
            }
        }
        crc = ~crc;
        return (crc >>> 15 | crc << 17) + 0xa282ead8;
    }

    private static Event event(ByteBuffer in) {
        long step = 0;
        String version = null;
        Map<String, Float> scalars = new LinkedHashMap<>();
        while (in.hasRemaining()) {
            switch ((int) varint(in)) {
                case 1 << 3 | 1 -> assertTrue(in.getDouble() > 1.7e9, "wall time");
                case 2 << 3 -> step = varint(in);
                case 3 << 3 | 2 -> version = text(in);
                case 5 << 3 | 2 -> {
                    ByteBuffer summary = part(in);
                    while (summary.hasRemaining()) {
                        assertEquals(1 << 3 | 2, varint(summary));
                        ByteBuffer value = part(summary);
                        assertEquals(1 << 3 | 2, varint(value));
                        String tag = text(value);
                        assertEquals(2 << 3 | 5, varint(value));
                        scalars.put(tag, value.getFloat());
                        assertEquals(0, value.remaining());
                    }
                }
                default -> throw new AssertionError("a field that no event has");
            }
        }
        return new Event(step, version, scalars);
    }

    private static ByteBuffer part(ByteBuffer in) {
        int length = (int) varint(in);
        ByteBuffer part = in.slice(in.position(), length).order(ByteOrder.LITTLE_ENDIAN);
        in.position(in.position() + length);
        return part;
    }

    private static String text(ByteBuffer in) {
        return StandardCharsets.UTF_8.decode(part(in)).toString();
    }

    private static long varint(ByteBuffer in) {
        long value = 0;
        for (int shift = 0;; shift += 7) {
            byte next = in.get();
            value |= (next & 0x7fL) << shift;
            if (next >= 0) {
                return value;
            }
        }
    }
}
