package org.talweg.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Where the members of a ZIP archive lie, by its central directory, also in the ZIP64 form for large ones.
 * {@code java.util.zip} keeps that to itself, and a stored member can be read where it lies only by whoever knows.
 *
 * @see <a href="https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT">the format, sections 4.3 and 4.5.3</a>
 */
final class ZipDirectory {
    static final int STORED = 0;
    static final int DEFLATED = 8;

    private static final int LOCAL = 0x04034b50;
    private static final int LOCAL_LENGTH = 30;
    private static final int CENTRAL = 0x02014b50;
    private static final int CENTRAL_LENGTH = 46;
    private static final int END = 0x06054b50;
    private static final int END_LENGTH = 22;
    private static final int END64 = 0x06064b50;
    private static final int END64_LENGTH = 56;
    private static final int LOCATOR64 = 0x07064b50;
    private static final int LOCATOR64_LENGTH = 20;
    private static final int EXTRA64 = 1;
    private static final int LONGEST_COMMENT = 0xffff;
    /** In place of a number that stands in the ZIP64 fields. */
    private static final long ELSEWHERE = 0xffffffffL;
    /** More than any archive of arrays has; a directory is read whole. */
    private static final long LARGEST = 1 << 26;

    private final FileChannel channel;
    private final long size;

    private ZipDirectory(FileChannel channel) throws IOException {
        this.channel = channel;
        size = channel.size();
    }

    /**
     * @param begin      of its local header
     * @param start      of its contents
     * @param compressed bytes of them in the archive
     * @param size       bytes of them unpacked, as the directory claims
     */
    record Member(String name, int method, long crc, long begin, long start, long compressed, long size) {
    }

    /**
     * In the order of the directory.
     *
     * @throws IOException if it is no such archive, or members lie over each other; says what is wrong, for a message
     *                     that has named the file
     */
    static List<Member> read(FileChannel channel) throws IOException {
        return new ZipDirectory(channel).members();
    }

