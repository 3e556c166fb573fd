package org.talweg.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import org.talweg.cuda.CudaDevice;
import org.talweg.cuda.KernelProfile;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.tensor.Tensor;

/**
 * Times launches between two events, many times, medians. Operands come in sets that take turns, so that none is in the
 * cache; a copy goes before, during which the host gets the launch into the stream, so that its own time does not count. On
 * the software device, where times mean nothing, what a launch moves is counted.
 */
final class KernelTimer {
    /** Of all sets together: more than any second-level cache so far. */
    private static final long ROTATION_BYTES = 256L << 20;
    private static final int WARM_UPS = 10;

    private final CudaDevice device;
    private final boolean small;
    private final int repetitions;
    private final Tensor from;
    private final Tensor to;
    private final Memory memory;

    KernelTimer(Memory memory, boolean small) {
        if (!(memory.device() instanceof CudaDevice cuda)) {
            throw new IllegalArgumentException(memory.device().name() + " has no kernels to time; give cuda or software");
        }
        this.memory = memory;
        this.small = small;
        device = cuda;
        repetitions = repetitions(small);
        from = memory.zeros(small ? 1024 : 1 << 25);
        to = memory.zeros(small ? 1024 : 1 << 25);
    }

    static int repetitions(boolean small) {
        return small ? 3 : 200;
    }

    CudaDevice device() {
        return device;
    }

    /** How many sets of so many bytes each there should be, at least 2. */
    int sets(long bytes) {
        return small ? 2 : Math.toIntExact(Math.max(2, (ROTATION_BYTES + bytes - 1) / bytes));
    }

    <T> List<T> sets(long bytes, Supplier<T> one) {
        List<T> all = new ArrayList<>();
        for (int i = sets(bytes); i > 0; i--) {
            all.add(one.get());
        }
        return all;
    }

    /** Median time in microseconds. @param run a launch with the operands of one set */
    double median(int sets, IntConsumer run) {
        double[] times = new double[repetitions];
        for (int i = -Math.min(WARM_UPS, repetitions); i < repetitions; i++) {
            int set = Math.floorMod(i, sets);
            memory.ops().data().copy(from, to);
            double time = device.microseconds(() -> run.accept(set));
            if (i >= 0) {
                times[i] = time;
            }
        }
        return median(times);
    }

    /** Median time of one of so many that follow each other. */
    double inARow(int count, Runnable launches) {
        double[] times = new double[Math.max(3, repetitions / 10)];
        for (int i = -1; i < times.length; i++) {
            double time = device.microseconds(() -> {
                for (int j = 0; j < count; j++) {
                    launches.run();
                }
            }) / count;
            if (i >= 0) {
                times[i] = time;
            }
        }
        return median(times);
    }

    /** A time is at least a nanosecond, so that one may divide by it. */
    static double median(double[] times) {
        Arrays.sort(times);
        return Math.max(times[times.length / 2], 1e-3);
    }

    /** Kernels and bytes of what {@code launches} does; nothing on a GPU, which does not say. */
    Map<String, Object> counted(Runnable launches) {
        Map<String, Object> result = new LinkedHashMap<>();
        if (SoftwareDriver.isLoaded()) {
            device.synchronize();
            SoftwareDriver.profile();
            SoftwareDriver.count(true);
            try {
                launches.run();
                device.synchronize();
            } finally {
                SoftwareDriver.count(false);
            }
            List<KernelProfile> profile = SoftwareDriver.profile();
            result.put("launches", profile.stream().map(KernelProfile::kernel).toList());
            result.put("counted bytes", profile.stream().mapToLong(KernelProfile::bytes).sum());
        }
        return result;
    }
}
