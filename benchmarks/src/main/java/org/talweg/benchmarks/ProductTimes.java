package org.talweg.benchmarks;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntConsumer;
import org.talweg.cuda.CudaDevice;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.ops.Activation;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.MatrixProducts;
import org.talweg.ops.Precision;
import org.talweg.tensor.Tensor;

/**
 * The products of a dense layer in every precision: with tiles by count, with what the tuner measured, and by cuBLAS in the
 * same precision. What was planned stays with its device, so each has one of its own.
 */
final class ProductTimes {
    private static final List<DenseShape> SHAPES = List.of(new DenseShape(64, 128, 784), new DenseShape(128, 512, 512),
        new DenseShape(512, 2048, 2048), new DenseShape(1024, 1024, 1024), new DenseShape(4096, 4096, 4096));
    private static final List<DenseShape> SMALL = List.of(new DenseShape(40, 24, 33), new DenseShape(40, 24, 32));

    private final String deviceName;
    private final MatrixProducts products;
    private final boolean small;
    private final List<Line> lines = new ArrayList<>();
    private final Map<Precision, Double> fastest = new EnumMap<>(Precision.class);

    /** One product. */
    private static final class Line {
        private final String name;
        private final Precision precision;
        private final double flops;
        private double byCount;
        private double measured;
        private double cublas = Double.NaN;
        private String plan;
        private Map<String, Object> counted;

        Line(String name, Precision precision, double flops) {
            this.name = name;
            this.precision = precision;
            this.flops = flops;
        }

        Map<String, Object> toJson() {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("product", name);
            json.put("precision", precision.name());
            json.put("flops", flops);
            json.put("microseconds with tiles by count", byCount);
            json.put("microseconds", measured);
            json.put("plan", plan);
            if (!Double.isNaN(cublas)) {
                json.put("cuBLAS microseconds", cublas);
            }
            json.putAll(counted);
            return json;
        }
    }

    /** The operands of one set. */
    private record Operands(Tensor x, Tensor w, Tensor dz, Tensor dw, Tensor dx, Tensor db) {
    }

    ProductTimes(String deviceName, MatrixProducts products, boolean small) {
        this.deviceName = deviceName;
        this.products = products;
        this.small = small;
    }

    void run(Findings findings) {
        findings.say("\n## Products, %s\n", products.name().toLowerCase(Locale.ROOT));
        times(false, findings);
        times(true, findings);
        findings.say("\nIn batch×outputs×inputs. Tiles by count, then as the tuner left them%s.\n",
            SoftwareDriver.isLoaded() ? ", which measures nothing on a device in software" : "");
        findings.say("| product | by count, µs | µs | TFLOP/s | cuBLAS, µs | of cuBLAS | plan |\n|---|---|---|---|---|---|---|");
        List<Map<String, Object>> json = findings.list("products");
        for (Line line : lines) {
            boolean known = !Double.isNaN(line.cublas);
            findings.say("| %s %s | %.1f | %.1f | %.2f | %s | %s | %s |", line.name, line.precision, line.byCount,
                line.measured, line.flops / 1e6 / line.measured, known ? String.format(Locale.ROOT, "%.1f", line.cublas) : "",
                known ? String.format(Locale.ROOT, "%.0f %%", 100 * line.cublas / line.measured) : "", line.plan);
            json.add(line.toJson());
            fastest.merge(line.precision, line.flops / 1e6 / Math.min(line.measured, known ? line.cublas : line.measured),
                Math::max);
        }
        findings.say("\n`tf32x3` beside the library's float32, which it is as exact as.");
    }

    /** TFLOP/s of the fastest product, ours or cuBLAS's. */
    double fastest(Precision precision) {
        return fastest.get(precision);
    }