    private List<Member> members() throws IOException {
        long end = end();
        ByteBuffer record = bytes(end, END_LENGTH);
        long count = u2(record, 10);
        long length = u4(record, 12);
        long begin = u4(record, 16);
        if (end >= LOCATOR64_LENGTH && bytes(end - LOCATOR64_LENGTH, 4).getInt(0) == LOCATOR64) {
            long at = bytes(end - LOCATOR64_LENGTH, LOCATOR64_LENGTH).getLong(8);
            ByteBuffer record64 = bytes(at, END64_LENGTH);
            check(record64.getInt(0) == END64, "its ZIP64 directory is not where it should be");
            count = record64.getLong(32);
            length = record64.getLong(40);
            begin = record64.getLong(48);
        }
        check(length >= 0 && begin >= 0 && length <= end && begin <= end - length, "its directory of " + length
            + " bytes at " + begin + " does not fit into " + size);
        check(length <= LARGEST, "its directory has " + length + " bytes; at most " + LARGEST + " are read");
        check(count >= 0 && count <= length / CENTRAL_LENGTH, "its directory of " + length + " bytes has no room for "
            + count + " members");
        ByteBuffer directory = bytes(begin, (int) length);
        List<Member> members = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            members.add(member(directory));
        }
        checkApart(members, begin);
        return members;
    }

    /** Of the record that ends the file, but for a comment. */
    private long end() throws IOException {
        int length = (int) Math.min(size, END_LENGTH + LONGEST_COMMENT);
        ByteBuffer tail = bytes(size - length, length);
        for (int at = length - END_LENGTH; at >= 0; at--) {
            if (tail.getInt(at) == END && u2(tail, at + 20) == length - END_LENGTH - at) {
                return size - length + at;
            }
        }
        throw new IOException("it is no ZIP archive, or its end is missing");
    }

    /** The one that the directory is at. */
    private Member member(ByteBuffer directory) throws IOException {
        int at = directory.position();
        check(directory.remaining() >= CENTRAL_LENGTH && directory.getInt(at) == CENTRAL, "its directory is damaged at byte "
            + at);
        int nameLength = u2(directory, at + 28);
        int extraLength = u2(directory, at + 30);
        long length = CENTRAL_LENGTH + (long) nameLength + extraLength + u2(directory, at + 32);
        check(directory.remaining() >= length, "its directory is damaged at byte " + at);
        byte[] text = new byte[nameLength];
        directory.get(at + CENTRAL_LENGTH, text);
        String name = new String(text, StandardCharsets.UTF_8);
        check((u2(directory, at + 8) & 1) == 0, name + " is encrypted");
        int method = u2(directory, at + 10);
        check(method == STORED || method == DEFLATED, name + " is compressed by method " + method
            + "; read are 0, stored, and 8, deflated, which NumPy writes");
        long[] numbers = {u4(directory, at + 24), u4(directory, at + 20), u4(directory, at + 42)};
        extend(name, numbers, directory.slice(at + CENTRAL_LENGTH + nameLength, extraLength).order(ByteOrder.LITTLE_ENDIAN));
        directory.position((int) (at + length));
        ByteBuffer local = bytes(numbers[2], LOCAL_LENGTH);
        check(local.getInt(0) == LOCAL, name + " is not at " + numbers[2] + ", where the directory has it");
        long start = numbers[2] + LOCAL_LENGTH + u2(local, 26) + u2(local, 28);
        check(numbers[1] >= 0 && start <= size - numbers[1], name + " of " + numbers[1] + " bytes at " + start
            + " does not fit into " + size);
        check(method == DEFLATED || numbers[0] == numbers[1], name + " is stored, and takes " + numbers[1] + " bytes for "
            + numbers[0]);
        return new Member(name, method, u4(directory, at + 16), numbers[2], start, numbers[1], numbers[0]);
    }

    /** Size, compressed size and place, each in the ZIP64 field only where it is missing before. */
    private static void extend(String name, long[] numbers, ByteBuffer extra) throws IOException {
        while (extra.remaining() >= 4) {
            int id = extra.getShort() & 0xffff;
            int length = extra.getShort() & 0xffff;
            check(length <= extra.remaining(), name + " has a damaged extra field");
            ByteBuffer field = extra.slice(extra.position(), length).order(ByteOrder.LITTLE_ENDIAN);
            extra.position(extra.position() + length);
            for (int i = 0; id == EXTRA64 && i < numbers.length; i++) {
                if (numbers[i] == ELSEWHERE) {
                    check(field.remaining() >= Long.BYTES, name + " lacks a ZIP64 field");
                    numbers[i] = field.getLong();
                }
            }
        }
    }

    /** Members that share bytes could unpack to more than the archive has any right to. */
    private static void checkApart(List<Member> members, long end) throws IOException {
        List<Member> sorted = members.stream().sorted(Comparator.comparing(Member::begin)).toList();
        for (int i = 0; i < sorted.size(); i++) {
            Member member = sorted.get(i);
            long next = i + 1 < sorted.size() ? sorted.get(i + 1).begin() : end;
            check(member.start + member.compressed <= next, member.name + " lies over what follows it");
        }
    }

    private ByteBuffer bytes(long position, int length) throws IOException {
        check(position >= 0 && position <= size - length, "it ends before byte " + position + " + " + length);
        ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            check(channel.read(bytes, position + bytes.position()) > 0, "it became shorter while it was read");
        }
        return bytes.flip();
    }

    private static int u2(ByteBuffer bytes, int at) {
        return bytes.getShort(at) & 0xffff;
    }

    private static long u4(ByteBuffer bytes, int at) {
        return bytes.getInt(at) & 0xffffffffL;
    }

    private static void check(boolean good, String why) throws IOException {
        if (!good) {
            throw new IOException(why);
        }
    }
}
