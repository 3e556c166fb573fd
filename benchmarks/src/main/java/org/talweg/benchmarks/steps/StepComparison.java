package org.talweg.benchmarks.steps;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Times a training step of every contestant on the class path, side by side: rounds of one short run each, every run in
 * a JVM of its own, contestants taking turns within a round so that a busy moment of the machine hits all of them. Peers
 * run on one thread and on all cores, and where they use OpenMP with threads that spin or sleep while they wait; a first
 * short run drops settings that are far from a contestant's best. Prints Markdown, and writes everything to {@code
 * target/steps.json}, from which {@link StepPicture} draws.
 *
 * <p>Arguments: {@code [rounds] [work ...]}, such as {@code 5 784-128-10/64 adam/25000000}.
 */
public final class StepComparison {
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    /** Each but the first is compiled by a profile of its own. */
    private static final List<String> CONTESTANTS =
        List.of("TalwegContestant", "TensorFlowContestant", "PyTorchContestant", "DjlContestant", "Dl4jContestant");
    /** Relative. Sums in other orders drift apart over an epoch of steps; another computation would show at once. */
    private static final double LOSS_TOLERANCE = 0.02;
    /** A loss that has come down to this is compared as if it were this. */
    private static final double SMALL_LOSS = 0.02;
    /** Times a contestant's best that another setting of it may take in the first run and stay in. */
    private static final double HOPELESS = 1.7;
    /** Of a first run. Two pools of threads that spin against each other may need hours for what one does in seconds. */
    private static final long FIRST_RUN_SECONDS = 120;
    private static final String UPDATE = "adam/";
    private static final int UPDATES = 60;

    private StepComparison() {
    }

    /** @param sleeps whether threads that wait sleep instead of spinning; of OpenMP */
    private record Entry(String name, int threads, boolean sleeps) {
        @Override
        public String toString() {
            return name + " on " + threads + (threads == 1 ? " thread" : " threads") + (sleeps ? " that sleep" : "");
        }
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        if (args.length > 0 && args[0].equals("--child")) {
            child(args[1], Integer.parseInt(args[2]), args[3], Integer.parseInt(args[4]));
            return;
        }
        int rounds = args.length > 0 ? Integer.parseInt(args[0]) : 5;
        List<String> work = args.length > 1 ? List.of(args).subList(1, args.length)
            : Stream.concat(Net.ALL.stream().map(Net::toString),
                Stream.of(UPDATE + 25_000_000)).toList();
        Map<String, Object> results = new LinkedHashMap<>();
        System.out.println("| work | contestant | µs a step | talweg is faster by | load |\n|---|---|---|---|---|");
        for (String each : work) {
            results.put(each, compare(each, rounds));
        }
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("cores", Runtime.getRuntime().availableProcessors());
        all.put("java", System.getProperty("java.version"));
        all.put("rounds", rounds);
        all.put("results", results);
        Path path = Path.of("target", "steps.json");
        Files.createDirectories(path.getParent());
        JSON.writeValue(path.toFile(), all);
        System.out.println("\nwritten to " + path + "; StepPicture " + path + " FILE.svg draws it");
    }

    private static Map<String, Object> compare(String work, int rounds) throws IOException, InterruptedException {
        List<Entry> entries = new ArrayList<>();
        for (Contestant contestant : contestants()) {
            entries.addAll(promising(contestant, work));
        }
        Map<Entry, List<Double>> times = new LinkedHashMap<>();
        double load = 0;
        for (int round = 0; round < rounds; round++) {
            double expected = Double.NaN;
            for (Entry entry : entries) {
                double[] result = spawn(entry, work, epochs(work), Long.MAX_VALUE);
                times.computeIfAbsent(entry, key -> new ArrayList<>()).add(result[0]);
                if (Double.isNaN(expected)) {
                    expected = result[1];
                } else if (!(Math.abs(result[1] - expected) <= LOSS_TOLERANCE * Math.max(SMALL_LOSS, Math.abs(expected)))) {
                    throw new IllegalStateException(entry + " ends at " + result[1] + ", " + entries.get(0) + " at "
                        + expected + ": they do not compute the same");
                }
                load = Math.max(load, ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage());
            }
        }
        List<Double> own = times.entrySet().stream().filter(e -> e.getKey().name.equals("talweg")).findFirst()
            .orElseThrow(() -> new IllegalStateException("talweg is not on the class path")).getValue();
        Map<String, Object> lines = new LinkedHashMap<>();
        for (Map.Entry<Entry, List<Double>> entry : times.entrySet()) {
            double time = median(entry.getValue());
            double ratio = time / median(own);
            System.out.printf(Locale.ROOT, "| %s | %s | %.1f | %.2f | %.1f |%n", work, entry.getKey(), time, ratio, load);
            lines.put(entry.getKey().toString(), Map.of("microseconds", entry.getValue(), "median", time, "ratio", ratio));
        }
        lines.put("highest load", load);
        return lines;
    }

