package org.talweg.benchmarks.steps;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.talweg.files.WholeFile;

/**
 * Times a training step of every contestant on the class path, side by side: rounds of one short run each, every run in
 * a JVM of its own, contestants taking turns within a round so that a busy moment of the machine hits all of them. Peers
 * run on one thread and on all cores, and where they use OpenMP with threads that spin or sleep while they wait.
 *
 * <p>A first short trial drops settings that are far from a contestant's best, and ends those that would take longer. Who
 * gives no time, fails or ends at another loss is in the results as that, and the others go on; failures and other losses
 * make the exit status 1 in the end. Prints Markdown, and writes everything to {@code target/steps.json} after each work,
 * whole or not at all, from which {@link StepPicture} draws.
 *
 * <p>Arguments: {@code [rounds [seconds [limit]]] [work ...]}, such as {@code 5 6 60 784-128-10/64 adam/25000000}: seconds
 * that a run trains for, and after which one is ended that hangs.
 */
public final class StepComparison {
    static final String OURS = "talweg";
    static final String CHILD = "--child";
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    /** Each but the first is compiled by a profile of its own. */
    private static final List<String> CONTESTANTS =
        List.of("TalwegContestant", "TensorFlowContestant", "PyTorchContestant", "DjlContestant", "Dl4jContestant");
    /** Relative. Sums in other orders drift apart over an epoch of steps; another computation would show at once. */
    private static final double LOSS_TOLERANCE = 0.02;
    /** A loss that has come down to this is compared as if it were this. */
    private static final double SMALL_LOSS = 0.02;
    /** Times a contestant's best that another setting of it may take in the trial and stay in. */
    private static final double HOPELESS = 1.7;
    /** The trial of another setting is ended after these, and twice what the contestant's fastest took. */
    private static final double TRIAL_SLACK_SECONDS = 5;
    private static final double TRIAL_SECONDS = 2;
    /** A JVM and its libraries, about; for the prediction alone. */
    private static final double START_SECONDS = 1.5;
    private static final String UPDATE = "adam/";
    private static final int COMPARED_UPDATES = 20;

    private final int rounds;
    private final double seconds;
    private final double limit;
    private final List<Contestant> contestants = contestants();
    private final List<String> failures = new ArrayList<>();
    private double load;

    private StepComparison(int rounds, double seconds, double limit) {
        this.rounds = rounds;
        this.seconds = seconds;
        this.limit = limit;
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        if (args.length > 0 && args[0].equals(CHILD)) {
            child(args[1], Integer.parseInt(args[2]), args[3],
                new Effort(Integer.parseInt(args[4]), Double.parseDouble(args[5])));
            return;
        }
        double[] numbers = {5, 6, 60};
        int count = 0;
        while (count < args.length && !args[count].contains("/")) {
            if (count == numbers.length) {
                throw new IllegalArgumentException("'" + args[count] + "' is no work; write 784-128-10/64 (widths/batch) or "
                    + UPDATE + "25000000");
            }
            numbers[count] = Double.parseDouble(args[count++]);
        }
        List<String> work = count < args.length ? List.of(args).subList(count, args.length)
            : Stream.concat(Net.ALL.stream().map(Net::toString), Stream.of(UPDATE + 25_000_000)).toList();
        new StepComparison((int) numbers[0], numbers[1], numbers[2]).run(work, Path.of("target", "steps.json"));
    }

    private void run(List<String> work, Path path) throws IOException, InterruptedException {
        int settings = contestants.stream().mapToInt(each -> Setting.of(each).size()).sum();
        double predicted = work.size() * (settings * (START_SECONDS + trialSeconds())
            + rounds * 1.5 * contestants.size() * (START_SECONDS + seconds));
        System.out.printf(Locale.ROOT, "%d settings of %s, %d rounds: about %.0f minutes; a run of more than %.0f s is"
            + " ended%n%n", settings, contestants.stream().map(Contestant::name).collect(Collectors.joining(", ")), rounds,
            Math.ceil(predicted / 60), limit);
        System.out.println("| work | contestant | µs a step | talweg is faster by | load |\n|---|---|---|---|---|");
        Files.createDirectories(path.getParent());
        Map<String, Object> results = new LinkedHashMap<>();
        for (String each : work) {
            results.put(each, compare(each));
            write(path, results);
        }
        System.out.println("\nwritten to " + path + "; StepPicture " + path + " FILE.svg draws it");
        if (!failures.isEmpty()) {
            throw new IllegalStateException(String.join("\n", failures));
        }
    }

    private void write(Path path, Map<String, Object> results) throws IOException {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("cores", Runtime.getRuntime().availableProcessors());
        all.put("java", System.getProperty("java.version"));
        all.put("rounds", rounds);
        all.put("seconds", seconds);
        all.put("limit", limit);
        all.put("results", results);
        WholeFile.write(path, JSON.writeValueAsString(all));
    }

    /** How a setting did in one work. */
    private static final class Line {
        private Run trial;
        private final List<Double> microseconds = new ArrayList<>();
        /** Why it has no time, or no more of them; null if it went through. */
        private String ended;

        double median() {
            return microseconds.isEmpty() ? Double.NaN : StepComparison.median(microseconds);
        }

