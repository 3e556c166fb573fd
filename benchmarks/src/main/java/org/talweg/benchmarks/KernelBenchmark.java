package org.talweg.benchmarks;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.ops.MatrixProducts;

/**
 * Times the kernels on a GPU, see {@link KernelTimer}: those that stream against the bandwidth of a copy measured in the same
 * run, products against cuBLAS where the library is there, whole steps against their floor. Prints Markdown, and in the end
 * writes {@code target/kernels.json} and {@code target/kernels.md}, whole or not at all.
 *
 * <p>Arguments: {@code [device] [small] [products=talweg|cublas|auto]}; {@code small} takes sizes that the software device
 * runs in seconds, where times mean nothing, and what launches move is counted instead.
 */
public final class KernelBenchmark {
    private static final String PRODUCTS = "products=";

    private final String deviceName;
    private final boolean small;
    private final MatrixProducts products;
    private final Findings findings = new Findings();

    private KernelBenchmark(String deviceName, boolean small, MatrixProducts products) {
        this.deviceName = deviceName;
        this.small = small;
        this.products = products;
    }

    public static void main(String[] args) throws Exception {
        String device = "cuda";
        boolean small = false;
        MatrixProducts products = MatrixProducts.TALWEG;
        for (String arg : args) {
            if (arg.equals("small")) {
                small = true;
            } else if (arg.startsWith(PRODUCTS)) {
                products = MatrixProducts.valueOf(arg.substring(PRODUCTS.length()).toUpperCase(Locale.ROOT));
            } else {
                device = arg;
            }
        }
        new KernelBenchmark(device, small, products).run(Path.of("target"));
    }

    private void run(Path folder) throws Exception {
        double copyRate = streams();
        ProductTimes productTimes = new ProductTimes(deviceName, products, small);
        productTimes.run(findings);
        new StepTimes(deviceName, products, small, copyRate, productTimes).run(findings);
        findings.write(folder, "kernels");
    }

    /** Returns the bandwidth of a copy in GB/s. */
    private double streams() throws Exception {
        try (Memory memory = new Memory(deviceName)) {
            KernelTimer timer = new KernelTimer(memory, small);
            try (StreamCases cases = new StreamCases(memory, timer, small)) {
                String about = memory.device().description() + (SoftwareDriver.isLoaded()
                    ? ": a device in software, whose times say nothing about a GPU's" : "");
                findings.say("# Kernels on " + about + "\n");
                findings.put("device", about);
                findings.put("repetitions", KernelTimer.repetitions(small));
                findings.put("products by", products.name());
                StreamCases.Case copy = cases.all().get(0);
                double copyRate = copy.bytes() / 1e3 / timer.median(cases.sets(), copy.run());
                findings.put("copy GB/s", copyRate);
                findings.say("A copy moves %.1f GB/s.\n", copyRate);
                findings.say("| kernel | µs | GB/s | of a copy |\n|---|---|---|---|");
                List<Map<String, Object>> json = findings.list("kernels");
                for (StreamCases.Case each : cases.all()) {
                    json.add(stream(each, timer, cases.sets(), copyRate));
                }
                return copyRate;
            }
        }
    }

    private Map<String, Object> stream(StreamCases.Case each, KernelTimer timer, int sets, double copyRate) {
        Map<String, Object> counted = timer.counted(() -> each.run().accept(0));
        double time = timer.median(sets, each.run());
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("kernel", each.name());
        line.put("microseconds", time);
        if (each.bytes() == 0) {
            findings.say("| %s | %.1f | | |", each.name(), time);
        } else {
            double rate = each.bytes() / 1e3 / time;
            findings.say("| %s | %.1f | %.1f | %.0f %% |", each.name(), time, rate, 100 * rate / copyRate);
            line.put("bytes", each.bytes());
            line.put("of copy", rate / copyRate);
        }
        line.putAll(counted);
        return line;
    }
}
