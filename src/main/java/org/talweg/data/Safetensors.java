package org.talweg.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
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
import org.talweg.tensor.Shape;

/**
 * Files of named float32 tensors in the safetensors format, which Python reads too: the length of the header as 8
 * bytes, a JSON header with each tensor's type, shape and place, then the values. All little-endian.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">the format</a>
 */
public final class Safetensors {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String METADATA = "__metadata__";
    /** Longer headers are refused, as by the format's own library. */
    private static final int LONGEST_HEADER = 100_000_000;

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
            long size = channel.size();
            if (size < Long.BYTES) {
                throw broken(path, "it has " + size + " bytes, too few for a header");
            }
            long headerLength = readFully(channel, 0, Long.BYTES).getLong();
            if (headerLength < 2 || headerLength > LONGEST_HEADER || headerLength > size - Long.BYTES) {
                throw broken(path, "its header claims " + headerLength + " bytes of a file of " + size);
            }
            byte[] header = readFully(channel, Long.BYTES, (int) headerLength).array();
            return content(path, channel, parse(path, header), Long.BYTES + headerLength, size);
        }
    }

    private static Content content(Path path, FileChannel channel, JsonNode header, long start, long size)
        throws IOException {
        Map<String, String> metadata = new LinkedHashMap<>();
        Map<String, Values> tensors = new LinkedHashMap<>();
        long covered = 0;
        for (Map.Entry<String, JsonNode> entry : header.properties()) {
            JsonNode node = entry.getValue();
            if (entry.getKey().equals(METADATA)) {
                node.properties().forEach(item -> metadata.put(item.getKey(), item.getValue().asText()));
                continue;
            }
            String what = "tensor '" + entry.getKey() + "'";
            if (!node.path("dtype").asText().equals("F32")) {
                throw broken(path, what + " is of type " + node.path("dtype").asText("none") + "; only F32 is read");
            }
            Shape shape = shape(path, what, node.path("shape"));
            JsonNode offsets = node.path("data_offsets");
            long from = offsets.path(0).asLong(-1);
            long to = offsets.path(1).asLong(-1);
            if (from < 0 || to < from || to > size - start || to - from != shape.elements() * Float.BYTES) {
                throw broken(path, what + " of shape " + shape + " lies at " + offsets + " of " + (size - start)
                    + " bytes of values");
            }
            float[] data = new float[Math.toIntExact(shape.elements())];
            readFloats(channel, start + from, data);
            tensors.put(entry.getKey(), new Values(shape, data));
            covered += to - from;
        }
        if (covered != size - start) {
            throw broken(path, "its tensors take " + covered + " of " + (size - start) + " bytes of values");
        }
        return new Content(metadata, tensors);
    }

    private static Shape shape(Path path, String what, JsonNode node) throws IOException {
        int[] dims = IntStream.range(0, node.size()).map(i -> node.get(i).asInt(-1)).toArray();
        if (!node.isArray() || IntStream.of(dims).anyMatch(dim -> dim < 0)) {
            throw broken(path, what + " has the shape " + node);
        }
        return Shape.of(dims);
    }

    private static byte[] header(Content content) throws JsonProcessingException {
        ObjectNode header = JSON.createObjectNode();
        ObjectNode metadata = header.putObject(METADATA);
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

    private static JsonNode parse(Path path, byte[] header) throws IOException {
        try {
            JsonNode node = JSON.readTree(header);
            if (node.isObject()) {
                return node;
            }
            throw broken(path, "its header is not a JSON object");
        } catch (JsonProcessingException e) {
            throw broken(path, "its header is not JSON: " + e.getOriginalMessage());
        }
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
            readFully(channel, position + (long) from * Float.BYTES, count * Float.BYTES).asFloatBuffer()
                .get(data, from, count);
        }
    }

    private static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    private static ByteBuffer readFully(FileChannel channel, long position, int count) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, position + bytes.position()) < 0) {
                throw new IOException("the file ended while it was read");
            }
        }
        return bytes.flip();
    }

    private static IOException broken(Path path, String why) {
        return new IOException(path + " is not a usable safetensors file: " + why);
    }
}
