package org.talweg.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.talweg.files.LibraryFile;
import org.talweg.ops.DeviceException;

/**
 * The software CUDA device: our own {@code libcuda.so.1}, which runs PTX on the CPU. Loading it before JCuda's driver
 * class makes JCuda use it, for the rest of this JVM; a JVM holds either it or a real driver, never both. A stand-in for
 * cuBLAS is loaded with it, for JCublas2.
 *
 * <p>Settings, counters and faults concern the whole library, and may be used from any thread.
 */
public final class SoftwareDriver {
    private static final String FOLDER = "native/linux-x86_64/";
    static final String DRIVER = "libtalweg-software-cuda.so";
    private static final String CUBLAS = "libtalweg-software-cublas.so";

    private static boolean loaded;

    private SoftwareDriver() {
    }

    /**
     * Totals since loading or {@link #resetCounters}.
     *
     * @param kernelLaunches   kernels run, each node of a replayed graph counted
     * @param graphLaunches    calls of {@code cuGraphLaunch}
     * @param synchronizations calls that wait for a stream, an event or a context
     * @param hostCopies       copies between host and device
     * @param warpInstructions instructions issued, one for each warp
     * @param laneInstructions the same, one for each active lane
     */
    public record Counters(long kernelLaunches, long graphLaunches, long synchronizations, long hostCopies,
                           long warpInstructions, long laneInstructions) {
    }

    /** What can be made to fail on demand. */
    public enum Fault {
        /** The next allocations; the failing one ends with CUDA_ERROR_OUT_OF_MEMORY. */
        ALLOCATION,
        /** Kernel launches, graph nodes included; CUDA_ERROR_LAUNCH_FAILED, and the context is lost. */
        LAUNCH,
        /** Copies, graph nodes included; CUDA_ERROR_ECC_UNCORRECTABLE, and the context is lost. */
        COPY,
        /**
         * Calls that need a context; CUDA_ERROR_UNKNOWN. The device is lost: every call in any of its contexts fails
         * from then on, and no new context can be created until all of them are destroyed.
         */
        DEVICE
    }

    /** What can be checked while kernels run. A misaligned access is an error of the device itself and always found. */
    public enum Check {
        /** Global accesses stay within a live allocation. The one check that is on unless switched off. */
        BOUNDS,
        /** Bytes of global, shared and local memory are written before they are read. */
        UNINITIALISED,
        /** Two threads that touch the same byte of shared memory, one of them writing, have a barrier in between. */
        RACES,
        /** All lanes of a warp reach an aligned barrier together. */
        BARRIERS,
        /** A context that is destroyed holds no memory any more; see {@link #takeLeaks}. */
        LEAKS,
        /**
         * Two blocks of a launch that touch the same byte of global memory, one of them writing, hand over by atomics or
         * volatile accesses in between.
         */
        GLOBAL_RACES
    }

    /**
     * Loads the device, once; later calls do nothing.
     *
     * @throws DeviceException if it was not built, does not load, or this JVM already holds a real driver
     */
    public static void load() {
        load(true);
    }

    /** @param withCublas if not, JCublas2 finds no library, as on a machine without one */
    static synchronized void load(boolean withCublas) {
        if (loaded) {
            return;
        }
        String reason = unavailable();
        if (reason != null) {
            throw new DeviceException(reason);
        }
        try {
            System.load(library(DRIVER).toString());
            if (withCublas) {
                System.load(library(CUBLAS).toString());
            }
        } catch (IOException | UnsatisfiedLinkError e) {
            throw new DeviceException("the software device does not load: " + e.getMessage(), e);
        }
        loaded = true;
    }

    public static synchronized boolean isLoaded() {
        return loaded;
    }

    /** Why {@link #load} would fail, with a remedy; null if nothing speaks against it. */
    static synchronized String unavailable() {
        if (loaded) {
            return null;
        }
        if (SoftwareDriver.class.getResource(FOLDER + DRIVER) == null) {
            return "the software device was not built: it needs Linux on x86-64 and a C++ compiler (apt-get install"
                + " g++) when the project is built";
        }
        if (firstLine("/proc/cpuinfo", " avx2") == null) {
            return "the software device needs a CPU with AVX2, as of 2013 and later";
        }
        String driver = mappedDriver();
        if (driver != null) {
            return "this JVM already uses the CUDA driver " + driver + "; ask for the software device in a JVM of its"
                + " own, before any other CUDA call";
        }
        return null;
    }

