package org.talweg.cuda;

import java.util.Map;

/**
 * What the blocks resident on one multiprocessor share: CUDA Programming Guide, technical specifications per compute
 * capability. Every one listed has 65,536 registers for four schedulers of its warps.
 *
 * @param warps          resident at most
 * @param blocks         resident at most
 * @param sharedBytes    of memory for blocks
 * @param sharedUnit     bytes that it is handed out by
 * @param reservedBytes  that the system takes of it for each block
 */
record Multiprocessor(int warps, int blocks, int sharedBytes, int sharedUnit, int reservedBytes) {
    private static final int WARP = 32;
    private static final int REGISTERS = 1 << 16;
    /** Registers are handed out to a warp by so many. */
    private static final int REGISTER_UNIT = 256;
    private static final int SCHEDULERS = 4;
    private static final int KIB = 1 << 10;

    private static final Map<String, Multiprocessor> ALL = Map.of(
        "sm_75", new Multiprocessor(32, 16, 64 * KIB, 256, 0),
        "sm_80", new Multiprocessor(64, 32, 164 * KIB, 128, KIB),
        "sm_86", new Multiprocessor(48, 16, 100 * KIB, 128, KIB),
        "sm_89", new Multiprocessor(48, 24, 100 * KIB, 128, KIB),
        "sm_90", new Multiprocessor(64, 32, 228 * KIB, 128, KIB),
        "sm_100", new Multiprocessor(64, 32, 228 * KIB, 128, KIB),
        "sm_120", new Multiprocessor(48, 24, 100 * KIB, 128, KIB));

    static Multiprocessor of(String architecture) {
        Multiprocessor found = ALL.get(architecture);
        if (found == null) {
            throw new IllegalArgumentException("the limits of " + architecture + " are not known here, only those of "
                + ALL.keySet().stream().sorted().toList() + "; add them from the programming guide");
        }
        return found;
    }

    /**
     * Warps resident at once of a kernel whose grid fills the chip.
     *
     * @param threads   of a block
     * @param registers of a thread
     * @param shared    bytes of a block
     */
    int residentWarps(int threads, int registers, int shared) {
        int ofBlock = roundUp(threads, WARP) / WARP;
        int byRegisters = REGISTERS / SCHEDULERS / roundUp(Math.max(1, registers) * WARP, REGISTER_UNIT) * SCHEDULERS;
        int resident = Math.min(blocks, Math.min(warps, byRegisters) / ofBlock);
        int sharedOfBlock = roundUp(shared + reservedBytes, sharedUnit);
        return (sharedOfBlock == 0 ? resident : Math.min(resident, sharedBytes / sharedOfBlock)) * ofBlock;
    }

    private static int roundUp(int value, int unit) {
        return (value + unit - 1) / unit * unit;
    }
}
