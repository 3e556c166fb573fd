package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The formula of occupancy against values worked out from the programming guide by hand. */
class MultiprocessorTest {

    @ParameterizedTest(name = "{0}: {1} threads, {2} registers, {3} bytes of shared memory: {4} warps")
    @CsvSource({
        // Registers decide: 65,536 / (128 · 32) = 16 warps; 129 are handed out as 136, of which a block of 8 warps fits once.
        "sm_80, 256, 128, 16384, 16",
        "sm_80, 256, 129, 0, 8",
        "sm_80, 256, 255, 0, 8",
        // A scheduler's 16,384 registers hold 12 warps of 40, so the chip's hold 48: 6 blocks.
        "sm_80, 256, 40, 0, 48",
        "sm_80, 64, 42, 0, 40",
        // Nothing but the warps that may be resident.
        "sm_75, 256, 32, 0, 32",
        "sm_80, 256, 32, 64, 64",
        "sm_86, 256, 32, 0, 48",
        "sm_120, 1024, 32, 0, 32",
        // Blocks: 16, 24 and 32 of one warp each; the rest of a warp counts as a whole one.
        "sm_86, 32, 16, 0, 16",
        "sm_89, 32, 16, 0, 24",
        "sm_90, 32, 16, 0, 32",
        "sm_80, 33, 16, 0, 64",
        // Shared memory: 64 KiB hold two blocks of 32 KiB, 100 KiB two of 48 and their KiB each, 164 KiB three.
        "sm_75, 256, 64, 32768, 16",
        "sm_86, 256, 64, 49152, 16",
        "sm_80, 256, 64, 49152, 24",
        "sm_90, 256, 64, 49152, 32",
        // More than there is.
        "sm_75, 256, 64, 65537, 0"
    })
    void residentWarpsAreTheGuides(String architecture, int threads, int registers, int shared, int warps) {
        assertEquals(warps, Multiprocessor.of(architecture).residentWarps(threads, registers, shared));
    }

    @Test
    void anArchitectureThatIsNotListedIsNamed() {
        String message = assertThrows(IllegalArgumentException.class, () -> Multiprocessor.of("sm_70")).getMessage();
        assertTrue(message.contains("sm_70") && message.contains("sm_75"), message);
    }
}
