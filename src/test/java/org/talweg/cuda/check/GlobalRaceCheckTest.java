package org.talweg.cuda.check;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.talweg.cuda.CheckedDevice;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.cuda.SoftwareDriver.Check;

/** Blocks of a launch that meet in global memory. */
class GlobalRaceCheckTest {
    private CheckedDevice device;
    private long values;
    private long out;

    @BeforeEach
    void open() {
        open(CheckedDevice.under(Check.GLOBAL_RACES));
    }

    private void open(CheckedDevice opened) {
        device = opened;
        values = device.allocate(4 * 1024);
        out = device.allocate(4 * 1024);
        device.clear(values, 4 * 1024);
        device.clear(out, 4 * 1024);
    }

    @AfterEach
    void close() {
        device.close();
    }

    @ParameterizedTest
    @CsvSource({"0, 1", "0, 4", "1, 2", "5, 3"})
    void writesOfDifferentValues(long seed, int threads) {
        SoftwareDriver.scheduleSeed(seed);
        SoftwareDriver.threads(threads);
        device.expectReport(List.of("checks.cu:232", "race between blocks: write of 4 bytes at 0x", "cuMemAlloc #", "written by block (",
            "with no atomics in between"), "race_between_blocks", 8, 64, out);
    }

    @ParameterizedTest
    @CsvSource({"0, 1", "0, 4", "1, 2", "5, 3"})
    void aReadOfWhatAnotherBlockWritesWhicheverComesFirst(long seed, int threads) {
        SoftwareDriver.scheduleSeed(seed);
        SoftwareDriver.threads(threads);
        device.expectReport(List.of("race between blocks: ", "checks.cu:239", "checks.cu:240", " by block ("),
            "race_of_reading_blocks", 4, 64, values, out);
    }

    @ParameterizedTest
    @CsvSource({"0, 1", "0, 4", "1, 2", "5, 3"})
    void aWholeRowAndAWordOfItWhicheverComesFirst(long seed, int threads) {
        SoftwareDriver.scheduleSeed(seed);
        SoftwareDriver.threads(threads);
        device.expectReport(List.of("race between blocks: ", "checks.cu:286", "checks.cu:288", " by block ("),
            "race_of_a_row_and_a_word", 2, 64, values, out, 1);
    }

    @ParameterizedTest
    @CsvSource({"0, 1", "0, 4", "1, 2", "5, 3"})
    void aWordAndTheWholeRowAroundItWhicheverComesFirst(long seed, int threads) {
        SoftwareDriver.scheduleSeed(seed);
        SoftwareDriver.threads(threads);
        device.expectReport(List.of("race between blocks: ", "checks.cu:287", "checks.cu:289", " by block ("),
            "race_of_a_row_and_a_word", 2, 64, values, out, 0);
    }

    @Test
    void aSumOfWhatOthersMayNotHaveWritten() {
        SoftwareDriver.threads(1);
        device.expectReport(List.of("race between blocks: read of 4 bytes", "written by block (0,0,0) at checks.cu:251"),
            "last_block_by_number", 8, 64, values, values + 1024, out);
    }

    @ParameterizedTest
    @CsvSource({"0, 1", "0, 4", "1, 1", "2, 4", "3, 2"})
    void blocksThatKeepApartOrHandOver(long seed, int threads) {
        device.close();
        open(CheckedDevice.open());
        SoftwareDriver.scheduleSeed(seed);
        SoftwareDriver.threads(threads);
        device.run("blocks_of_their_own", 16, 64, out);
        device.run("race_between_blocks", 1, 64, out);  // a single block
        device.run("blocks_write_one_value", 8, 64, out);
        device.run("bytes_of_a_word_by_blocks", 16, 32, out);
        device.run("last_block_by_count", 16, 64, values, values + 1024, out);
        device.run("message_by_flag", 6, 32, values, values + 2048, out);
        device.run("words_of_a_row_by_blocks", 4, 64, values, out);
        device.run("blocks_of_their_own", 4, 64, out);  // other blocks than in the launch before
    }
}