    /** The settings of a contestant that may be its best for this work. */
    private static List<Entry> promising(Contestant contestant, String work) throws IOException, InterruptedException {
        int cores = Runtime.getRuntime().availableProcessors();
        List<Entry> entries = new ArrayList<>();
        if (contestant.name().equals("talweg") || cores == 1) {
            return List.of(new Entry(contestant.name(), cores, false));
        }
        entries.add(new Entry(contestant.name(), 1, false));
        entries.add(new Entry(contestant.name(), cores, false));
        if (contestant.usesOpenMp()) {
            entries.add(new Entry(contestant.name(), cores, true));
        }
        Map<Entry, Double> first = new LinkedHashMap<>();
        for (Entry entry : entries) {
            first.put(entry, spawn(entry, work, Math.min(20, epochs(work)), FIRST_RUN_SECONDS)[0]);
        }
        double best = first.values().stream().mapToDouble(Double::doubleValue).min().orElseThrow();
        if (best == Double.POSITIVE_INFINITY) {
            throw new IllegalStateException(contestant.name() + " on " + work + " takes more than " + FIRST_RUN_SECONDS
                + " s with each of " + entries + ": name the work that it can do, or leave its profile out");
        }
        return entries.stream().filter(entry -> first.get(entry) <= HOPELESS * best).toList();
    }

    private static int epochs(String work) {
        return work.startsWith(UPDATE) ? UPDATES : Net.parse(work).epochs();
    }

    /** Median time of a step over the epochs after the first half, infinite if it takes too long, and the last loss. */
    private static double[] spawn(Entry entry, String work, int epochs, long seconds)
        throws IOException, InterruptedException {
        List<String> command = List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx6g",
            // JavaCPP would otherwise ask the system for its memory at every tensor.
            "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
            "-cp", System.getProperty("java.class.path"), StepComparison.class.getName(), "--child", entry.name,
            String.valueOf(entry.threads), work, String.valueOf(epochs));
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().put("OMP_NUM_THREADS", String.valueOf(entry.threads));
        builder.environment().put("OMP_WAIT_POLICY", entry.sleeps ? "PASSIVE" : "ACTIVE");
        Process process = builder.start();
        if (!process.waitFor(seconds, TimeUnit.SECONDS)) {
            process.destroyForcibly().waitFor();
            return new double[] {Double.POSITIVE_INFINITY, Double.NaN};
        }
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.exitValue() != 0) {
            throw new IllegalStateException(entry + " on " + work + " failed; run it alone with: "
                + String.join(" ", command));
        }
        String[] last = output.strip().lines().reduce((first, second) -> second).orElseThrow().split(" ");
        return new double[] {Double.parseDouble(last[0]), Double.parseDouble(last[1])};
    }

    private static void child(String name, int threads, String work, int epochs) {
        Contestant contestant = contestants().stream().filter(each -> each.name().equals(name)).findFirst()
            .orElseThrow(() -> new IllegalArgumentException("no contestant " + name + " on the class path, only "
                + contestants().stream().map(Contestant::name).collect(Collectors.joining(", "))));
        Contestant.Outcome outcome = work.startsWith(UPDATE)
            ? contestant.update(Integer.parseInt(work.substring(UPDATE.length())), threads, epochs)
            : contestant.train(Net.parse(work), threads, epochs);
        double[] warm = Arrays.copyOfRange(outcome.microseconds(), epochs / 2, epochs);
        System.out.println(median(Arrays.stream(warm).boxed().toList()) + " " + outcome.lastLoss());
    }

    private static List<Contestant> contestants() {
        List<Contestant> found = new ArrayList<>();
        for (String name : CONTESTANTS) {
            try {
                found.add((Contestant) Class.forName(StepComparison.class.getPackageName() + "." + name)
                    .getDeclaredConstructor().newInstance());
            } catch (ClassNotFoundException e) {
                // Its profile is off.
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(name, e);
            }
        }
        return found;
    }

    static double median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        return (sorted.get((sorted.size() - 1) / 2) + sorted.get(sorted.size() / 2)) / 2;
    }
}
