package org.talweg.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.TreeSet;

/** The dynamic symbols of a 64-bit little-endian ELF library; System V ABI, chapter 4. */
final class ElfSymbols {
    private static final int DYNAMIC_SYMBOLS = 11;
    private static final int SYMBOL_BYTES = 24;

    final Set<String> imported = new TreeSet<>();
    final Set<String> exported = new TreeSet<>();

    ElfSymbols(byte[] library) {
        ByteBuffer elf = ByteBuffer.wrap(library).order(ByteOrder.LITTLE_ENDIAN);
        if (elf.getInt(0) != 0x464c457f) {
            throw new IllegalArgumentException("not an ELF file");
        }
        long sections = elf.getLong(0x28);
        int sectionBytes = elf.getShort(0x3a);
        for (int i = 0; i < elf.getShort(0x3c); i++) {
            int section = (int) sections + i * sectionBytes;
            if (elf.getInt(section + 4) == DYNAMIC_SYMBOLS) {
                int strings = (int) sections + elf.getInt(section + 0x28) * sectionBytes;
                read(elf, (int) elf.getLong(section + 0x18), (int) elf.getLong(section + 0x20),
                    (int) elf.getLong(strings + 0x18));
            }
        }
    }

    private void read(ByteBuffer elf, int table, int bytes, int strings) {
        for (int symbol = table; symbol < table + bytes; symbol += SYMBOL_BYTES) {
            String name = string(elf, strings + elf.getInt(symbol));
            boolean undefined = elf.getShort(symbol + 6) == 0;
            (undefined ? imported : exported).add(name);
        }
    }

    private static String string(ByteBuffer elf, int start) {
        int end = start;
        while (elf.get(end) != 0) {
            end++;
        }
        return new String(elf.array(), start, end - start, StandardCharsets.US_ASCII);
    }
}
