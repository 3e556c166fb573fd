package org.talweg.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PhiloxTest {

    /** The known answers that its authors publish for philox4x32-10. */
    @Test
    void knownAnswers() {
        expect(0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
        expect(-1, -1, -1, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
        expect(0x299f31d0a4093822L, 0x0370734413198a2eL, 0x85a308d3243f6a88L,
            0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1);
    }

    @Test
    void uniformNumbersStayInTheirIntervals() {
        assertEquals(0f, Philox.uniform(0));
        assertEquals(1 - 0x1p-24f, Philox.uniform(-1));
        assertEquals(0x1p-24f, Philox.uniformAboveZero(0));
        assertEquals(1f, Philox.uniformAboveZero(-1));
    }

    @Test
    void aPermutationHoldsEveryNumberOnceAndDependsOnItsSeed() {
        for (int n : new int[] {0, 1, 2, 3, 100, 1001}) {
            int[] sorted = Philox.permutation(n, 42, 7);
            Arrays.sort(sorted);
            assertArrayEquals(IntStream.range(0, n).toArray(), sorted);
        }
        assertArrayEquals(Philox.permutation(100, 1, 2), Philox.permutation(100, 1, 2));
        assertNotEquals(Arrays.toString(Philox.permutation(100, 1, 2)), Arrays.toString(Philox.permutation(100, 1, 3)));
        assertNotEquals(Arrays.toString(Philox.permutation(100, 1, 2)), Arrays.toString(Philox.permutation(100, 2, 2)));
    }

    private static void expect(long seed, long stream, long block, int... words) {
        int[] actual = new int[4];
        Philox.words(seed, stream, block, actual);
        assertArrayEquals(words, actual);
    }
}
