package org.talweg.benchmarks;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.talweg.analysis.StepFloor;
import org.talweg.ops.Activation;
import org.talweg.ops.FusedMlpOps;
import org.talweg.ops.Fusion;
import org.talweg.ops.MatrixProducts;
import org.talweg.ops.Precision;

/**
 * Whole training steps as graph launches in a row, beside what the step must at least take: its bytes at the bandwidth of a
 * copy, and its operations at the fastest product's rate, both of the same run. A net that fits the cache may beat the one.
 */
final class StepTimes {
    private static final List<String> NETS = List.of("30-1/32", "784-128-10/64", "784-512-512-10/128",
        "784-2048-2048-2048-10/512");
    /** Which one kernel can take through all layers. */
    private static final List<String> NARROW = List.of("64-32-10/4096", "64-128-10/1024", "64-64-64-64-64-10/1024");
    private static final List<String> SMALL = List.of("30-1/32", "40-24-24-10/32");
    private static final List<String> SMALL_NARROW = List.of("40-24-10/32");

    private final String deviceName;
    private final MatrixProducts products;
    private final boolean small;
    private final double copyRate;
    private final ProductTimes productTimes;

    /** @param copyRate of memory, in GB/s */
    StepTimes(String deviceName, MatrixProducts products, boolean small, double copyRate, ProductTimes productTimes) {
        this.deviceName = deviceName;
        this.products = products;
        this.small = small;
        this.copyRate = copyRate;
        this.productTimes = productTimes;
    }

    void run(Findings findings) throws Exception {
        findings.say("\n## Steps\n");
        findings.say("| step | µs | bytes at a copy's rate, µs | operations at the fastest product's, µs | of the longer |"
            + "\n|---|---|---|---|---|");
        List<Map<String, Object>> json = findings.list("steps");
        try (Memory memory = new Memory(deviceName)) {
            memory.device().products(products);
            KernelTimer timer = new KernelTimer(memory, small);
            for (String net : small ? SMALL : NETS) {
                for (Precision precision : Precision.values()) {
                    json.add(step(memory, timer, net, precision, Fusion.OFF, findings));
                }
            }
            for (String net : small ? SMALL_NARROW : NARROW) {
                for (Precision precision : Precision.values()) {
                    json.add(step(memory, timer, net, precision, Fusion.OFF, findings));
                    if (products != MatrixProducts.CUBLAS) {
                        json.add(step(memory, timer, net, precision, Fusion.ON, findings));
                    }
                }
            }
        }
    }

    private Map<String, Object> step(Memory memory, KernelTimer timer, String name, Precision precision, Fusion fusion,
                                     Findings findings) throws Exception {
        try (Memory.Mark mark = memory.mark(); TrainedNet net = new TrainedNet(memory, name, precision, fusion)) {
            net.step();
            Map<String, Object> counted = timer.counted(net::step);
            double time = timer.inARow(small ? 4 : TrainedNet.GROUP, net::step);
            StepFloor floor = floor(memory, net, precision);
            long bytes = floor.launches().stream().mapToLong(StepFloor.Launch::bytes).sum();
            double moving = bytes / 1e3 / copyRate;
            double computing = floor.flops() / 1e6 / productTimes.fastest(precision);
            findings.say("| %s %s%s | %.1f | %.1f | %.1f | %.2f times |", name, precision, net.isFused() ? ", fused" : "",
                time, moving, computing, time / Math.max(moving, computing));
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("step", name);
            line.put("precision", precision.name());
            line.put("fused", net.isFused());
            line.put("microseconds", time);
            line.put("floor bytes", bytes);
            line.put("flops", floor.flops());
            line.put("microseconds of the bytes", moving);
            line.put("microseconds of the operations", computing);
            line.putAll(counted);
            return line;
        }
    }

    private static StepFloor floor(Memory memory, TrainedNet net, Precision precision) {
        StepFloor.LossRows loss = new StepFloor.LossRows(net.lossKernel(), 1, net.loss().hasHits());
        if (net.isFused()) {
            FusedMlpOps.Plan plan = memory.ops().fusedMlp().plan(TrainedNet.mlp(net.widths(), precision), net.batch());
            return StepFloor.ofFused(plan, net.rows(), net.widths(), loss, net.optimizer().rule());
        }
        return StepFloor.of(memory.ops().dense().at(precision), net.rows(), net.widths(), Activation.RELU, loss,
            net.optimizer().rule());
    }
}
