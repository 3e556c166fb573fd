package org.talweg.benchmarks.steps;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A contestant and its threads.
 *
 * @param sleeps whether threads that wait sleep instead of spinning; of OpenMP
 */
record Setting(String contestant, int threads, boolean sleeps) {

    /** Those that may be its best: peers on one thread first, where nothing collapses. */
    static List<Setting> of(Contestant contestant) {
        String name = contestant.name();
        int cores = Runtime.getRuntime().availableProcessors();
        if (name.equals(StepComparison.OURS) || cores == 1) {
            return List.of(new Setting(name, cores, false));
        }
        List<Setting> settings = new ArrayList<>(List.of(new Setting(name, 1, false), new Setting(name, cores, false)));
        if (contestant.usesOpenMp()) {
            settings.add(new Setting(name, cores, true));
        }
        return settings;
    }

    /** In a JVM of its own, which is ended when the time is over. */
    Run run(String work, Effort effort, double limitSeconds) throws IOException, InterruptedException {
        List<String> command = List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx6g",
            // JavaCPP would otherwise ask the system for its memory at every tensor.
            "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
            "-cp", System.getProperty("java.class.path"), StepComparison.class.getName(), StepComparison.CHILD, contestant,
            String.valueOf(threads), work, String.valueOf(effort.compared()), String.valueOf(effort.seconds()));
        // Files, not pipes: nobody reads while it runs, and a library that says much would wait for ever.
        Path output = Files.createTempFile("step", ".out");
        Path errors = Files.createTempFile("step", ".err");
        try {
            ProcessBuilder builder = new ProcessBuilder(command).redirectOutput(output.toFile())
                .redirectError(errors.toFile());
            builder.environment().put("OMP_NUM_THREADS", String.valueOf(threads));
            builder.environment().put("OMP_WAIT_POLICY", sleeps ? "PASSIVE" : "ACTIVE");
            long start = System.nanoTime();
            Process process = builder.start();
            if (!process.waitFor(Math.round(1e3 * limitSeconds), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly().waitFor();
                return Run.tooSlow(limitSeconds);
            }
            double wall = (System.nanoTime() - start) / 1e9;
            if (process.exitValue() != 0) {
                return Run.failure(reason(Files.readAllLines(errors), process.exitValue()), wall);
            }
            List<String> lines = Files.readAllLines(output);
            String[] last = lines.get(lines.size() - 1).split(" ");
            return new Run(Double.parseDouble(last[0]), Double.parseDouble(last[1]), null, false, wall);
        } finally {
            Files.deleteIfExists(output);
            Files.deleteIfExists(errors);
        }
    }

    /** The first line that tells of a cause, else the last. */
    private static String reason(List<String> lines, int status) {
        return lines.stream().filter(line -> line.contains("Exception") || line.contains("Error")).findFirst()
            .orElse(lines.isEmpty() ? "status " + status : lines.get(lines.size() - 1)).strip();
    }

    @Override
    public String toString() {
        return contestant + " on " + threads + (threads == 1 ? " thread" : " threads") + (sleeps ? " that sleep" : "");
    }
}
