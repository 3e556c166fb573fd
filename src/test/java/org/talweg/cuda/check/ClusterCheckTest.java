package org.talweg.cuda.check;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.CheckedDevice;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.cuda.SoftwareDriver.Check;

/** Blocks of a cluster that meet in each other's shared memory, their barrier, and bulk copies. */
class ClusterCheckTest {
    private CheckedDevice device;
    private long in;
    private long out;

    @BeforeEach
    void open() {
        open(CheckedDevice.under(Check.BOUNDS, Check.RACES));
    }

    private void open(CheckedDevice opened) {
        device = opened.kernels("cluster_checks");
        in = device.allocate(128);
        device.clear(in, 128);
        out = device.allocate(512);
    }

    @AfterEach
    void close() {
        device.close();
    }

    private void pair(List<String> parts, String kernel) {
        device.expectReport(parts, kernel, 2, 32, out);
    }

    @Test
    void sharedMemoryOfABlockThatHasEnded() {
        pair(List.of("cluster_checks.cu:49", "block (0,0,0)", "all threads of block (1,0,0), which owns it, have ended"),
            "block_gone");
    }

    @Test
    void aReadWithNoBarrierOfTheClusterBefore() {
        pair(List.of("cluster_checks.cu:63", "race between blocks of the cluster: write of 4 bytes", "touched by block (",
            "at cluster_checks.cu:64", "with no barrier in between"), "read_without_barrier");
    }

    @Test
    void aWriteIntoAnotherBlockAndItsOwnRead() {
        pair(List.of("race between blocks of the cluster: ", "cluster_checks.cu:83", "cluster_checks.cu:84"),
            "write_after_barrier_alone");
    }

    @Test
    void writesOfTwoBlocks() {
        pair(List.of("cluster_checks.cu:103", "race between blocks of the cluster: write of 4 bytes at shared memory"),
            "both_write_one_word");
    }

    @Test
    void anArrivalBeforeTheWriteThatItIsFor() {
        pair(List.of("cluster_checks.cu:131", "cluster_checks.cu:134", "race between blocks of the cluster: "),
            "arrives_too_early");
    }

    @Test
    void lanesThatArriveAtDifferentPlaces() {
        device.close();
        open(CheckedDevice.under(Check.BARRIERS));
        pair(List.of("cluster_checks.cu:163", "divergent barrier: thread (16,0,0) of the same warp comes to the barrier of"
            + " the cluster at cluster_checks.cu:166"), "divergent_cluster_barrier");
    }

    @Test
    void aBarrierThatNotAllReach() {
        pair(List.of("cluster_checks.cu:", "the barrier of the cluster never completes: 32 of 64 threads have arrived or ended; "
            + "block (1,0,0), thread (0,0,0) is at cluster_checks.cu:180"), "barrier_that_never_completes");
    }

    @Test
    void aBulkCopyNobodyWaitedFor() {
        device.expectReport(List.of("cluster_checks.cu:197", "missing wait: the asynchronous copy begun by thread (0,0,0) at"
            + " cluster_checks.cu:193", "is still on its way"), "bulk_copy_not_waited_for", 1, 32, in, out);
    }

    @Test
    void aBlockThatEndsBeforeACopyIntoIt() {
        device.expectReport(List.of("cluster_checks.cu:208", "missing wait: block (0,0,0) ends while this copy into its shared"
            + " memory is still on its way"), "block_ends_before_its_copy", 1, 32, in, out);
    }

    @Test
    void aSourceThatIsOverwrittenTooEarly() {
        device.expectReport(List.of("cluster_checks.cu:220", "write of 4 bytes at shared memory address 0xc: missing wait: the"
            + " bulk copy begun by thread (0,0,0) at cluster_checks.cu:218", "still reads it"), "source_overwritten", 1, 32, out);
    }

    @Test
    void aSourceThatIsGivenUp() {
        device.expectReport(List.of("cluster_checks.cu:230", "the thread ends while its bulk copy still reads shared memory"),
            "source_given_up", 1, 32, out);
    }

    @Test
    void bulkCopiesOutOfBoundsAndMisaligned() {
        device.expectReport(List.of("cluster_checks.cu:239", "bulk copy reads 128 bytes", "runs 16 bytes over the end"),
            "bulk_copy_past_the_end", 1, 32, in, out);
        open();
        device.expectReport(List.of("cluster_checks.cu:239", "not a multiple of 16"), "bulk_copy_misaligned", 1, 32, in, out);
        open();
        device.expectReport(List.of("cluster_checks.cu:239", "bulk copy of 40 bytes, which is not a multiple of 16"),
            "bulk_copy_of_odd_size", 1, 32, in, out);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 3, 4, 5})
    void whatIsOrderedIsNotReported(long seed) {
        device.close();
        open(CheckedDevice.open());
        SoftwareDriver.scheduleSeed(seed);
        for (String kernel : List.of("block_still_there", "read_after_barrier", "write_between_barriers", "both_add_to_one_word",
            "arrives_after_writing", "flag_in_another_block", "barrier_of_either_kind")) {
            device.run(kernel, 4, 32, out);
        }
        device.run("bulk_copy_waited_for", 1, 32, in, out);
        device.run("source_overwritten_after_the_wait", 1, 32, out);
        device.run("bulk_copy_within", 1, 32, in, out);
    }
}
