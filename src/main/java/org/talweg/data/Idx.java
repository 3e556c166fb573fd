package org.talweg.data;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.talweg.tensor.Shape;

/**
 * IDX files, as MNIST came in: two zero bytes, one for the type, one for the rank, the extents and the values, big-endian.
 * Mapped into memory, or unpacked as {@link Bytes#read} does where the name ends in {@code .gz}.
 *
 * @see <a href="https://yann.lecun.com/exdb/mnist/">the format, at the end of the page</a>
 */
final class Idx {
    /** Deflate makes at most 1032 bytes of one. */
    private static final long MOST_INFLATED = 1032;

    /** {@code train-images-idx3-ubyte.gz} and its kin; {@code t10k} are the test rows. */
    private static final Pattern USUAL = Pattern.compile(
        "(.*-)?(train|t10k|test)-(images|labels)[-.]idx[1-9]-ubyte(\\.gz)?");

    private Idx() {
    }

    /**
     * The files of a folder by their usual names, as {@code x_train}, {@code y_train}, {@code x_test} and {@code y_test}.
     *
     * @throws IOException if there is none, or two of one kind, or one cannot be read
     */
    static Map<String, NumberArray> folder(Path folder) throws IOException {
        Map<String, Path> found = new TreeMap<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.sorted().toList()) {
                Matcher name = USUAL.matcher(file.getFileName().toString());
                if (name.matches()) {
                    String array = (name.group(3).equals("images") ? "x_" : "y_")
                        + (name.group(2).equals("train") ? "train" : "test");
                    Path other = found.putIfAbsent(array, file);
                    if (other != null) {
                        throw new IOException(folder + " holds both " + other.getFileName() + " and " + file.getFileName()
                            + "; keep one of them");
                    }
                }
            }
        }
        if (!found.containsKey("x_train") || !found.containsKey("y_train")) {
            throw new IOException(folder + " holds " + (found.isEmpty() ? "none of" : "only " + found.values() + " of")
                + " the IDX files train-images-idx3-ubyte and train-labels-idx1-ubyte, plain or .gz");
        }
        Map<String, NumberArray> arrays = new LinkedHashMap<>();
        for (Map.Entry<String, Path> entry : found.entrySet()) {
            arrays.put(entry.getKey(), read(entry.getValue()));
        }
        return arrays;
    }

    private record Header(NumberType type, Shape shape) {
        int length() {
            return 4 + 4 * shape.rank();
        }

        long bytes() {
            return Math.multiplyExact(shape.elements(), type.bytes());
        }
    }

    /** @throws IOException if the file cannot be read or is not of this format; says what is wrong with it */
    static NumberArray read(Path path) throws IOException {
        return path.getFileName().toString().endsWith(".gz") ? unpack(path) : map(path);
    }

    private static NumberArray map(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            Header header = header(path, Channels.newInputStream(channel));
            long rest = channel.size() - header.length();
            if (header.bytes() != rest) {
                throw broken(path, "its header claims " + header.bytes() + " bytes of values in the shape " + header.shape
                    + ", and " + rest + " follow");
            }
            return array(path, header, Bytes.map(channel, header.length(), rest, ByteOrder.BIG_ENDIAN));
        }
    }

    private static NumberArray unpack(Path path) throws IOException {
        try (InputStream file = Files.newInputStream(path);
            InputStream stream = new GZIPInputStream(new BufferedInputStream(file))) {
            Header header = header(path, stream);
            if (header.bytes() > MOST_INFLATED * Files.size(path)) {
                throw broken(path, "its header claims " + header.bytes() + " bytes of values, more than "
                    + Files.size(path) + " compressed ones can hold");
            }
            return array(path, header, Bytes.read(stream, header.bytes(), ByteOrder.BIG_ENDIAN, path.toString()));
        } catch (ZipException | EOFException e) {
            throw broken(path, "it cannot be unpacked: " + (e.getMessage() == null ? "it ends within compressed data"
                : e.getMessage()));
        }
    }

    private static NumberArray array(Path path, Header header, Bytes bytes) {
        String content = header.shape.rank() > 2 ? ": pixel" : ": label";
        return new NumberArray(path.getFileName() + content, header.type, header.shape, false, bytes, 0);
    }

    private static Header header(Path path, InputStream stream) throws IOException {
        byte[] magic = stream.readNBytes(4);
        NumberType type = magic.length < 4 ? null : NumberType.ofIdx(magic[2] & 0xff).orElse(null);
        if (type == null || magic[0] != 0 || magic[1] != 0) {
            throw broken(path, "it does not begin with two zero bytes, a type and a rank");
        }
        int rank = magic[3];
        if (rank < 1 || rank > 32) {
            throw broken(path, "its rank is " + (rank & 0xff) + "; read are 1 to 32");
        }
        byte[] extents = stream.readNBytes(4 * rank);
        if (extents.length < 4 * rank) {
            throw broken(path, "it ends within its header");
        }
        int[] dims = new int[rank];
        ByteBuffer.wrap(extents).asIntBuffer().get(dims);
        for (int dim : dims) {
            if (dim < 0) {
                throw broken(path, "it has an extent of " + Integer.toUnsignedString(dim) + "; the most is "
                    + Integer.MAX_VALUE);
            }
        }
        Header header = new Header(type, Shape.of(dims));
        try {
            header.bytes();
        } catch (ArithmeticException e) {
            throw broken(path, "its shape " + header.shape + " has more than 2⁶³ bytes");
        }
        return header;
    }

    private static IOException broken(Path path, String why) {
        return new IOException(path + " is not a usable IDX file: " + why);
    }
}
