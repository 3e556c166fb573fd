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
 * Builds the C++ of {@code native/} into shared libraries beside the classes: the software CUDA device, and what the
 * CPU backend calls. Only what changed is compiled again. Without a C++ compiler it says so and the build goes on
 * without them; a compile error fails the build.
 */
public final class BuildNative {
    /**
     * One shared library.
     *
     * @param name    of the file
     * @param home    package of org.talweg whose resource it is
     * @param soname  the name under which other libraries ask for it, or null
     * @param folders of native/ that it is built from; a {@code symbols.map} in one of them gives the symbols a version
     */
    private record Library(String name, String home, String soname, List<String> folders) {
    }

    private static final List<Library> LIBRARIES = List.of(
        // The soname is what lets JCuda's driver library find this one, once it is loaded, in place of a real driver.
        new Library("libtalweg-software-cuda.so", "cuda", "libcuda.so.1",
            List.of("ptx", "exec", "memory", "check", "count", "driver")),
        new Library("libtalweg-software-cublas.so", "cuda", "libcublas.so.12", List.of("cublas")),
        new Library("libtalweg-cpu.so", "cpu", null, List.of("cpu")));

    private final String compiler;
    private final Path sources;
    private final Path objects;
    private final Path classes;

    private BuildNative(String compiler, Path sources, Path target) {
        this.compiler = compiler;
        this.sources = sources;
        this.objects = target.resolve("native");
        this.classes = target.resolve("classes/org/talweg");
    }

    /**
     * @param args the directory of the C++ sources and Maven's target directory
     */
    public static void main(String[] args) throws IOException, InterruptedException {
        String os = System.getProperty("os.name");
        if (!os.equals("Linux")) {
            say("not built: JCuda's driver library finds the software device only on Linux, and this is " + os);
            return;
        }
        String compiler = findCompiler();
        if (compiler == null) {
            say("not built: no C++ compiler. Install one (apt-get install g++) or name it in CXX, and build again;"
                + " until then --device software is unavailable and the CPU backend is slower");
            return;
        }
        new BuildNative(compiler, Path.of(args[0]), Path.of(args[1])).build();
    }

    private void build() throws IOException, InterruptedException {
        Files.createDirectories(objects);
        boolean sameCommand = unchanged("command.txt", compiler + " " + String.join(" ", compileFlags()));
        long newestHeader = 0;
        for (Path header : files(sources, ".hpp")) {
            newestHeader = Math.max(newestHeader, modified(header));
        }
        List<Callable<String>> stale = new ArrayList<>();
        for (Path unit : files(sources, ".cpp")) {
            Path object = object(unit);
            if (!sameCommand || modified(object) <= Math.max(modified(unit), newestHeader)) {
                stale.add(() -> compile(unit, object));
            }
        }
        runAll(stale);
        for (Library library : LIBRARIES) {
            link(library);
        }
    }

    private Path object(Path unit) {
        return objects.resolve(sources.relativize(unit).toString().replace('/', '.') + ".o");
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
        flags.addAll(callersFlags());
        return flags;
    }

    /** What the caller wants besides, such as {@code -O1 -fsanitize=address}; the last word where flags disagree. */
    private static List<String> callersFlags() {
        String flags = System.getenv("CXXFLAGS");
        return flags == null || flags.isBlank() ? List.of() : List.of(flags.trim().split("\\s+"));
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
    private void link(Library library) throws IOException, InterruptedException {
        List<Path> linked = new ArrayList<>();
        long newestObject = 0;
        for (String folder : library.folders) {
            for (Path unit : files(sources.resolve(folder), ".cpp")) {
                linked.add(object(unit));
                newestObject = Math.max(newestObject, modified(object(unit)));
            }
        }
        Path file = classes.resolve(library.home).resolve("native/linux-" + arch()).resolve(library.name);
        Path fresh = file.resolveSibling(library.name + ".tmp");
        List<String> command = new ArrayList<>(List.of(compiler, "-shared", "-pthread", "-Wl,--no-undefined",
            "-Wl,-Bsymbolic", "-o", fresh.toString()));
        List<String> wanted = callersFlags();
        // Debug information names this folder, and the same sources are to give the same library everywhere.
        command.addAll(wanted.isEmpty() ? List.of("-Wl,--strip-debug") : wanted);
        if (library.soname != null) {
            command.add("-Wl,-soname," + library.soname);
        }
        for (String folder : library.folders) {
            Path versions = sources.resolve(folder).resolve("symbols.map");
            if (Files.exists(versions)) {
                command.add("-Wl,--version-script=" + versions);
            }
        }
        linked.forEach(object -> command.add(object.toString()));
        command.add("-ldl");
        if (unchanged(library.name + ".txt", command.toString()) && modified(file) > newestObject) {
            return;
        }
        Files.createDirectories(file.getParent());
        run(command);
        Files.move(fresh, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        say("built " + file);
    }

    private boolean unchanged(String file, String text) throws IOException {
        Path path = objects.resolve(file);
        boolean same = Files.exists(path) && Files.readString(path).equals(text);
        Files.writeString(path, text);
        return same;
    }

    private static List<Path> files(Path folder, String suffix) throws IOException {
        try (Stream<Path> tree = Files.walk(folder)) {
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
                throw new IllegalStateException("native/ does not compile:\n" + errors);
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
        System.out.println("[native] " + message);
    }
}
