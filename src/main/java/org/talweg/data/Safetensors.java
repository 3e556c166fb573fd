package org.talweg.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;
import org.talweg.files.WholeFile;
import org.talweg.tensor.Shape;

/**
 * Files of named tensors in the safetensors format, which Python reads too: the length of the header as 8
 * bytes, a JSON header with each tensor's type, shape and place, then the values. All little-endian.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">the format</a>
 */
public final class Safetensors {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Safetensors() {
    }

    /** Row-major values with their shape. */
    public record Values(Shape shape, float[] data) {
        public Values {
            if (shape.elements() != data.length) {
                throw new IllegalArgumentException(data.length + " values for shape " + shape);
            }
        }
    }

    /** What a file holds, in the file's order. */
    public record Content(Map<String, String> metadata, Map<String, Values> tensors) {
    }

    /** Writes a file whole or not at all. */
    public static void write(Path path, Content content) throws IOException {
        byte[] header = header(content);
        ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).flip();
        WholeFile.write(path, channel -> {
            writeFully(channel, length);
            writeFully(channel, ByteBuffer.wrap(header));
            for (Values values : content.tensors().values()) {
                writeFloats(channel, values.data());
            }
        });
    }

    /**
     * @throws IOException if the file cannot be read or is not a safetensors file of float32 tensors; says what is
     *                     wrong with it
     */
    public static Content read(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            SafetensorsHeader header = SafetensorsHeader.read(path, channel);
            Map<String, Values> tensors = new LinkedHashMap<>();
            for (SafetensorsHeader.Entry entry : header.tensors()) {
                String what = "tensor '" + entry.name() + "'";
                if (entry.type() != NumberType.FLOAT32) {
                    throw SafetensorsHeader.broken(path, what + " is of type " + entry.dtype()
                        + "; a model's tensors are F32");
                }
                if (entry.shape().elements() > Integer.MAX_VALUE - 8) {
                    throw SafetensorsHeader.broken(path, what + " of shape " + entry.shape()
                        + " has more values than a Java array holds");
                }
                float[] data = new float[(int) entry.shape().elements()];
                readFloats(channel, header.start() + entry.from(), data);
                tensors.put(entry.name(), new Values(entry.shape(), data));
            }
            return new Content(header.metadata(), tensors);
        }
    }

    /**
     * The arrays of a file, of any type, to be read where they lie.
     *
     * @throws IOException if the file cannot be read or is not a safetensors file; says what is wrong with it
     */
    static Map<String, NumberArray> arrays(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            SafetensorsHeader header = SafetensorsHeader.read(path, channel);
            Bytes values = Bytes.map(channel, header.start(), channel.size() - header.start(), ByteOrder.LITTLE_ENDIAN);
            Map<String, NumberArray> arrays = new LinkedHashMap<>();
            for (SafetensorsHeader.Entry entry : header.tensors()) {
                arrays.put(entry.name(), new NumberArray(path.getFileName() + ": " + entry.name(), entry.type(),
                    entry.shape(), false, values, entry.from()));
            }
            return arrays;
        }
    }

    private static byte[] header(Content content) throws JsonProcessingException {
        ObjectNode header = JSON.createObjectNode();
        ObjectNode metadata = header.putObject(SafetensorsHeader.METADATA);
        content.metadata().forEach(metadata::put);
        long offset = 0;
        for (Map.Entry<String, Values> entry : content.tensors().entrySet()) {
            ObjectNode node = header.putObject(entry.getKey()).put("dtype", "F32");
            IntStream.of(entry.getValue().shape().toArray()).forEach(node.putArray("shape")::add);
            long end = offset + (long) entry.getValue().data().length * Float.BYTES;
            node.putArray("data_offsets").add(offset).add(end);
            offset = end;
        }
        // Padded with spaces so that the values start at a multiple of 8 bytes, as the format wants.
        String text = JSON.writeValueAsString(header);
        int padding = -text.getBytes(StandardCharsets.UTF_8).length & 7;
        return (text + " ".repeat(padding)).getBytes(StandardCharsets.UTF_8);
    }

    private static void writeFloats(FileChannel channel, float[] data) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
        int perBlock = bytes.capacity() / Float.BYTES;
        for (int from = 0; from < data.length; from += perBlock) {
            int count = Math.min(perBlock, data.length - from);
            bytes.clear();
            bytes.asFloatBuffer().put(data, from, count);
            writeFully(channel, bytes.limit(count * Float.BYTES));
        }
    }

    private static void readFloats(FileChannel channel, long position, float[] data) throws IOException {
        int perBlock = (1 << 16) / Float.BYTES;
        for (int from = 0; from < data.length; from += perBlock) {
            int count = Math.min(perBlock, data.length - from);
            SafetensorsHeader.readFully(channel, position + (long) from * Float.BYTES, count * Float.BYTES).asFloatBuffer()
                .get(data, from, count);
        }
    }

    private static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }
}
