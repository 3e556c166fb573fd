package org.talweg.benchmarks.steps;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Times a training step of every contestant on the class path, side by side: rounds of one short run each, every run in
 * a JVM of its own, contestants taking turns within a round so that a busy moment of the machine hits all of them. Each
 * gets its best number of threads. Prints the medians as Markdown, then all of it as one line of JSON.
 *
 * <p>Arguments: {@code [rounds] [net ...]}, such as {@code 5 784-128-10/64}.
 */
public final class StepComparison {
    private static final ObjectMapper JSON = new ObjectMapper();
    /** Each but the first is compiled by a profile of its own. */
    private static final List<String> CONTESTANTS =
        List.of("TalwegContestant", "TensorFlowContestant", "PyTorchContestant");
    /** Relative. Sums in other orders drift apart over an epoch of steps; another computation would show at once. */
    private static final double LOSS_TOLERANCE = 0.02;

    private StepComparison() {
    }

    private record Entry(String name, int threads) {
        @Override
        public String toString() {
            return name + " on " + threads + (threads == 1 ? " thread" : " threads");
        }
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        if (args.length > 0 && args[0].equals("--child")) {
            child(args[1], Integer.parseInt(args[2]), Net.parse(args[3]), Integer.parseInt(args[4]));
            return;
        }
        int rounds = args.length > 0 ? Integer.parseInt(args[0]) : 5;
        List<Net> nets = args.length > 1
            ? Arrays.stream(args).skip(1).map(Net::parse).toList() : Net.ALL;
        Map<String, Object> all = new LinkedHashMap<>();
        System.out.println("| net/batch | contestant | µs a step | against talweg |\n|---|---|---|---|");
        for (Net net : nets) {
            all.put(net.toString(), compare(net, rounds));
        }
        System.out.println();
        System.out.println(JSON.writeValueAsString(all));
    }

    private static Map<String, Double> compare(Net net, int rounds) throws IOException, InterruptedException {
        int cores = Runtime.getRuntime().availableProcessors();
        List<Entry> entries = new ArrayList<>();
        for (Contestant contestant : contestants()) {
            boolean own = contestant.name().equals("talweg");
            if (!own && cores > 1) {
                entries.add(new Entry(contestant.name(), 1));
            }
            entries.add(new Entry(contestant.name(), cores));
        }
        Map<Entry, List<Double>> times = new LinkedHashMap<>();
        for (int round = 0; round < rounds; round++) {
            double expectedLoss = Double.NaN;
            for (Entry entry : entries) {
                double[] result = spawn(entry, net);
                times.computeIfAbsent(entry, key -> new ArrayList<>()).add(result[0]);
                if (Double.isNaN(expectedLoss)) {
                    expectedLoss = result[1];
                } else if (!(Math.abs(result[1] - expectedLoss) <= LOSS_TOLERANCE * expectedLoss)) {
                    throw new IllegalStateException(entry + " ends at a loss of " + result[1] + ", "
                        + entries.get(0) + " at " + expectedLoss + ": they do not compute the same");
                }
            }
        }
        Map<String, Double> medians = new LinkedHashMap<>();
        times.forEach((entry, values) -> medians.put(entry.toString(), median(values)));
        double own = medians.entrySet().stream().filter(e -> e.getKey().startsWith("talweg")).findFirst()
            .orElseThrow(() -> new IllegalStateException("talweg is not on the class path")).getValue();
        medians.forEach((name, time) -> System.out.printf(Locale.ROOT, "| %s | %s | %.1f | %.2f |%n", net, name, time,
            time / own));
        return medians;
    }

    /** Median time of a step over the epochs after the first half, and the last loss. */
    private static double[] spawn(Entry entry, Net net) throws IOException, InterruptedException {
        List<String> command = List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx6g",
            "-cp", System.getProperty("java.class.path"), StepComparison.class.getName(), "--child", entry.name,
            String.valueOf(entry.threads), net.toString(), String.valueOf(net.epochs()));
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().put("OMP_NUM_THREADS", String.valueOf(entry.threads));
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IllegalStateException(entry + " on " + net + " failed; run it alone with: "
                + String.join(" ", command));
        }
        String[] last = output.strip().lines().reduce((first, second) -> second).orElseThrow().split(" ");
        return new double[] {Double.parseDouble(last[0]), Double.parseDouble(last[1])};
    }

    private static void child(String name, int threads, Net net, int epochs) {
        for (Contestant contestant : contestants()) {
            if (contestant.name().equals(name)) {
                Contestant.Outcome outcome = contestant.train(net, threads, epochs);
                double[] warm = Arrays.copyOfRange(outcome.microseconds(), epochs / 2, epochs);
                System.out.println(median(Arrays.stream(warm).boxed().toList()) + " " + outcome.lastLoss());
                return;
            }
        }
        throw new IllegalArgumentException("no contestant " + name + " on the class path");
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

    private static double median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        return (sorted.get((sorted.size() - 1) / 2) + sorted.get(sorted.size() / 2)) / 2;
    }
}
