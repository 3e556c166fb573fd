package org.talweg.cuda;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What one kernel launch cost, counted by the software device on PTX: the assembler's code for a GPU may issue other
 * instructions, but it moves the same bytes.
 *
 * @param kernel       name as in {@code extern "C"}
 * @param grid         blocks along x, y and z
 * @param block        threads along x, y and z
 * @param sharedBytes  of each block, static and dynamic
 * @param issued       instructions issued, one for each warp; parameters of the kernel cost none
 * @param activeLanes  the same, one for each lane that its predicate let through
 * @param loads        reads of global memory
 * @param stores       writes of global memory
 * @param atomics      atomic accesses of global memory
 * @param sectorsRead  distinct 32-byte sectors of global memory that were read, atomics included
 * @param sectorsWritten distinct sectors that were written, atomics included
 * @param shared       shared memory
 * @param localRequests warp instructions on local memory
 * @param barriers     barriers completed, over all blocks
 * @param branches     conditional branches, one for each warp
 * @param divergentBranches those that some lanes took and others did not
 */
public record KernelProfile(String kernel, List<Integer> grid, List<Integer> block, int sharedBytes,
                            Map<InstructionClass, Long> issued, Map<InstructionClass, Long> activeLanes,
                            Requests loads, Requests stores, Requests atomics, long sectorsRead, long sectorsWritten,
                            SharedRequests shared, long localRequests, long barriers, long branches,
                            long divergentBranches) {
    private static final int SECTOR_BYTES = 32;

    /** Kinds of instructions. {@code OTHER} are moves, conversions and exchanges between lanes. */
    public enum InstructionClass { FMA, FLOAT, TENSOR, INTEGER, MEMORY, CONTROL, BARRIER, OTHER }

    /**
     * @param count        warp instructions
     * @param sectors      32-byte sectors that each touched, added up
     * @param idealSectors what it would be if the same bytes lay side by side; 0 for atomics, where it is not counted
     */
    public record Requests(long count, long sectors, long idealSectors) {
    }

    /**
     * @param count           warp instructions
     * @param wavefronts      turns that the 32 banks of 4 bytes took to serve them; accesses of 8 bytes go by half
     *                        warps, those of 16 by quarters
     * @param idealWavefronts the turns without bank conflicts
     */
    public record SharedRequests(long count, long wavefronts, long idealWavefronts) {
        /** Turns that bank conflicts cost. */
        public long conflicts() {
            return wavefronts - idealWavefronts;
        }
    }

    /** Bytes that must go to and from memory, however large the caches are: each sector once in each direction. */
    public long bytes() {
        return SECTOR_BYTES * (sectorsRead + sectorsWritten);
    }

    public long instructions() {
        return issued.values().stream().mapToLong(Long::longValue).sum();
    }

    /** A line of the native library: see {@code launch_counts.hpp}. */
    static KernelProfile parse(String line) {
        int classes = InstructionClass.values().length;
        int numbers = 9 + 2 * classes + 15;
        String[] words = line.split(" ", numbers + 1);
        long[] n = Arrays.stream(words, 0, numbers).mapToLong(Long::parseLong).toArray();
        int at = 9 + 2 * classes;
        return new KernelProfile(words[numbers], sizes(n, 0), sizes(n, 3), (int) n[6], byClass(n, 9),
            byClass(n, 9 + classes), new Requests(n[at], n[at + 1], n[at + 2]),
            new Requests(n[at + 3], n[at + 4], n[at + 5]), new Requests(n[at + 6], n[at + 7], 0), n[7], n[8],
            new SharedRequests(n[at + 8], n[at + 9], n[at + 10]), n[at + 11], n[at + 12], n[at + 13], n[at + 14]);
    }

    private static List<Integer> sizes(long[] numbers, int at) {
        return List.of((int) numbers[at], (int) numbers[at + 1], (int) numbers[at + 2]);
    }

    private static Map<InstructionClass, Long> byClass(long[] numbers, int at) {
        Map<InstructionClass, Long> counts = new EnumMap<>(InstructionClass.class);
        for (InstructionClass kind : InstructionClass.values()) {
            counts.put(kind, numbers[at + kind.ordinal()]);
        }
        return counts;
    }
}
