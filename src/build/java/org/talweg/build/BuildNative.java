package org.talweg.build;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Builds the software CUDA device, {@code native/**}{@code /*.cpp}, into one shared library beside the classes. Only
 * what changed is compiled again. Without a C++ compiler it says so and the build goes on, for nothing but the
 * software device needs the library; a compile error fails the build.
 */
public final class BuildNative {
    private static final String LIBRARY = "libtalweg-software-cuda.so";

    private final String compiler;
    private final Path sources;
    private final Path objects;
    private final Path library;

    private BuildNative(String compiler, Path sources, Path target) {
        this.compiler = compiler;
        this.sources = sources;
        this.objects = target.resolve("native");
        this.library = target.resolve("classes/org/talweg/cuda/native/linux-" + arch()).resolve(LIBRARY);
    }

    /**
     * @param args the directory of the C++ sources and Maven's target directory
     */
    public static void main(String[] args) throws IOException, InterruptedException {
        String os = System.getProperty("os.name");
        if (!os.equals("Linux")) {
            say("not built: JCuda's driver library finds it only on Linux, and this is " + os);
            return;
        }
        String compiler = findCompiler();
        if (compiler == null) {
            say("not built: no C++ compiler. Install one (apt-get install g++) or name it in CXX, and build again;"
                + " until then --device software is unavailable");
            return;
        }
        new BuildNative(compiler, Path.of(args[0]), Path.of(args[1])).build();
    }

    private void build() throws IOException, InterruptedException {
        Files.createDirectories(objects);
        boolean sameCommand = rememberCommand();
        List<Path> units = files(".cpp");
        long newestHeader = 0;
        for (Path header : files(".hpp")) {
            newestHeader = Math.max(newestHeader, modified(header));
        }
        List<Path> linked = new ArrayList<>();
        List<Callable<String>> stale = new ArrayList<>();
        for (Path unit : units) {
            Path object = objects.resolve(sources.relativize(unit).toString().replace('/', '.') + ".o");
            linked.add(object);
            if (!sameCommand || modified(object) <= Math.max(modified(unit), newestHeader)) {
                stale.add(() -> compile(unit, object));
            }
        }
        runAll(stale);
        long newestObject = 0;
        for (Path object : linked) {
            newestObject = Math.max(newestObject, modified(object));
        }
        if (!linked.isEmpty() && (modified(library) <= newestObject || !sameUnits(linked))) {
            link(linked);
            say(stale.size() + " of " + units.size() + " files compiled with " + compiler + " into " + library);
        }
    }

    private List<String> compileFlags() {
        List<String> flags = new ArrayList<>(List.of("-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden",
            // Without traps and errno, loops that blend lanes or take square roots vectorise; no result changes.
            "-ffp-contract=off", "-fno-trapping-math", "-fno-math-errno", "-fno-strict-aliasing", "-pthread", "-Wall",
            "-Wextra", "-g1"));
        if (arch().equals("x86_64")) {
            flags.add("-march=x86-64-v3");
        }
        Path jni = Path.of(System.getProperty("java.home"), "include");
        flags.add("-I" + jni);
        flags.add("-I" + jni.resolve("linux"));
        return flags;
    }

    private String compile(Path unit, Path object) throws IOException, InterruptedException {
        Path fresh = object.resolveSibling(object.getFileName() + ".tmp");
        List<String> command = new ArrayList<>(List.of(compiler));
        command.addAll(compileFlags());
        command.addAll(List.of("-c", unit.toString(), "-o", fresh.toString()));
        String output = run(command);
        Files.move(fresh, object, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        return output;
    }

    /** Whole or not at all: a library that a running JVM has mapped is replaced, never written into. */
    private void link(List<Path> linked) throws IOException, InterruptedException {
        Files.createDirectories(library.getParent());
        Path fresh = library.resolveSibling(LIBRARY + ".tmp");
        // The soname is what lets JCuda's driver library find this one, once it is loaded, in place of a real driver.
        List<String> command = new ArrayList<>(List.of(compiler, "-shared", "-pthread", "-Wl,-soname,libcuda.so.1",
            "-Wl,--no-undefined", "-Wl,-Bsymbolic", "-o", fresh.toString()));
        linked.forEach(object -> command.add(object.toString()));
        run(command);
        Files.move(fresh, library, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }

    private boolean rememberCommand() throws IOException {
        return unchanged("command.txt", compiler + " " + String.join(" ", compileFlags()));
    }

    private boolean sameUnits(List<Path> linked) throws IOException {
        return unchanged("linked.txt", linked.toString());
    }

    private boolean unchanged(String file, String text) throws IOException {
        Path path = objects.resolve(file);
        boolean same = Files.exists(path) && Files.readString(path).equals(text);
        Files.writeString(path, text);
        return same;
    }

    private List<Path> files(String suffix) throws IOException {
        try (Stream<Path> tree = Files.walk(sources)) {
            return tree.filter(path -> path.toString().endsWith(suffix)).sorted().toList();
        }
    }

    private static void runAll(List<Callable<String>> jobs) throws InterruptedException {
        ExecutorService pool = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
        try {
            StringBuilder errors = new StringBuilder();
            for (Future<String> job : pool.invokeAll(jobs)) {
                try {
                    System.out.print(job.get());
                } catch (ExecutionException e) {
                    errors.append(e.getCause().getMessage()).append('\n');
                }
            }
            if (!errors.isEmpty()) {
                throw new IllegalStateException("the software device does not compile:\n" + errors);
            }
        } finally {
            pool.shutdown();
        }
    }

    private static String run(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IllegalStateException(String.join(" ", command) + "\n" + output);
        }
        return output;
    }

    private static String findCompiler() throws InterruptedException {
        String named = System.getenv("CXX");
        for (String candidate : named != null ? List.of(named) : List.of("c++", "g++", "clang++")) {
            try {
                Process process = new ProcessBuilder(candidate, "--version")
                    .redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
                if (process.waitFor(30, TimeUnit.SECONDS) && process.exitValue() == 0) {
                    return candidate;
                }
            } catch (IOException e) {
                // Not on the path; the next one may be.
            }
        }
        return null;
    }

    private static long modified(Path path) throws IOException {
        return Files.exists(path) ? Files.getLastModifiedTime(path).toMillis() : 0;
    }

    private static String arch() {
        String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
        return arch.equals("amd64") ? "x86_64" : arch;
    }

    private static void say(String message) {
        System.out.println("[software device] " + message);
    }
}
