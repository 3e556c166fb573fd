package org.talweg.build;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jcuda.nvrtc.JNvrtc;
import jcuda.nvrtc.nvrtcProgram;
import jcuda.nvrtc.nvrtcResult;

/**
 * Compiles every {@code kernels/*.cu} with NVRTC: to a cubin for each architecture of the CUDA 12 line and to PTX for
 * everything newer and for the software device. Arguments: the folder of the kernels and Maven's target folder.
 * Recompiles a family only when its source, a header that it includes, an option or this NVRTC version changed. Without
 * NVRTC it says so and the build goes on: the library then runs on the CPU.
 */
public final class BuildKernels {
    private static final List<String> ARCHITECTURES =
        List.of("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120");
    private static final String PTX = "compute_";
    private static final int OLDEST = 75;
    /** How a source says that it can only be compiled for newer chips than the oldest, and that newer ones have another. */
    private static final Pattern NEEDS = Pattern.compile("Needs\\W+compute\\W+capability (\\d+)\\.(\\d+)");
    private static final Pattern UP_TO = Pattern.compile("Up\\W+to\\W+compute\\W+capability (\\d+)\\.(\\d+)");
    /** No contraction: what is to be fused is written as fmaf, so that the reference can compute the same bits. */
    private static final List<String> OPTIONS =
        List.of("--std=c++17", "-lineinfo", "--fmad=false", "--ptxas-options=-v");
    /** The builtins first: NVRTC opens them by name when it compiles. */
    private static final List<String> LIBRARIES = List.of("libnvrtc-builtins.so.12.9", "libnvrtc.so.12");
    private static final String LIBRARY_FOLDER = "org/bytedeco/cuda/linux-x86_64/";

    /**
     * Where NVRTC is told that the sources lie. Line tables name the source; were its name not absolute, NVRTC would put
     * the folder of the build before it, and no two clones would build the same images.
     */
    private static final String SOURCE_FOLDER = "/kernels/";

    private static final Pattern INCLUDE = Pattern.compile("#include \"([^\"]+)\"");
    private static final Pattern ASSEMBLER_REPORT = Pattern.compile("entry function '(\\w+)' for '\\w+'"
        + "(?s:.*?)(\\d+) bytes spill stores(?s:.*?)Used (\\d+) registers(?:[^\\n]*?, (\\d+) bytes smem)?");

    private final List<Path> headers;
    private final Path output;
    /** Per family, what it was compiled from and what the assembler said. */
    private final Path records;
    /** By source and architecture: what the assembler said of each kernel. */
    private final Map<String, List<String>> resources = new ConcurrentSkipListMap<>();

    private BuildKernels(List<Path> headers, Path output, Path records) {
        this.headers = headers;
        this.output = output;
        this.records = records;
    }

    public static void main(String[] args) throws Exception {
        Path kernels = Path.of(args[0]);
        Path target = Path.of(args[1]);
        Path output = Files.createDirectories(target.resolve("classes/org/talweg/cuda/kernels"));
        List<Path> sources = files(kernels, ".cu");
        List<Path> headers = files(kernels, ".cuh");

        BuildKernels build = new BuildKernels(headers, output, Files.createDirectories(target.resolve("kernels")));
        List<Path> stale = new ArrayList<>();
        for (Path source : sources) {
            if (!build.isCurrent(source)) {
                stale.add(source);
            }
        }
        if (!stale.isEmpty()) {
            String missing = loadNvrtc(target.resolve("nvrtc"));
            if (missing != null) {
                System.out.println("[talweg] kernels not compiled: " + missing
                    + "; the library will run on the CPU only");
                return;
            }
            build.compileAll(stale);
        }
        build.writeResources(sources);
    }

    private boolean isCurrent(Path source) throws IOException, NoSuchAlgorithmException {
        Path stamp = record(source, "sha256");
        return Files.exists(stamp) && Files.readString(stamp).equals(stamp(source)) && complete(source);
    }

