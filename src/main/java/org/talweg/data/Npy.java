package org.talweg.data;

import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import java.util.zip.Inflater;
import java.util.zip.InflaterInputStream;
import java.util.zip.ZipException;
import org.talweg.tensor.Shape;

/**
 * NumPy's files of one array, {@code .npy}, and of several by name, {@code .npz}, a ZIP archive of the former. Sizes that a
 * header claims are checked against those of the file before anything is allocated.
 *
 * @see <a href="https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html">numpy.lib.format</a>
 */
final class Npy {
    private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
    /** As NumPy itself, which refuses longer ones because parsing them may take forever. */
    private static final int LONGEST_HEADER = 10_000;
    private static final String ENDING = ".npy";
    private static final int BUFFER = 1 << 16;
    /** Deflate makes at most 1032 bytes of one. */
    private static final long MOST_INFLATED = 1032;

    private Npy() {
    }

    /** @param length bytes up to the values */
    private record Header(NumberType type, ByteOrder order, boolean columnMajor, Shape shape, int length) {
        long bytes() {
            return Math.multiplyExact(shape.elements(), type.bytes());
        }
    }

    /**
     * One array, mapped into memory.
     *
     * @throws IOException if the file cannot be read or is not of this format; says what is wrong with it
     */
    static NumberArray npy(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            Header header = header(path.toString(), Channels.newInputStream(channel));
            long rest = channel.size() - header.length;
            if (header.bytes() != rest) {
                throw broken(path.toString(), "its header claims " + header.bytes() + " bytes of values in the shape "
                    + header.shape + ", and " + rest + " follow");
            }
            return new NumberArray(path.getFileName().toString(), header.type, header.shape, header.columnMajor,
                Bytes.map(channel, header.length, rest, header.order), 0);
        }
    }

    /**
     * The arrays of an archive by name. Those that are stored, as {@code numpy.savez} has them, are mapped into memory where
     * they lie; compressed ones are unpacked as {@link Bytes#read} does.
     */
    static Map<String, NumberArray> npz(Path path) throws IOException {
        Map<String, NumberArray> arrays = new LinkedHashMap<>();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            for (ZipDirectory.Member member : members(path, channel)) {
                if (member.name().endsWith(ENDING)) {
                    String name = member.name().substring(0, member.name().length() - ENDING.length());
                    if (arrays.put(name, array(path, channel, member, name)) != null) {
                        throw new IOException(path + " is not a usable NPZ file: it has two arrays '" + name + "'");
                    }
                }
            }
        }
        return arrays;
    }

    private static List<ZipDirectory.Member> members(Path path, FileChannel channel) throws IOException {
        try {
            return ZipDirectory.read(channel);
        } catch (IOException e) {
            throw new IOException(path + " is not a usable NPZ file: " + e.getMessage(), e);
        }
    }

    /** Whose checksum is found right. */
    private static NumberArray array(Path path, FileChannel channel, ZipDirectory.Member member, String name)
        throws IOException {
        String what = path + ": " + member.name();
        CheckedInputStream stream = new CheckedInputStream(contents(channel, member), new CRC32());
        try {
            Header header = header(what, stream);
            long rest = member.size() - header.length;
            if (header.bytes() != rest) {
                throw broken(what, "its header claims " + header.bytes() + " bytes of values in the shape " + header.shape
                    + ", and " + rest + " follow");
            }
            Bytes bytes;
            if (member.method() == ZipDirectory.STORED) {
                bytes = Bytes.map(channel, member.start() + header.length, rest, header.order);
                stream.skipNBytes(rest);
            } else if (rest > MOST_INFLATED * member.compressed()) {
                throw broken(what, "its header claims " + rest + " bytes of values, more than " + member.compressed()
                    + " compressed ones can hold");
            } else {
                bytes = Bytes.read(stream, rest, header.order, what);
            }
            if (stream.getChecksum().getValue() != member.crc()) {
                throw broken(what, "its checksum is not that of its contents");
            }
            return new NumberArray(path.getFileName() + ": " + name, header.type, header.shape, header.columnMajor, bytes, 0);
        } catch (ZipException | EOFException e) {
            throw broken(what, "it cannot be unpacked: " + (e.getMessage() == null ? "it ends within compressed data"
                : e.getMessage()));
        }
    }

    /** What a member holds, unpacked. */
    private static InputStream contents(FileChannel channel, ZipDirectory.Member member) throws IOException {
        InputStream packed = new BufferedInputStream(new Part(channel, member.start(), member.compressed()), BUFFER);
        // The inflater wants a byte after the last one where there is no header.
        return member.method() == ZipDirectory.STORED ? packed : new InflaterInputStream(
            new SequenceInputStream(packed, new ByteArrayInputStream(new byte[1])), new Inflater(true), BUFFER);
    }

    /** Bytes of a file from a place on. */
    private static final class Part extends InputStream {
        private final FileChannel channel;
        private long position;
        private long left;

        Part(FileChannel channel, long position, long length) {
            this.channel = channel;
            this.position = position;
            left = length;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            int count = left == 0 ? -1 : channel.read(ByteBuffer.wrap(bytes, offset, (int) Math.min(left, length)), position);
            position += Math.max(0, count);
            left -= Math.max(0, count);
            return count;
        }
    }

    private static Header header(String what, InputStream stream) throws IOException {
        byte[] start = stream.readNBytes(8);
        if (start.length < 8 || !Arrays.equals(start, 0, 6, MAGIC, 0, 6)) {
            throw broken(what, "it does not begin with NumPy's magic bytes");
        }
        int version = start[6];
        if (version < 1 || version > 3 || start[7] != 0) {
            throw broken(what, "its version is " + version + "." + start[7] + "; read are 1.0, 2.0 and 3.0");
        }
        byte[] lengthBytes = stream.readNBytes(version == 1 ? 2 : 4);
        long length = 0;
        for (int i = lengthBytes.length - 1; i >= 0; i--) {
            length = length << 8 | lengthBytes[i] & 0xff;
        }
        if (length > LONGEST_HEADER) {
            throw broken(what, "its header claims " + length + " bytes; NumPy writes at most " + LONGEST_HEADER);
        }
        byte[] text = stream.readNBytes((int) length);
        if (text.length < length || lengthBytes.length < (version == 1 ? 2 : 4)) {
            throw broken(what, "it ends within its header");
        }
        return parse(what, new String(text, version == 3 ? StandardCharsets.UTF_8 : StandardCharsets.ISO_8859_1),
            8 + lengthBytes.length + text.length);
    }

    private static Header parse(String what, String text, int length) throws IOException {
        NpyHeader values;
        try {
            values = NpyHeader.parse(text);
        } catch (IllegalArgumentException e) {
            throw broken(what, "its header " + text.strip() + " " + e.getMessage());
        }
        String descr = values.descr();
        NumberType type = descr.length() < 2 ? null : NumberType.ofNumpy(descr.substring(1)).orElse(null);
        ByteOrder order = descr.isEmpty() ? null : switch (descr.charAt(0)) {
            case '<', '|' -> ByteOrder.LITTLE_ENDIAN;
            case '>' -> ByteOrder.BIG_ENDIAN;
            case '=' -> ByteOrder.nativeOrder();
            default -> null;
        };
        if (type == null || order == null) {
            throw broken(what, "its type is '" + descr + "'; read are numbers and booleans: b1, i1 to i8, u1 to u8, f2, f4 "
                + "and f8" + (descr.toUpperCase(Locale.ROOT).contains("U") ? "; store class names as numbers" : ""));
        }
        Header header = new Header(type, order, values.fortranOrder(), Shape.of(values.shape()), length);
        try {
            header.bytes();
        } catch (ArithmeticException e) {
            throw broken(what, "its shape " + header.shape + " has more than 2⁶³ bytes");
        }
        return header;
    }

    private static IOException broken(String what, String why) {
        return new IOException(what + " is not a usable NPY file: " + why);
    }
}
