package org.talweg.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.talweg.analysis.StepFloor;
import org.talweg.cuda.KernelProfile;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Scaler;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.ops.Precision;
import org.talweg.optim.FusedOptimizer;
import org.talweg.optim.Lbfgs;
import org.talweg.optim.Optimizer;
import org.talweg.tape.Loss;
import org.talweg.tensor.DType;
import org.talweg.train.Listener;
import org.talweg.train.StepMetrics;
import org.talweg.train.Trainer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code talweg profile}: what the kernels of one training step cost, counted on the software device. */
@Command(name = "profile", mixinStandardHelpOptions = true, sortOptions = false, showDefaultValues = true,
    description = "Runs a few training steps on the software device and counts what one of them costs, kernel by kernel: "
        + "bytes against the least there can be, sectors of each request to memory, bank conflicts, instructions. Then "
        + "predicts the time of a step on some GPUs.",
    footer = {"", "Examples:", "  ./talweg profile digits --optimizer sgd",
        "  ./talweg profile --input 784 --hidden 512,512 --classes 10 --batch 128"})
final class ProfileCommand implements Callable<Integer> {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int SEED = 42;

    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "SOURCE", arity = "0..1",
        description = DataOptions.SOURCE + " Or none, and --input and --classes.")
    private String source;

    @Mixin
    private DataOptions data;

    @Option(names = "--input", paramLabel = "N", showDefaultValue = Visibility.NEVER,
        description = "Features of random rows, in place of DATA, e.g. 784.")
    private Integer input;

    @Option(names = "--classes", paramLabel = "N", showDefaultValue = Visibility.NEVER,
        description = "Their classes, e.g. 10.")
    private Integer classes;

    @Option(names = "--hidden", paramLabel = "UNITS", defaultValue = "128,64",
        description = "Units of the hidden layers, e.g. 512,512; none for a linear model.")
    private String hidden;

    @Option(names = "--batch", paramLabel = "ROWS", defaultValue = "32", description = "Rows of a step, e.g. 128.")
    private int batch;

    @Option(names = "--activation", paramLabel = "NAME", defaultValue = "relu",
        description = "Of the hidden layers, e.g. gelu; see 'talweg methods activation'.")
    private String activation;

    @Option(names = "--optimizer", paramLabel = "NAME", defaultValue = "adam",
        description = "e.g. adamw or sgd:momentum=0.9; see 'talweg methods optimizer'.")
    private String optimizer;

    @Option(names = "--precision", paramLabel = "NAME", defaultValue = "float32",
        description = "Of the matrix products: float32, or on tensor cores tf32, tf32x3 or bf16.")
    private Precision precision;

    @Option(names = "--json", description = "One JSON object a line: each kernel, and last the totals of one step.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        Activation f = Activation.parse(activation);
        List<Integer> units = Experiment.units(hidden);
        Optimizer method = OptimizerChoices.parse(optimizer);
        Experiment.check(!(method instanceof Lbfgs), "--optimizer " + optimizer + ": a step of lbfgs is as many passes as its "
            + "line search needs; profile another optimizer");
        Experiment.check(batch >= 1, "--batch " + batch + ": a step needs at least 1 row");
        Dataset rows = source == null ? random() : training();
        SoftwareDriver.load();

        Loss loss = LossChoices.parse("auto", rows);
        int outputs = rows.isClassification() ? rows.classes() : rows.targetNames().size();
        try (Device device = Devices.open("software")) {
            Sequential.Builder builder = Sequential.builder(rows.inputShape()).seed(SEED).precision(precision);
            units.forEach(count -> LayerChoices.addHidden(builder, count, f, "none", "auto", 0));
            try (Model model = LossChoices.output(builder, outputs, "auto", rows).build(device)) {
                int size = Math.min(batch, rows.rows());
                SteadyStep step = new SteadyStep(size);
                step.run(Trainer.builder(model).loss(loss).optimizer(method).listeners(step).build(), rows);
                List<Integer> widths = new ArrayList<>(units);
                widths.add(0, rows.columns());
                widths.add(outputs);
                StepFloor floor = StepFloor.of(device.ops().dense().at(precision), size, widths, f, lossRows(loss, outputs),
                    OptimizerChoices.ALL.parse(optimizer) instanceof FusedOptimizer fused ? fused.rule() : null);
                report(rows, size, model.parameterCount(), new StepProfile(step.launches, floor), floor.flops());
            }
        }
        return 0;
    }

    private static StepFloor.LossRows lossRows(Loss loss, int outputs) {
        return loss.targetType() == DType.INT32 ? new StepFloor.LossRows("cross_entropy", 1, loss.hasHits())
            : new StepFloor.LossRows(loss.name(), outputs, loss.hasHits());
    }

    private Dataset training() throws IOException {
        Experiment.check(input == null && classes == null, "--input and --classes describe random rows; leave them out, "
            + "or leave out " + source);
        Dataset raw = data.split(data.load(source), SEED).train();
        return data.filling(Optional.of(Scaler.minMax())).orElseThrow().fit(raw).apply(raw);
    }

    /** Two batches. */
    private Dataset random() {
        Experiment.check(input != null && classes != null, "nothing to profile; name a data set, such as digits, or give "
            + "a shape, as --input 784 --classes 10");
        Experiment.check(input >= 1, "--input " + input + ": a row needs at least 1 feature");
        Experiment.check(classes >= 2, "--classes " + classes + ": at least 2 are needed");
        Experiment.check(2L * batch * input <= Integer.MAX_VALUE, "--batch " + batch + " --input " + input
            + ": two batches pass 2^31 values; choose less");
        SplittableRandom draws = new SplittableRandom(SEED);
        float[] features = new float[2 * batch * input];
        for (int i = 0; i < features.length; i++) {
            features[i] = (float) draws.nextDouble();
        }
        int[] labels = draws.ints(2L * batch, 0, classes).toArray();
        return Dataset.classification("random", names("feature ", input), features, "class", labels,
            names("class ", classes));
    }

    private static List<String> names(String prefix, int count) {
        return IntStream.range(0, count).mapToObj(i -> prefix + i).toList();
    }

    /** Trains until one step after the first had a whole batch, and keeps what that step launched. */
    private static final class SteadyStep implements Listener {
        private final int batch;
        private Trainer trainer;
        private List<KernelProfile> launches = List.of();

        SteadyStep(int batch) {
            this.batch = batch;
        }

        void run(Trainer training, Dataset rows) {
            trainer = training;
            SoftwareDriver.count(true);
            try {
                SoftwareDriver.profile();
                training.fit(DataLoader.of(rows, batch).shuffled(SEED), 2);
            } finally {
                SoftwareDriver.count(false);
                SoftwareDriver.profile();
            }
        }

        @Override
        public int stepsUntilReport() {
            return 1;
        }

        @Override
        public void onSteps(List<StepMetrics> steps) {
            StepMetrics step = steps.get(0);
            List<KernelProfile> counted = SoftwareDriver.profile();
            Experiment.check(!step.skipped(), "step " + step.step() + " was skipped, because its gradient is not finite, "
                + "and would not show what a step costs; try a lower learning rate");
            if (step.step() > 0 && step.rows() == batch) {
                launches = counted;
                trainer.requestStop();
            }
        }
    }

    private void report(Dataset rows, int size, long parameters, StepProfile profile, long flops)
        throws JsonProcessingException {
        PrintWriter out = spec.commandLine().getOut();
        StepProfile.Row total = profile.total();
        if (json) {
            for (StepProfile.Row row : profile.rows()) {
                Map<String, Object> line = new LinkedHashMap<>();
                line.put("kernel", row.kernel());
                putCounts(line, row);
                out.println(JSON.writeValueAsString(line));
            }
            Map<String, Object> line = new LinkedHashMap<>();
            putCounts(line, total);
            line.put("data", rows.name());
            line.put("input", rows.columns());
            line.put("hidden", Experiment.units(hidden));
            line.put("outputs", rows.isClassification() ? rows.classes() : rows.targetNames().size());
            line.put("batch", size);
            line.put("parameters", parameters);
            line.put("optimizer", optimizer);
            line.put("precision", precision.name().toLowerCase(Locale.ROOT));
            line.put("flops", flops);
            Map<String, Object> predicted = new LinkedHashMap<>();
            Gpu.KNOWN.forEach(gpu -> predicted.put(gpu.name(), gpu.microseconds(total.bytes(), flops, precision)));
            line.put("predicted_microseconds", predicted);
            out.println(JSON.writeValueAsString(line));
            return;
        }
        print("one step of %,d rows: %s; %,d parameters, %s, %s%n%n", size, rows, parameters, optimizer,
            precision.name().toLowerCase(Locale.ROOT));
        print("%-28s %8s %14s %14s %6s %15s %6s %10s %14s%n", "kernel", "launches", "bytes", "floor", "ratio",
            "sectors/request", "ideal", "conflicts", "instructions");
        profile.rows().forEach(this::print);
        print(total);
        print("%nbytes: each 32-byte sector that a launch reads or writes, once; floor: each input once, each output "
            + "once%n%n");
        print("predicted by the roofline from %,d bytes and %,d operations of the products, not measured:%n",
            total.bytes(), flops);
        for (Gpu gpu : Gpu.KNOWN) {
            print("  %-10s %10.1f us a step at least  (%,.0f GB/s, %.1f TFLOP/s)%n", gpu.name(),
                gpu.microseconds(total.bytes(), flops, precision), gpu.bandwidth(), gpu.peak(precision));
        }
    }

    private static void putCounts(Map<String, Object> line, StepProfile.Row row) {
        line.put("launches", row.launches().size());
        line.put("bytes", row.bytes());
        line.put("floor_bytes", row.floor().isPresent() ? row.floor().getAsLong() : null);
        line.put("ratio", row.floor().isPresent() ? row.ratio() : null);
        line.put("sectors_per_request", row.sectorsPerRequest());
        line.put("ideal_sectors_per_request", row.idealSectorsPerRequest());
        line.put("bank_conflicts", row.conflicts());
        line.put("instructions", row.instructions());
    }

    private void print(StepProfile.Row row) {
        boolean known = row.floor().isPresent();
        print("%-28s %8d %,14d %14s %6s %15.2f %6.2f %,10d %,14d%n", row.kernel(), row.launches().size(), row.bytes(),
            known ? String.format(Locale.ROOT, "%,d", row.floor().getAsLong()) : "unknown",
            known ? String.format(Locale.ROOT, "%.3f", row.ratio()) : "", row.sectorsPerRequest(),
            row.idealSectorsPerRequest(), row.conflicts(), row.instructions());
    }

    private void print(String format, Object... values) {
        PrintWriter out = spec.commandLine().getOut();
        out.printf(Locale.ROOT, format, values);
        out.flush();
    }
}