    public static Counters counters() {
        long[] values = new long[6];
        load();
        readCounters(values);
        return new Counters(values[0], values[1], values[2], values[3], values[4], values[5]);
    }

    /** Launches since loading or {@link #resetCounters}, by kernel name. */
    public static Map<String, Long> launchesByKernel() {
        load();
        Map<String, Long> launches = new TreeMap<>();
        launchTable().lines().forEach(line -> {
            int space = line.indexOf(' ');
            launches.put(line.substring(space + 1), Long.parseLong(line.substring(0, space)));
        });
        return launches;
    }

    public static void resetCounters() {
        load();
        reset();
    }

    /**
     * @param seed 0 runs blocks and warps in order; any other number shuffles and splits them, in an order of its own.
     *             Kernels must give the same bits under every seed
     */
    public static void scheduleSeed(long seed) {
        load();
        setScheduleSeed(seed);
    }

    /**
     * How instructions behave that NVIDIA defines by an error bound only: ex2, lg2, rcp, rsqrt, sqrt, sin, cos, tanh
     * and div in their {@code .approx} and {@code .full} forms.
     *
     * @param seed 0 for results rounded from double precision; any other number moves each result by an error within
     *             the documented bound that depends on seed and operands alone. Kernels must pass their tests either way
     */
    public static void approximationSeed(long seed) {
        load();
        setApproximationSeed(seed);
    }

    /**
     * How mma and wmma.mma sum, which NVIDIA leaves open.
     *
     * @param on false for exact sums, rounded once; true for blocks of products that are aligned to the largest one and
     *           cut off, as tensor cores were measured to do
     */
    public static void truncatingMma(boolean on) {
        load();
        setTruncatingMma(on);
    }

    /**
     * @param threads CPU threads that share the blocks of a launch; 0 for one for each CPU
     */
    public static void threads(int threads) {
        if (threads < 0) {
            throw new IllegalArgumentException("threads " + threads + " is negative; 0 means one for each CPU");
        }
        load();
        setThreads(threads);
    }

    /**
     * A launch that has issued more instructions than this, one for each warp, ends with CUDA_ERROR_LAUNCH_TIMEOUT, as
     * under a display's watchdog. Without a limit only such launches end so that provably go round in a circle. First
     * the environment's TALWEG_LAUNCH_LIMIT.
     *
     * @param instructions 0 for no limit
     */
    public static void launchLimit(long instructions) {
        if (instructions < 0) {
            throw new IllegalArgumentException("a limit of " + instructions + " instructions; 0 means none");
        }
        load();
        setLaunchLimit(instructions);
    }

    /**
     * Which checks kernels run under from now on, in place of those before. {@link Check#UNINITIALISED} and
     * {@link Check#GLOBAL_RACES} know only memory allocated while they are on; older memory counts as written and as
     * nobody's. A kernel that fails a check ends with an error
     * whose message names the kernel, the source line, the block and the thread.
     */
    public static void check(Set<Check> checks) {
        load();
        int bits = 0;
        for (Check check : checks) {
            bits |= 1 << check.ordinal();
        }
        setChecks(bits);
    }

    /** What {@link #check} set, or else the environment's TALWEG_CHECK: names with commas, {@code all} or {@code none}. */
    public static Set<Check> checks() {
        load();
        Set<Check> checks = EnumSet.noneOf(Check.class);
        for (Check check : Check.values()) {
            if ((checkBits() >> check.ordinal() & 1) != 0) {
                checks.add(check);
            }
        }
        return checks;
    }

    /**
     * Whether launches are counted from now on; off unless switched on, also by the environment's TALWEG_PROFILE=1. A
     * launch that is counted runs its blocks and warps in plain order, whatever {@link #scheduleSeed} says.
     */
    public static void count(boolean on) {
        load();
        setCounting(on);
    }

    /** The launches counted since this was last called, in the order they ran. */
    public static List<KernelProfile> profile() {
        load();
        return profileLines().lines().map(KernelProfile::parse).toList();
    }

    /** What {@link Check#LEAKS} found since this was last called, an allocation each. */
    public static List<String> takeLeaks() {
        load();
        return leakLines().lines().toList();
    }

