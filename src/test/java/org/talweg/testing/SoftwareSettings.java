package org.talweg.testing;

import org.talweg.cuda.SoftwareDriver;

/**
 * How the software device does what a GPU may do in its own way. Tests run under the settings of these system properties,
 * unless they choose others for themselves:
 *
 * @param schedule      {@code talweg.schedule}: {@link SoftwareDriver#scheduleSeed}; 0 for blocks and warps in order
 * @param approximation {@code talweg.approximation}: {@link SoftwareDriver#approximationSeed}; 0 for best effort
 * @param truncatingMma {@code talweg.mma=truncating}: {@link SoftwareDriver#truncatingMma}; else exact sums
 */
public record SoftwareSettings(long schedule, long approximation, boolean truncatingMma) {

    static SoftwareSettings ofProperties() {
        String mma = System.getProperty("talweg.mma", "exact");
        if (!mma.equals("exact") && !mma.equals("truncating")) {
            throw new IllegalArgumentException("-Dtalweg.mma=" + mma + ": write exact or truncating");
        }
        return new SoftwareSettings(Long.getLong("talweg.schedule", 0), Long.getLong("talweg.approximation", 0),
            mma.equals("truncating"));
    }

    /** Blocks and warps in order, best effort, exact sums. */
    boolean isPlain() {
        return schedule == 0 && approximation == 0 && !truncatingMma;
    }

    void apply() {
        SoftwareDriver.scheduleSeed(schedule);
        SoftwareDriver.approximationSeed(approximation);
        SoftwareDriver.truncatingMma(truncatingMma);
    }

    /** The options of Maven that repeat a test under these settings. */
    @Override
    public String toString() {
        return "-Dtalweg.schedule=" + schedule + " -Dtalweg.approximation=" + approximation + " -Dtalweg.mma="
            + (truncatingMma ? "truncating" : "exact");
    }
}