    private void compileAll(List<Path> sources)
        throws IOException, InterruptedException, NoSuchAlgorithmException {
        ExecutorService workers = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
        try {
            List<Future<?>> tasks = new ArrayList<>();
            for (Path source : sources) {
                for (String architecture : architectures(source)) {
                    tasks.add(workers.submit(() -> compile(source, architecture)));
                }
            }
            for (Future<?> task : tasks) {
                task.get();
            }
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause().getMessage(), e.getCause());
        } finally {
            workers.shutdownNow();
        }
        for (Path source : sources) {
            removeForeign(source);
            writeRecord(source);
        }
        System.out.println("[talweg] compiled the kernels of " + sources.stream().map(source -> source.getFileName().toString())
            .collect(Collectors.joining(", ")) + " for what they serve of " + String.join(", ", ARCHITECTURES) + " and as PTX");
    }

    /** The cubins' that the source serves, and the PTX of the oldest of them. */
    private static List<String> architectures(Path source) throws IOException {
        String text = Files.readString(source);
        int oldest = capability(NEEDS, text, OLDEST);
        int newest = capability(UP_TO, text, Integer.MAX_VALUE);
        List<String> architectures = new ArrayList<>(ARCHITECTURES);
        architectures.removeIf(name -> {
            int version = Integer.parseInt(name.substring("sm_".length()));
            return version < oldest || version > newest;
        });
        architectures.add(PTX + oldest);
        return architectures;
    }

    private static int capability(Pattern bound, String text, int otherwise) {
        Matcher found = bound.matcher(text);
        return found.find() ? Integer.parseInt(found.group(1) + found.group(2)) : otherwise;
    }

    private void compile(Path source, String architecture) {
        String name = source.getFileName().toString();
        try {
            nvrtcProgram program = new nvrtcProgram();
            String[] texts = new String[headers.size()];
            String[] names = new String[headers.size()];
            for (int i = 0; i < texts.length; i++) {
                texts[i] = absolute(headers.get(i));
                names[i] = SOURCE_FOLDER + headers.get(i).getFileName();
            }
            check(JNvrtc.nvrtcCreateProgram(program, absolute(source), SOURCE_FOLDER + name, texts.length, texts, names), name);
            List<String> options = new ArrayList<>(OPTIONS);
            options.add("-arch=" + architecture);
            int result = JNvrtc.nvrtcCompileProgram(program, options.size(), options.toArray(String[]::new));
            String[] log = new String[1];
            JNvrtc.nvrtcGetProgramLog(program, log);
            log[0] = log[0].replace("\0", "");
            if (result != nvrtcResult.NVRTC_SUCCESS) {
                throw new IllegalStateException("kernels/" + name + " does not compile for " + architecture + ":\n"
                    + log[0]);
            }
            resources.put(name + " " + architecture, resources(log[0]));
            boolean ptx = architecture.startsWith(PTX);
            write(image(name, architecture), ptx ? ptx(program, name) : cubin(program, name));
            JNvrtc.nvrtcDestroyProgram(program);
        } catch (IOException e) {
            throw new UncheckedIOException("kernels/" + name + ": " + e.getMessage(), e);
        }
    }

    /** The text with its headers named where NVRTC is told that they lie; lines stay where they are. */
    private static String absolute(Path file) throws IOException {
        return INCLUDE.matcher(Files.readString(file)).replaceAll("#include \"" + SOURCE_FOLDER + "$1\"");
    }

    /** The assembler's report as lines "kernel registers shared spills", in bytes but for the registers. */
    private static List<String> resources(String log) {
        return ASSEMBLER_REPORT.matcher(log).results().map(match -> String.join("\t", match.group(1), match.group(3),
            match.group(4) == null ? "0" : match.group(4), match.group(2))).sorted().toList();
    }

    /** The stamp last: without it the family is compiled again. */
    private void writeRecord(Path source) throws IOException, NoSuchAlgorithmException {
        StringBuilder lines = new StringBuilder();
        for (String architecture : architectures(source)) {
            if (!architecture.startsWith(PTX)) {
                resources.get(source.getFileName() + " " + architecture).forEach(line ->
                    lines.append(architecture).append('\t').append(line).append('\n'));
            }
        }
        write(record(source, "tsv"), lines.toString().getBytes(StandardCharsets.UTF_8));
        write(record(source, "sha256"), stamp(source).getBytes(StandardCharsets.UTF_8));
    }

    private void writeResources(List<Path> sources) throws IOException {
        StringBuilder table = new StringBuilder("architecture\tkernel\tregisters\tshared bytes\tspilled bytes\n");
        for (Path source : sources) {
            table.append(Files.readString(record(source, "tsv")));
        }
        byte[] bytes = table.toString().getBytes(StandardCharsets.UTF_8);
        Path file = output.resolve("resources.tsv");
        if (!Files.exists(file) || !Arrays.equals(Files.readAllBytes(file), bytes)) {
            write(file, bytes);
        }
    }

    private Path record(Path source, String kind) {
        return records.resolve(source.getFileName() + "." + kind);
    }

    private static byte[] ptx(nvrtcProgram program, String name) {
        String[] text = new String[1];
        check(JNvrtc.nvrtcGetPTX(program, text), name);
        return text[0].replace("\0", "").getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] cubin(nvrtcProgram program, String name) {
        long[] size = new long[1];
        check(JNvrtc.nvrtcGetCUBINSize(program, size), name);
        byte[] image = new byte[Math.toIntExact(size[0])];
        check(JNvrtc.nvrtcGetCUBIN(program, image), name);
        return image;
    }

    /** A file appears whole or not at all. */
    private static void write(Path file, byte[] bytes) throws IOException {
        Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
        Files.write(temporary, bytes);
        Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    private Path image(String source, String architecture) {
        String family = source.substring(0, source.length() - ".cu".length());
        return output.resolve(family + (architecture.startsWith(PTX) ? ".ptx" : "." + architecture + ".cubin"));
    }

    /** Images for architectures that the source no longer serves. */
    private void removeForeign(Path source) throws IOException {
        String name = source.getFileName().toString();
        List<String> own = architectures(source);
        for (String architecture : ARCHITECTURES) {
            if (!own.contains(architecture)) {
                Files.deleteIfExists(image(name, architecture));
            }
        }
    }

    private boolean complete(Path source) throws IOException {
        return architectures(source).stream()
            .allMatch(architecture -> Files.exists(image(source.getFileName().toString(), architecture)));
    }

    /** Null, or why there is no NVRTC. */
    private static String loadNvrtc(Path folder) throws IOException {
        for (String library : LIBRARIES) {
            Path file = folder.resolve(library);
            if (!Files.exists(file)) {
                try (InputStream in = BuildKernels.class.getClassLoader().getResourceAsStream(LIBRARY_FOLDER + library)) {
                    if (in == null) {
                        return "no NVRTC for this platform on the build's class path";
                    }
                    Files.createDirectories(folder);
                    Path temporary = folder.resolve(library + ".tmp");
                    Files.copy(in, temporary, StandardCopyOption.REPLACE_EXISTING);
                    Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
                }
            }
        }
        try {
            for (String library : LIBRARIES) {
                System.load(folder.resolve(library).toAbsolutePath().toString());
            }
            JNvrtc.nvrtcVersion(new int[1], new int[1]);
            return null;
        } catch (UnsatisfiedLinkError e) {
            return "NVRTC does not load: " + e.getMessage();
        }
    }

    private String stamp(Path source) throws IOException, NoSuchAlgorithmException {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        digest.update((OPTIONS + " sources and headers in " + SOURCE_FOLDER + ARCHITECTURES + PTX + OLDEST + LIBRARIES).getBytes(StandardCharsets.UTF_8));
        digest.update(Files.readAllBytes(source));
        for (Path header : included(source)) {
            digest.update(header.getFileName().toString().getBytes(StandardCharsets.UTF_8));
            digest.update(Files.readAllBytes(header));
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** The headers that a source names, and those that they name. */
    private SortedSet<Path> included(Path source) throws IOException {
        SortedSet<Path> found = new TreeSet<>();
        Deque<Path> unread = new ArrayDeque<>(List.of(source));
        while (!unread.isEmpty()) {
            Matcher include = INCLUDE.matcher(Files.readString(unread.pop()));
            while (include.find()) {
                Path header = source.resolveSibling(include.group(1));
                if (headers.contains(header) && found.add(header)) {
                    unread.push(header);
                }
            }
        }
        return found;
    }

    private static List<Path> files(Path folder, String suffix) throws IOException {
        try (Stream<Path> list = Files.list(folder)) {
            return list.filter(path -> path.toString().endsWith(suffix)).sorted().toList();
        }
    }

    private static void check(int result, String name) {
        if (result != nvrtcResult.NVRTC_SUCCESS) {
            throw new IllegalStateException("NVRTC on kernels/" + name + ": " + nvrtcResult.stringFor(result));
        }
    }
}