    private void times(boolean tuned, Findings findings) {
        try (Memory memory = new Memory(deviceName)) {
            KernelTimer timer = new KernelTimer(memory, small);
            CudaDevice device = timer.device();
            if (!SoftwareDriver.isLoaded()) {
                device.autotune(tuned);
            }
            device.products(products);
            CublasYardstick cublas = tuned ? CublasYardstick.open(device) : null;
            if (tuned && cublas == null) {
                findings.say("cuBLAS is not here: " + CublasYardstick.missing());
            }
            int at = 0;
            for (DenseShape shape : small ? SMALL : SHAPES) {
                for (Precision precision : Precision.values()) {
                    at = times(memory, timer, shape, precision, tuned, cublas, at);
                }
            }
            if (cublas != null) {
                cublas.close();
            }
        }
    }

    /** @return where the next line is */
    private int times(Memory memory, KernelTimer timer, DenseShape shape, Precision precision, boolean tuned,
                      CublasYardstick cublas, int first) {
        DenseOps dense = memory.ops().dense().at(precision);
        int m = shape.batch();
        int n = shape.outputs();
        int k = shape.inputs();
        try (Memory.Mark mark = memory.mark()) {
            List<Operands> all = timer.sets(4L * (2L * m * k + 2L * n * k + (long) m * n), () -> new Operands(
                memory.random(m, k), memory.random(n, k), memory.random(m, n), memory.zeros(n, k), memory.zeros(m, k),
                memory.zeros(n)));
            all.forEach(operands -> dense.plan(shape, operands.w));
            Tensor partials = memory.zeros(Math.max(1, dense.squarePartials(shape)));
            Tensor workspace = memory.zeros(Math.max(1, Math.toIntExact(dense.workspace(shape))));
            IntConsumer forward = i -> dense.forward(all.get(i).x, null, all.get(i).w, all.get(i).db, Activation.RELU, null,
                all.get(i).dz);
            IntConsumer input = i -> dense.backwardInput(all.get(i).dz, all.get(i).w, Activation.RELU, all.get(i).x, false,
                all.get(i).dx);
            IntConsumer weights = i -> dense.backwardWeights(all.get(i).x, null, all.get(i).dz, false, all.get(i).dw,
                all.get(i).db, partials, workspace);
            IntConsumer both = i -> dense.backward(all.get(i).x, null, all.get(i).dz, false, all.get(i).dw, all.get(i).db,
                partials, workspace, all.get(i).w, Activation.RELU, all.get(i).x, false, all.get(i).dx);
            List<IntConsumer> ours = List.of(forward, input, weights, both);
            String[] names = {"forward", "dX", "dW", "dX and dW"};
            for (int i = 0; i < ours.size(); i++) {
                if (!tuned) {
                    lines.add(new Line(m + "×" + n + "×" + k + " " + names[i], precision, (i < 3 ? 2.0 : 4.0) * m * n * k));
                }
                Line line = lines.get(first + i);
                double time = timer.median(all.size(), ours.get(i));
                if (tuned) {
                    line.measured = time;
                    line.plan = timer.device().plan(precision, shape);
                    IntConsumer one = ours.get(i);
                    line.counted = timer.counted(() -> one.accept(0));
                } else {
                    line.byCount = time;
                }
            }
            if (cublas != null) {
                List<IntConsumer> its = List.of(
                    i -> cublas.forward(precision, all.get(i).x, all.get(i).w, all.get(i).dz),
                    i -> cublas.backwardInput(precision, all.get(i).dz, all.get(i).w, all.get(i).dx),
                    i -> cublas.backwardWeights(precision, all.get(i).x, all.get(i).dz, all.get(i).dw),
                    i -> {
                        cublas.backwardWeights(precision, all.get(i).x, all.get(i).dz, all.get(i).dw);
                        cublas.backwardInput(precision, all.get(i).dz, all.get(i).w, all.get(i).dx);
                    });
                for (int i = 0; i < its.size(); i++) {
                    lines.get(first + i).cublas = timer.median(all.size(), its.get(i));
                }
            }
            return first + ours.size();
        }
    }
}
