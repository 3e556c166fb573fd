package org.talweg.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.talweg.analysis.StepFloor;
import org.talweg.cuda.KernelProfile;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Loaded;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.ops.FusedMlpOps;
import org.talweg.ops.Ops;
import org.talweg.ops.Precision;
import org.talweg.ops.UpdateRule;
import org.talweg.optim.FusedOptimizer;
import org.talweg.optim.Lbfgs;
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
    private static final int MORE_ROWS = 100;

    @Spec
    private CommandSpec spec;

    @Mixin
    private Experiment experiment;

    @Option(names = "--input", paramLabel = "N", showDefaultValue = Visibility.NEVER,
        description = "Features of random rows, in place of SOURCE, e.g. 784.")
    private Integer input;

    @Option(names = "--classes", paramLabel = "N", showDefaultValue = Visibility.NEVER,
        description = "Their classes, e.g. 10.")
    private Integer classes;

    @Option(names = "--json", description = "One JSON object a line: each kernel, and last the totals of one step.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        experiment.requireDevice("software", "profile counts on the software device alone");
        if (experiment.source() == null) {
            experiment.prepare(Loaded.of(random()));
        } else {
            Experiment.check(input == null && classes == null, "--input and --classes describe random rows; leave them out, "
                + "or leave out " + experiment.source());
            experiment.prepare();
        }
        Experiment.check(experiment.trainsEverything(), "--freeze: the products of a step that trains a part of the model are "
            + "not counted yet; leave it out");
        Experiment.check(!(experiment.optimizer() instanceof Lbfgs), "--optimizer " + experiment.optimizerText()
            + ": a step of lbfgs is as many passes as its line search needs; profile another optimizer");
        SoftwareDriver.load();

        try (Device device = Devices.open("software"); Model model = experiment.model(device)) {
            DataLoader rows = experiment.trainingRows();
            int size = Math.min(rows.batchSize(), rows.data().rows());
            SteadyStep step = new SteadyStep(size);
            step.run(experiment.trainer(model).listeners(step).build(), rows);
            StepFloor floor = floor(model, rows, step);
            report(rows.data(), size, model.parameterCount(), new StepProfile(step.launches,
                experiment.isPlain() ? floor.launches() : List.of()), floor.flops());
        }
        return 0;
    }

    /** Of the step as it was taken: fused or not. */
    private StepFloor floor(Model model, DataLoader loader, SteadyStep step) {
        List<Integer> widths = new ArrayList<>(experiment.hiddenUnits());
        widths.add(0, loader.data().columns());
        widths.add(experiment.outputs());
        int[] rows = rows(loader, step.metrics);
        StepFloor.LossRows loss = lossRows(experiment.loss(), experiment.outputs());
        UpdateRule rule = OptimizerChoices.ALL.parse(experiment.optimizerText()) instanceof FusedOptimizer fused
            ? fused.rule() : null;
        Ops ops = model.device().ops();
        if (step.launches.stream().anyMatch(launch -> launch.kernel().startsWith("fused_mlp_step"))) {
            FusedMlpOps.Plan plan = ops.fusedMlp().plan(model.tape().fusedMlp().orElseThrow(), rows.length);
            return StepFloor.ofFused(plan, rows, widths, loss, rule);
        }
        return StepFloor.of(ops.dense().at(experiment.precision()), rows, widths, experiment.activation(), loss, rule);
    }

    /** Of the batch of a step, where they lie on the device: rows that are streamed come one after the other. */
    private int[] rows(DataLoader loader, StepMetrics step) {
        int size = Math.min(loader.batchSize(), loader.data().rows());
        if (experiment.limitsDataMemory()) {
            return IntStream.range(0, size).toArray();
        }
        int from = (int) (step.step() % loader.batches()) * loader.batchSize();
        return Arrays.copyOfRange(loader.order(step.epoch()), from, from + size);
    }

    private static StepFloor.LossRows lossRows(Loss loss, int outputs) {
        return loss.targetType() == DType.INT32 ? new StepFloor.LossRows("cross_entropy", 1, loss.hasHits())
            : new StepFloor.LossRows(loss.name(), outputs, loss.hasHits());
    }

    /** Enough for the training part to have a batch, whatever is set apart. */
    private Dataset random() {
        Experiment.check(input != null && classes != null, "nothing to profile; name a source of data, such as digits, or "
            + "give a shape, as --input 784 --classes 10");
        Experiment.check(input >= 1, "--input " + input + ": a row needs at least 1 feature");
        Experiment.check(classes >= 2, "--classes " + classes + ": at least 2 are needed");
        Experiment.check(!experiment.isFullBatch(), "--batch full: random rows have no number; write one, as --batch 128");
        long rows = 2L * experiment.batchRows() + MORE_ROWS;
        Experiment.check(rows * input <= Integer.MAX_VALUE, "--batch " + experiment.batchRows() + " --input " + input
            + ": the rows of a few batches pass 2^31 values; choose less");
        SplittableRandom draws = new SplittableRandom(SEED);
        float[] features = new float[(int) (rows * input)];
        for (int i = 0; i < features.length; i++) {
            features[i] = (float) draws.nextDouble();
        }
        int[] labels = draws.ints(rows, 0, classes).toArray();
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
        private StepMetrics metrics;
        private List<KernelProfile> launches = List.of();

        SteadyStep(int batch) {
            this.batch = batch;
        }

        void run(Trainer training, DataLoader rows) {
            trainer = training;
            SoftwareDriver.count(true);
            try {
                SoftwareDriver.profile();
                training.fit(rows, 2);
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
                metrics = step;
                trainer.requestStop();
            }
        }
    }

    private void report(Dataset rows, int size, long parameters, StepProfile profile, long flops)
        throws JsonProcessingException {
        PrintWriter out = spec.commandLine().getOut();
        StepProfile.Row total = profile.total();
        Precision precision = experiment.precision();
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
            line.put("hidden", experiment.hiddenUnits());
            line.put("outputs", experiment.outputs());
            line.put("batch", size);
            line.put("parameters", parameters);
            line.put("optimizer", experiment.optimizerText());
            line.put("precision", precision.name().toLowerCase(Locale.ROOT));
            line.put("flops", flops);
            Map<String, Object> predicted = new LinkedHashMap<>();
            Gpu.KNOWN.forEach(gpu -> predicted.put(gpu.name(), gpu.microseconds(total.bytes(), flops, precision)));
            line.put("predicted_microseconds", predicted);
            out.println(JSON.writeValueAsString(line));
            return;
        }
        print("one step of %,d rows: %s; %,d parameters, %s, %s%n%n", size, rows, parameters,
            experiment.optimizerText(), precision.name().toLowerCase(Locale.ROOT));
        print("%-28s %8s %14s %14s %6s %15s %6s %10s %14s%n", "kernel", "launches", "bytes", "floor", "ratio",
            "sectors/request", "ideal", "conflicts", "instructions");
        profile.rows().forEach(this::print);
        print(total);
        print("%nbytes: each 32-byte sector that a launch reads or writes, once; floor: the sectors of each input once, "
            + "of each output once%n%n");
        print("predicted by the roofline from %,d operations of the products, and %,d bytes to and from memory, not "
            + "measured:%n", flops, total.bytes());
        for (Gpu gpu : Gpu.KNOWN) {
            print("  %-10s %10.1f us a step  (%,.0f GB/s, %.1f TFLOP/s)%s%n", gpu.name(),
                gpu.microseconds(total.bytes(), flops, precision), gpu.bandwidth(), gpu.peak(precision),
                total.bytes() <= gpu.cache() << 20 ? "; less, for all of it fits into its " + gpu.cache() + " MB of L2" : "");
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
