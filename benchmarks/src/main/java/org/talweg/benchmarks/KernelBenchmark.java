package org.talweg.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntConsumer;
import org.talweg.cuda.CudaDevice;
import org.talweg.ops.Activation;
import org.talweg.ops.ClipRule;
import org.talweg.ops.CrossEntropy;
import org.talweg.ops.DenseShape;
import org.talweg.ops.LossBatch;
import org.talweg.ops.Ops;
import org.talweg.ops.Precision;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateRule;
import org.talweg.optim.Optimizers;
import org.talweg.tensor.Tensor;

/**
 * Times the kernels on a GPU: one launch between two events, many times, in buffers that rotate so that none finds its
 * operands in the cache, medians. Streaming kernels against the bandwidth of a copy measured in the same run, products
 * against cuBLAS where the library is there. Prints Markdown and writes {@code kernels.json} and {@code kernels.md}.
 *
 * <p>Arguments: {@code [device] [small]}; {@code small} takes sizes that the software device runs in seconds, where
 * times mean nothing.
 */
public final class KernelBenchmark {
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    private static final UpdateRule ADAM = Optimizers.adam().rule();

    /** @param run a launch with the operands of one set */
    private record Case(String name, double bytes, double flops, IntConsumer run) {
    }

    private final Memory memory;
    private final CudaDevice device;
    private final Ops ops;
    private final boolean small;
    private final int repetitions;
    private final List<Map<String, Object>> results = new ArrayList<>();
    private final StringBuilder markdown = new StringBuilder();

    private KernelBenchmark(Memory memory, boolean small) {
        this.memory = memory;
        this.small = small;
        repetitions = small ? 3 : 200;
        ops = memory.ops();
        if (!(memory.device() instanceof CudaDevice cuda)) {
            throw new IllegalArgumentException(memory.device().name() + " has no kernels to time; give cuda or software");
        }
        device = cuda;
    }

    public static void main(String[] args) throws IOException {
        String name = args.length > 0 ? args[0] : "cuda";
        try (Memory memory = new Memory(name)) {
            new KernelBenchmark(memory, Arrays.asList(args).contains("small")).run(Path.of("target"));
        }
    }

    private void run(Path folder) throws IOException {
        String about = device.description() + (device.name().startsWith("software")
            ? ": a device in software, whose times say nothing about a GPU's" : "");
        say("# Kernels on " + about + "\n");
        double copy = streams();
        products();
        Files.createDirectories(folder);
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("device", about);
        all.put("repetitions", repetitions);
        all.put("copy GB/s", copy);
        all.put("kernels", results);
        JSON.writeValue(folder.resolve("kernels.json").toFile(), all);
        Files.writeString(folder.resolve("kernels.md"), markdown);
    }

    /** Kernels that are bound by memory; returns the bandwidth of a copy in GB/s. */
    private double streams() {
        int n = small ? 1 << 10 : 1 << 25;
        int rows = n / 1024;
        // Each set is far larger than any second-level cache, and two of them keep a launch from its own leavings.
        int sets = 2;
        Tensor[] x = sets(sets, rows, 1024);
        Tensor[] y = sets(sets, rows, 1024);
        Tensor[] z = sets(sets, rows, 1024);
        Tensor[] w = sets(sets, rows, 1024);
        Tensor none = memory.zeros(1);
        Tensor weight = memory.random(1024);
        Tensor means = memory.zeros(rows);
        Tensor deviations = memory.zeros(rows);
        Tensor losses = memory.zeros(rows);
        int[] classes = new int[rows];
        Arrays.setAll(classes, i -> i % 1024);
        Tensor labels = memory.ints(classes);
        Tensor partials = memory.zeros(ops.update().squarePartials(n));
        try (StepState state = StepState.allocate(device, 1)) {
            device.upload(new float[] {1e-3f, 0.9f}, state.schedule());
            ops.update().prepareStep(state, ADAM, ClipRule.NONE, none, null, none);
            double copy = 8.0 * n / 1e3 / median(new Case("copy", 0, 0, i -> ops.data().copy(x[i], y[i])), sets);
            say(String.format(Locale.ROOT, "A copy moves %.1f GB/s.\n", copy));
            say("| kernel | µs | GB/s | of a copy |\n|---|---|---|---|");
            for (Case each : List.of(
                new Case("copy", 8.0 * n, 0, i -> ops.data().copy(x[i], y[i])),
                new Case("zero", 4.0 * n, 0, i -> ops.data().zero(y[i])),
                new Case("sum of squares", 4.0 * n, 0, i -> ops.update().sumOfSquares(x[i], partials)),
                new Case("Adam", 28.0 * n, 0,
                    i -> ops.update().apply(ADAM, x[i], y[i], List.of(z[i], w[i]), null, state)),
                new Case("GELU", 8.0 * n, 0, i -> ops.activation().forward(x[i], Activation.GELU, y[i])),
                new Case("GELU, backward", 12.0 * n, 0,
                    i -> ops.activation().backward(x[i], Activation.GELU, y[i], false, z[i])),
                new Case("softmax", 8.0 * n, 0, i -> ops.activation().softmax(x[i], false, y[i])),
                new Case("layer norm", 8.0 * n, 0,
                    i -> ops.normalisation().layerNorm(x[i], weight, weight, 1e-5f, means, deviations, y[i])),
                new Case("softmax cross-entropy", 8.0 * n, 0, i -> ops.loss().crossEntropy(CrossEntropy.plain(true),
                    new LossBatch(x[i], labels, null, 1, 1, losses, null, x[i]), null, null)))) {
                double time = median(each, sets);
                double rate = each.bytes / 1e3 / time;
                say(String.format(Locale.ROOT, "| %s | %.1f | %.1f | %.0f %% |", each.name, time, rate, 100 * rate / copy));
                results.add(Map.of("kernel", each.name, "bytes", each.bytes, "microseconds", time, "of copy", rate / copy));
            }
            return copy;
        }
    }

