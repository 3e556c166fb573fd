package org.talweg.data;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.CharConversionException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.talweg.tensor.Shape;

/**
 * The header of a safetensors file, checked against the file's length: types are known, shapes fit their places, and the
 * tensors fill the rest of the file without holes or overlaps. Read as a stream: it takes the memory of what it says.
 *
 * @param tensors in the file's order
 * @param start   where the values begin
 */
record SafetensorsHeader(Map<String, String> metadata, List<Entry> tensors, long start) {
    static final String METADATA = "__metadata__";
    /** Longer headers are refused, as by the format's own library. */
    private static final int LONGEST = 100_000_000;
    private static final JsonFactory JSON = JsonFactory.builder()
        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    /**
     * @param dtype the type's name in the format
     * @param from  in bytes from {@link #start} on
     */
    record Entry(String name, String dtype, NumberType type, Shape shape, long from, long to) {
    }

    /** @throws IOException if the file is not one of this format; says what is wrong with it */
    static SafetensorsHeader read(Path path, FileChannel channel) throws IOException {
        long size = channel.size();
        if (size < Long.BYTES) {
            throw broken(path, "it has " + size + " bytes, too few for a header");
        }
        long length = readFully(channel, 0, Long.BYTES).getLong();
        if (length < 2 || length > LONGEST || length > size - Long.BYTES) {
            throw broken(path, "its header claims " + length + " bytes of a file of " + size);
        }
        Reader reader = new Reader(path, size - Long.BYTES - length);
        try (JsonParser json = JSON.createParser(readFully(channel, Long.BYTES, (int) length).array())) {
            reader.read(json);
        } catch (JsonProcessingException e) {
            throw broken(path, "its header is not JSON: " + e.getOriginalMessage());
        } catch (CharConversionException e) {
            // What looks like UTF-16 or UTF-32 is read as such, until it is not.
            throw broken(path, "its header is not text in UTF-8: " + e.getMessage());
        }
        reader.checkPlaces();
        return new SafetensorsHeader(reader.metadata, reader.tensors, Long.BYTES + length);
    }

    static ByteBuffer readFully(FileChannel channel, long position, int count) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, position + bytes.position()) < 0) {
                throw new IOException("the file ended while it was read");
            }
        }
        return bytes.flip();
    }

    static IOException broken(Path path, String why) {
        return new IOException(path + " is not a usable safetensors file: " + why);
    }

    private static final class Reader {
        private final Path path;
        private final long valueBytes;
        private final Map<String, String> metadata = new LinkedHashMap<>();
        private final List<Entry> tensors = new ArrayList<>();

        Reader(Path path, long valueBytes) {
            this.path = path;
            this.valueBytes = valueBytes;
        }

        void read(JsonParser json) throws IOException {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                throw broken(path, "its header is not a JSON object");
            }
            while (json.nextToken() != JsonToken.END_OBJECT) {
                String name = json.currentName();
                boolean object = json.nextToken() == JsonToken.START_OBJECT;
                if (!object) {
                    throw broken(path, "'" + name + "' is no JSON object");
                }
                if (name.equals(METADATA)) {
                    readMetadata(json);
                } else {
                    tensors.add(tensor(name, json));
                }
            }
            if (json.nextToken() != null) {
                throw broken(path, "its header goes on after the JSON object");
            }
        }

        private void readMetadata(JsonParser json) throws IOException {
            while (json.nextToken() != JsonToken.END_OBJECT) {
                String key = json.currentName();
                if (json.nextToken() != JsonToken.VALUE_STRING) {
                    throw broken(path, "its metadata '" + key + "' is no text");
                }
                metadata.put(key, json.getText());
            }
        }

        private Entry tensor(String name, JsonParser json) throws IOException {
            String what = "tensor '" + name + "'";
            String type = "none";
            long[] shape = null;
            long[] place = {};
            while (json.nextToken() != JsonToken.END_OBJECT) {
                String key = json.currentName();
                JsonToken value = json.nextToken();
                switch (key) {
                    case "dtype" -> {
                        if (value != JsonToken.VALUE_STRING) {
                            throw broken(path, what + " has a type that is no text");
                        }
                        type = json.getText();
                    }
                    case "shape" -> {
                        if (value != JsonToken.START_ARRAY) {
                            throw broken(path, what + " has the shape " + json.getText());
                        }
                        shape = numbers(what, json);
                    }
                    case "data_offsets" -> {
                        if (value != JsonToken.START_ARRAY) {
                            throw broken(path, what + " lies at " + json.getText());
                        }
                        place = numbers(what, json);
                    }
                    default -> throw broken(path, what + " has an unknown '" + key + "'");
                }
            }
            String found = type;
            NumberType known = NumberType.ofSafetensors(type).orElseThrow(() -> broken(path, what + " is of type " + found
                + "; read are BOOL, I8 to I64, U8 to U64, F16, BF16, F32 and F64"));
            if (shape == null || Arrays.stream(shape).anyMatch(dim -> dim < 0 || dim > Integer.MAX_VALUE)) {
                throw broken(path, what + " has the shape " + text(shape));
            }
            Shape dims = Shape.of(Arrays.stream(shape).mapToInt(dim -> (int) dim).toArray());
            if (place.length != 2 || place[0] < 0 || place[1] < place[0] || place[1] > valueBytes
                || place[1] - place[0] != bytes(dims, known)) {
                throw broken(path, what + " of shape " + dims + " lies at " + text(place) + " of " + valueBytes
                    + " bytes of values");
            }
            return new Entry(name, type, known, dims, place[0], place[1]);
        }

        private long[] numbers(String what, JsonParser json) throws IOException {
            long[] numbers = new long[8];
            int count = 0;
            while (json.nextToken() != JsonToken.END_ARRAY) {
                if (json.currentToken() != JsonToken.VALUE_NUMBER_INT || count == numbers.length) {
                    throw broken(path, what + " has '" + json.getText() + "' where up to " + numbers.length
                        + " whole numbers are expected");
                }
                numbers[count++] = json.getLongValue();
            }
            return Arrays.copyOf(numbers, count);
        }

        /** −1 where the product leaves 64 bits. */
        private static long bytes(Shape shape, NumberType type) {
            try {
                return Math.multiplyExact(shape.elements(), type.bytes());
            } catch (ArithmeticException e) {
                return -1;
            }
        }

        private static String text(long[] numbers) {
            return numbers == null ? "none" : Arrays.toString(numbers).replace(" ", "");
        }

        void checkPlaces() throws IOException {
            List<Entry> inOrder = new ArrayList<>(tensors);
            inOrder.sort(Comparator.comparingLong(Entry::from).thenComparingLong(Entry::to));
            long end = 0;
            for (Entry entry : inOrder) {
                if (entry.from != end) {
                    throw broken(path, "tensor '" + entry.name + "' begins at " + entry.from + ", where the one before ends "
                        + "at " + end);
                }
                end = entry.to;
            }
            if (end != valueBytes) {
                throw broken(path, "its tensors take " + end + " of " + valueBytes + " bytes of values");
            }
        }
    }
}