    /** Bytes of memory of devices opened from now on; the environment's TALWEG_SOFTWARE_MEMORY, or else 4 GiB. */
    public static void memory(long bytes) {
        if (bytes <= 0) {
            throw new IllegalArgumentException("a device with " + bytes + " bytes of memory");
        }
        load();
        setMemory(bytes);
    }

    /** What {@link #memory(long)} set. */
    public static long memory() {
        load();
        return memoryBytes();
    }

    /** Bytes of device memory and of page-locked host memory that all contexts together hold at this moment. */
    public static long memoryInUse() {
        load();
        return bytesInUse();
    }

    /** Contexts that were created and not destroyed, primary ones included. */
    public static int contexts() {
        load();
        return contextCount();
    }

    /** How many devices there are: the environment's TALWEG_SOFTWARE_DEVICES, or else 1. */
    public static int devices() {
        load();
        return deviceCount();
    }

    /**
     * @param count 1 to 16. Call it before devices beyond the count are opened, or forgotten
     */
    public static void devices(int count) {
        load();
        if (!setDeviceCount(count)) {
            throw new IllegalArgumentException(count + " devices; allowed are 1 to 16");
        }
    }

    /**
     * Makes the devices pose as another chip: shared memory sizes, threads and blocks per multiprocessor, and the
     * refusal of PTX for later chips. First the environment's TALWEG_SOFTWARE_CAPABILITY, or else 8.0 without any
     * refusal.
     *
     * @param major 7 and 5, 8 and 0, 6 or 9, 9 and 0, 10 and 0, 12 and 0
     */
    public static void capability(int major, int minor) {
        load();
        if (!setCapability(major, minor)) {
            throw new IllegalArgumentException("compute capability " + major + "." + minor
                + "; there are 7.5, 8.0, 8.6, 8.9, 9.0, 10.0 and 12.0");
        }
    }

    /** Takes {@link #capability} back: 8.0, and PTX for any chip is welcome. */
    public static void anyCapability() {
        load();
        setCapability(0, 0);
    }

    /**
     * Makes one call to come fail, once. The environment's TALWEG_SOFTWARE_FAULT does so from the start:
     * {@code allocation:3,copy:1}.
     *
     * @param nth 1 for the next call of that sort, 2 for the one after it; 0 takes the order back
     */
    public static void fail(Fault fault, int nth) {
        if (nth < 0) {
            throw new IllegalArgumentException("the " + nth + "-th call cannot fail; count from 1");
        }
        load();
        setFault(fault.ordinal(), nth);
    }

    /** The PTX instructions that the device knows, by the first part of their names; docs/ptx-coverage.md says how far. */
    public static List<String> instructions() {
        load();
        return opcodeNames().lines().toList();
    }

    /** What the device had to say about its last error, and forgets; empty without the software device. */
    public static synchronized String takeReport() {
        return loaded ? report() : "";
    }

    /** Size of each parameter of a kernel, by its function handle. */
    static native int[] parameterBytes(long function);

    static Path library(String file) throws IOException {
        return LibraryFile.of(SoftwareDriver.class.getResource(FOLDER + file));
    }

    /** The CUDA driver mapped into this process, or null. The dynamic linker would prefer it to ours. */
    private static String mappedDriver() {
        String line = firstLine("/proc/self/maps", "/libcuda.so");
        return line == null ? null : line.substring(line.indexOf('/'));
    }

    private static String firstLine(String file, String text) {
        try (Stream<String> lines = Files.lines(Path.of(file))) {
            return lines.filter(line -> line.contains(text)).findFirst().orElse(null);
        } catch (IOException e) {
            return null;
        }
    }

    private static native void readCounters(long[] values);

    private static native String launchTable();

    private static native void reset();

    private static native void setScheduleSeed(long seed);

    private static native void setApproximationSeed(long seed);

    private static native void setTruncatingMma(boolean on);

    private static native String opcodeNames();

    private static native void setThreads(int threads);

    private static native void setLaunchLimit(long instructions);

    private static native void setChecks(int bits);

    private static native int checkBits();

    private static native String leakLines();

    private static native void setCounting(boolean on);

    private static native String profileLines();

    private static native void setMemory(long bytes);

    private static native long memoryBytes();

    private static native long bytesInUse();

    private static native int contextCount();

    private static native int deviceCount();

    private static native boolean setDeviceCount(int count);

    private static native boolean setCapability(int major, int minor);

    private static native void setFault(int fault, int nth);

    private static native String report();
}