        /** @param own median of ours, NaN if there is none */
        Map<String, Object> toJson(double own) {
            Map<String, Object> json = new LinkedHashMap<>();
            if (trial.hasTime()) {
                json.put("trial microseconds", trial.microseconds());
            }
            if (!microseconds.isEmpty()) {
                json.put("microseconds", microseconds);
                json.put("median", median());
            }
            if (median() / own > 0) {
                json.put("ratio", median() / own);
            }
            if (ended != null) {
                json.put("ended", ended);
            }
            return json;
        }

        String time() {
            return microseconds.isEmpty() ? ended : String.format(Locale.ROOT, "%.1f%s", median(),
                ended == null ? "" : "; then " + ended);
        }
    }

    private Map<String, Object> compare(String work) throws IOException, InterruptedException {
        load = 0;
        double[] expected = {Double.NaN};
        Map<Setting, Line> lines = new LinkedHashMap<>();
        for (Contestant contestant : contestants) {
            lines.putAll(trials(contestant, work, expected));
        }
        Effort effort = new Effort(compared(work), seconds);
        for (int round = 1; round <= rounds; round++) {
            for (Map.Entry<Setting, Line> each : lines.entrySet()) {
                if (each.getValue().ended == null) {
                    Run run = checked(each.getKey(), work, each.getKey().run(work, effort, limit), expected);
                    if (run.hasTime()) {
                        each.getValue().microseconds.add(run.microseconds());
                    } else {
                        each.getValue().ended = run.ended() + " in round " + round;
                    }
                }
            }
        }
        double own = lines.entrySet().stream().filter(each -> each.getKey().contestant().equals(OURS))
            .mapToDouble(each -> each.getValue().median()).findFirst()
            .orElseThrow(() -> new IllegalStateException(OURS + " is not on the class path"));
        Map<String, Object> json = new LinkedHashMap<>();
        for (Map.Entry<Setting, Line> each : lines.entrySet()) {
            double ratio = each.getValue().median() / own;
            System.out.printf(Locale.ROOT, "| %s | %s | %s | %s | %.1f |%n", work, each.getKey(), each.getValue().time(),
                ratio > 0 ? String.format(Locale.ROOT, "%.2f", ratio) : "", load);
            json.put(each.getKey().toString(), each.getValue().toJson(own));
        }
        json.put("highest load", load);
        return json;
    }

    /** Each setting once; those that are no good are ended. */
    private Map<Setting, Line> trials(Contestant contestant, String work, double[] expected)
        throws IOException, InterruptedException {
        Map<Setting, Line> lines = new LinkedHashMap<>();
        double allowed = limit;
        double best = Double.POSITIVE_INFINITY;
        Effort effort = new Effort(compared(work), trialSeconds());
        for (Setting setting : Setting.of(contestant)) {
            Line line = new Line();
            line.trial = checked(setting, work, setting.run(work, effort, allowed), expected);
            line.ended = line.trial.ended();
            if (line.trial.hasTime()) {
                allowed = Math.min(allowed, TRIAL_SLACK_SECONDS + 2 * line.trial.wallSeconds());
                best = Math.min(best, line.trial.microseconds());
            }
            lines.put(setting, line);
        }
        for (Line line : lines.values()) {
            if (line.trial.microseconds() > HOPELESS * best) {
                line.ended = String.format(Locale.ROOT, "%.1f in the trial", line.trial.microseconds());
            }
        }
        return lines;
    }

    /** A run that ends at another loss than the first of all did has not done the same work. */
    private Run checked(Setting setting, String work, Run run, double[] expected) {
        load = Math.max(load, ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage());
        Run result = run;
        if (run.hasTime()) {
            if (Double.isNaN(expected[0])) {
                expected[0] = run.loss();
            }
            if (!(Math.abs(run.loss() - expected[0]) <= LOSS_TOLERANCE * Math.max(SMALL_LOSS, Math.abs(expected[0])))) {
                result = Run.failure("it ends at a loss of " + run.loss() + ", the first at " + expected[0]
                    + ": they do not compute the same", run.wallSeconds());
            }
        }
        if (result.failed()) {
            failures.add(setting + " on " + work + " " + result.ended());
        }
        return result;
    }

    private double trialSeconds() {
        return Math.min(TRIAL_SECONDS, seconds);
    }

    private static int compared(String work) {
        return work.startsWith(UPDATE) ? COMPARED_UPDATES : Net.parse(work).comparedEpochs();
    }

    /** Prints the median time of a step over the epochs after the first half, and the loss. */
    private static void child(String name, int threads, String work, Effort effort) {
        List<Contestant> all = contestants();
        Contestant contestant = all.stream().filter(each -> each.name().equals(name)).findFirst()
            .orElseThrow(() -> new IllegalArgumentException("no contestant " + name + " on the class path, only "
                + all.stream().map(Contestant::name).collect(Collectors.joining(", "))));
        Contestant.Outcome outcome = work.startsWith(UPDATE)
            ? contestant.update(Integer.parseInt(work.substring(UPDATE.length())), threads, effort)
            : contestant.train(Net.parse(work), threads, effort);
        List<Double> times = outcome.microseconds();
        System.out.println();
        System.out.println(median(times.subList(times.size() / 2, times.size())) + " " + outcome.loss());
        // Libraries may have threads that would not let the JVM go.
        System.out.flush();
        System.exit(0);
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