    private void products() {
        say("\n| product | µs | TFLOP/s | of cuBLAS |\n|---|---|---|---|");
        CublasYardstick cublas = CublasYardstick.open(device);
        if (cublas == null) {
            say("| cuBLAS is not here: " + CublasYardstick.missing() + " | | | |");
        }
        List<int[]> shapes = small ? List.of(new int[] {40, 24, 33})
            : List.of(new int[] {64, 128, 784}, new int[] {128, 512, 512}, new int[] {512, 2048, 2048},
                new int[] {1024, 1024, 1024}, new int[] {4096, 4096, 4096});
        for (int[] n : shapes) {
            int sets = small ? 1 : (int) Math.max(2, Math.min(16, (256L << 20) / (4L * n[1] * n[2])));
            Tensor[] x = sets(sets, n[0], n[2]);
            Tensor[] w = sets(sets, n[1], n[2]);
            Tensor[] dz = sets(sets, n[0], n[1]);
            Tensor[] dw = sets(sets, n[1], n[2]);
            DenseShape shape = new DenseShape(n[0], n[1], n[2]);
            double flops = 2.0 * n[0] * n[1] * n[2];
            for (Precision precision : Precision.values()) {
                Tensor partials = memory.zeros(ops.dense().at(precision).squarePartials(shape));
                Tensor workspace = memory.zeros(Math.max(1, Math.toIntExact(ops.dense().at(precision).workspace(shape))));
                String name = String.format("%d×%d×%d %s", n[0], n[1], n[2], precision);
                for (Case each : List.of(
                    new Case(name + " forward", 0, flops, i -> ops.dense().at(precision).forward(x[i], null, w[i], null,
                        Activation.IDENTITY, null, dz[i])),
                    new Case(name + " dX", 0, flops, i -> ops.dense().at(precision).backwardInput(dz[i], w[i],
                        Activation.IDENTITY, null, false, x[i])),
                    new Case(name + " dW", 0, flops, i -> ops.dense().at(precision).backwardWeights(x[i], null, dz[i],
                        false, dw[i], null, partials, workspace)))) {
                    product(each, sets, cublas == null || precision != Precision.FLOAT32 ? 0 : median(new Case("cuBLAS",
                        0, 0, i -> cublas.multiply(each.name.substring(each.name.lastIndexOf(' ') + 1), x[i], w[i],
                            dz[i], dw[i])), sets));
                }
            }
        }
        if (cublas != null) {
            cublas.close();
        }
    }

    private void product(Case each, int sets, double cublas) {
        double time = median(each, sets);
        say(String.format(Locale.ROOT, "| %s | %.1f | %.2f | %s |", each.name, time, each.flops / 1e6 / time,
            cublas == 0 ? "" : String.format(Locale.ROOT, "%.0f %%", 100 * cublas / time)));
        Map<String, Object> result = new LinkedHashMap<>(Map.of("kernel", each.name, "flops", each.flops,
            "microseconds", time));
        if (cublas != 0) {
            result.put("cuBLAS microseconds", cublas);
        }
        results.add(result);
    }

    private double median(Case each, int sets) {
        double[] times = new double[repetitions];
        for (int i = -Math.min(10, repetitions); i < repetitions; i++) {
            int set = Math.floorMod(i, sets);
            double time = device.microseconds(() -> each.run.accept(set));
            if (i >= 0) {
                times[i] = time;
            }
        }
        Arrays.sort(times);
        return Math.max(times[repetitions / 2], 1e-3);
    }

    private Tensor[] sets(int count, int rows, int columns) {
        Tensor[] tensors = new Tensor[count];
        Arrays.setAll(tensors, i -> memory.random(rows, columns));
        return tensors;
    }

    private void say(String line) {
        System.out.println(line);
        markdown.append(line).append('\n');
    }
}
