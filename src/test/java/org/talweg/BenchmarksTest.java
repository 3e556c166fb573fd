package org.talweg;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.MethodInvocationTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePath;
import com.sun.source.util.TreePathScanner;
import com.sun.source.util.Trees;
import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.lang.annotation.Annotation;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.RecordComponent;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import javax.lang.model.element.Element;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;
import org.talweg.ops.FusedMlpOps;
import org.talweg.ops.Ops;
import org.talweg.testing.SoftwareDevice;

/** The benchmarks have a build of their own, so this compiles them and runs each once, in sizes that take no time. */
class BenchmarksTest {
    private static final String PACKAGE = "org.talweg.benchmarks";
    private static final String COMPARISON = "org.talweg.benchmarks.steps.StepComparison";
    private static final Path SOURCES = Path.of("benchmarks", "src", "main", "java");
    private static final Map<String, String> SMALL = map("DenseBenchmark.shape", "5x3x7",
        "ActivationBenchmark.shape", "5x7", "ActivationBenchmark.activation", "GELU", "NormalisationBenchmark.shape", "5x7",
        "LossBenchmark.shape", "5x7", "DataBenchmark.shape", "5x8", "UpdateBenchmark.parameters", "1000",
        "UpdateBenchmark.optimizer", "adam", "StepBenchmark.net", "12-8-4/6", "FusedMlpBenchmark.net", "12-8-4/6",
        "MeasuredUpdateBenchmark.shape", "20x12", "MeasuredUpdateBenchmark.optimizer", "muon");

    private static Map<String, String> map(String... pairs) {
        Map<String, String> map = new HashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            map.put(pairs[i], pairs[i + 1]);
        }
        return map;
    }

    @TempDir
    private static Path classes;

    @BeforeAll
    static void compileAll() throws IOException {
        try (Stream<Path> sources = Files.walk(SOURCES)) {
            compile(classes, sources.filter(path -> path.toString().endsWith(".java")).toArray(Path[]::new));
        }
    }

    private static void compile(Path folder, Path... sources) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StringWriter errors = new StringWriter();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8)) {
            boolean good = compiler.getTask(errors, files, null, List.of("-proc:none", "-d", folder.toString(), "-cp",
                classes + File.pathSeparator + System.getProperty("java.class.path")), null,
                files.getJavaFileObjects(sources)).call();
            assertTrue(good, errors.toString());
        }
    }

    @Test
    void theSuitesRunOnTheCpu() throws Exception {
        runSuites("cpu");
    }

    @Test
    void theSuitesRunOnTheSoftwareDevice() throws Exception {
        SoftwareDevice.require();
        runSuites("software");
    }

    private static void runSuites(String device) throws Exception {
        List<String> suites = new ArrayList<>();
        try (URLClassLoader loader = new URLClassLoader(new URL[] {classes.toUri().toURL()});
             Stream<Path> files = Files.list(classes.resolve(PACKAGE.replace('.', '/')))) {
            for (Path file : files.filter(path -> path.toString().endsWith("Benchmark.class")).sorted().toList()) {
                String name = file.getFileName().toString().replace(".class", "");
                Class<?> type = loader.loadClass(PACKAGE + "." + name);
                if (Arrays.stream(type.getMethods()).anyMatch(method -> method.isAnnotationPresent(Benchmark.class))) {
                    run(name, type, device);
                    suites.add(name);
                }
            }
        }
        assertEquals(Set.copyOf(SMALL.keySet().stream().map(key -> key.substring(0, key.indexOf('.'))).toList()),
            Set.copyOf(suites));
    }

    private static void run(String name, Class<?> type, String device) throws Exception {
        Object suite = type.getConstructor().newInstance();
        for (Field field : type.getFields()) {
            String[] values = field.getAnnotation(Param.class).value();
            assertFalse(String.join("", values).contains(","), field + ": -p on JMH's command line ends a value at a comma");
            if (field.getType() == String.class) {
                String small = SMALL.get(name + "." + field.getName());
                field.set(suite, switch (field.getName()) {
                    case "device" -> device;
                    case "products" -> device.equals("cpu") ? "auto" : "cublas";
                    default -> Objects.requireNonNull(small, field + " has no small value here");
                });
            } else {
                field.set(suite, Arrays.stream(field.getType().getEnumConstants())
                    .filter(value -> value.toString().equals(values[0])).findFirst().orElseThrow());
            }
        }
        call(suite, Setup.class);
        call(suite, Benchmark.class);
        call(suite, TearDown.class);
    }

    /** What computes in the contract is timed by a suite: each method that returns nothing. The others only say something. */
    @Test
    void everyPrimitiveIsInASuite() throws IOException {
        Set<String> primitives = new TreeSet<>();
        Stream.concat(Arrays.stream(Ops.class.getRecordComponents()).map(RecordComponent::getType),
            Stream.of(FusedMlpOps.Plan.class)).forEach(family -> Arrays.stream(family.getDeclaredMethods())
                .filter(method -> method.getReturnType() == void.class && !Modifier.isStatic(method.getModifiers()))
                .forEach(method -> primitives.add(family.getSimpleName() + "." + method.getName())));
        assertTrue(primitives.remove("DenseOps.plan"), "it decides and computes nothing");
        primitives.removeAll(calledBySuites());
        assertEquals(Set.of(), primitives, "no suite calls these");
    }

    /** Methods that the suites call, but for those that only set them up: {@code DenseOps.forward}. */
    private static Set<String> calledBySuites() throws IOException {
        Set<String> called = new TreeSet<>();
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8);
             Stream<Path> sources = Files.walk(SOURCES)) {
            JavacTask task = (JavacTask) compiler.getTask(null, files, null, List.of("-proc:none", "-cp",
                System.getProperty("java.class.path")), null, files.getJavaFileObjects(
                sources.filter(path -> path.toString().endsWith(".java")).toArray(Path[]::new)));
            Iterable<? extends CompilationUnitTree> units = task.parse();
            task.analyze();
            Trees trees = Trees.instance(task);
            for (CompilationUnitTree unit : units) {
                if (unit.getSourceFile().getName().endsWith("Benchmark.java")
                    && unit.getImports().stream().anyMatch(line -> line.toString().contains("annotations.Benchmark;"))) {
                    new Calls(trees, called).scan(new TreePath(unit), null);
                }
            }
        }
        return called;
    }

    private static final class Calls extends TreePathScanner<Void, Void> {
        private final Trees trees;
        private final Set<String> called;

        Calls(Trees trees, Set<String> called) {
            this.trees = trees;
            this.called = called;
        }

        @Override
        public Void visitMethod(MethodTree method, Void none) {
            boolean setsUp = method.getModifiers().getAnnotations().stream()
                .anyMatch(annotation -> annotation.getAnnotationType().toString().equals("Setup"));
            return setsUp ? null : super.visitMethod(method, none);
        }

        @Override
        public Void visitMethodInvocation(MethodInvocationTree call, Void none) {
            Element method = trees.getElement(getCurrentPath());
            called.add(method.getEnclosingElement().getSimpleName() + "." + method.getSimpleName());
            return super.visitMethodInvocation(call, none);
        }
    }

    private static void call(Object suite, Class<? extends Annotation> kind) throws Exception {
        for (Method method : Arrays.stream(suite.getClass().getMethods()).filter(m -> m.isAnnotationPresent(kind)).toList()) {
            method.invoke(suite);
        }
    }

    @Test
    void kernelsAreTimedFromEndToEnd(@TempDir Path folder) throws IOException, InterruptedException {
        SoftwareDevice.require();
        JsonNode found = kernels(folder, "talweg");
        for (JsonNode each : found.get("kernels")) {
            if (each.has("bytes") && each.get("launches").size() > 0) {
                double ratio = each.get("counted bytes").asDouble() / each.get("bytes").asDouble();
                assertTrue(ratio >= 0.999 && ratio <= 1.02, ratio + " of its bytes: " + each);
            }
        }
        for (JsonNode each : found.get("products")) {
            assertTrue(each.get("microseconds").asDouble() > 0 && each.get("microseconds with tiles by count").asDouble() > 0
                && each.get("cuBLAS microseconds").asDouble() > 0, each.toString());
            assertTrue(each.get("plan").asText().startsWith("A "), each.toString());
        }
        for (JsonNode each : found.get("steps")) {
            int layers = each.get("step").asText().split("-").length - 1;
            assertEquals(each.get("fused").asBoolean() ? 4 : 2 * layers + 3, each.get("launches").size(), each.toString());
            double ratio = each.get("counted bytes").asDouble() / each.get("floor bytes").asDouble();
            assertTrue(ratio >= 1 && ratio <= 1.1, ratio + " of the floor: " + each);
        }
        assertTrue(found.get("steps").findValuesAsText("fused").contains("true"), found.get("steps").toString());
        assertTrue(Files.readString(folder.resolve("target/kernels.md")).contains("| 40×24×33 dX and dW BF16 |"));

        Set<String> launched = launched(found);
        launched.addAll(launched(kernels(folder, "cublas")));
        Map<String, Set<String>> missing = new TreeMap<>();
        families().forEach((family, all) -> {
            all.removeAll(launched);
            if (!all.isEmpty()) {
                missing.put(family, all);
            }
        });
        assertEquals(Map.of(), missing, "no case of KernelBenchmark launches these, in any size");
    }

    private static JsonNode kernels(Path folder, String products) throws IOException, InterruptedException {
        String output = run(folder, PACKAGE + ".KernelBenchmark", "software", "small", "products=" + products);
        assertTrue(output.contains("say nothing about a GPU's"), output);
        return new ObjectMapper().readTree(folder.resolve("target/kernels.json").toFile());
    }

    private static Set<String> launched(JsonNode found) {
        return found.findValues("launches").stream().flatMap(list -> StreamSupport.stream(list.spliterator(), false))
            .map(name -> base(name.asText())).collect(Collectors.toCollection(TreeSet::new));
    }

    /** Of each file of kernels the names of what it has, without sizes. */
    private static Map<String, Set<String>> families() throws IOException {
        Map<String, Set<String>> families = new TreeMap<>();
        try (Stream<Path> images = Files.list(Path.of("target", "classes", "org", "talweg", "cuda", "kernels"))) {
            for (Path image : images.filter(path -> path.toString().endsWith(".ptx")).toList()) {
                families.put(image.getFileName().toString().replace(".ptx", ""), Pattern.compile("\\.entry (\\w+)")
                    .matcher(Files.readString(image)).results().map(entry -> base(entry.group(1)))
                    .collect(Collectors.toCollection(TreeSet::new)));
            }
        }
        assertTrue(families.size() >= 10, families.toString());
        return families;
    }

    /** Without the size of tiles or rows, by which the host takes one kernel or the other. */
    private static String base(String kernel) {
        return kernel.replaceAll("(_(\\d+|any|warp|block))+$", "");
    }

    @Test
    void stepsAreComparedAndDrawn(@TempDir Path folder) throws IOException, InterruptedException {
        String output = run(folder, COMPARISON, "1", "0.1", "8-4-3/4", "6-1/4", "adam/1000");
        assertTrue(output.contains("1 settings of talweg, 1 rounds: about 1 minutes; a run of more than 60 s is ended"),
            output);
        for (String work : List.of("8-4-3/4", "6-1/4", "adam/1000")) {
            assertTrue(output.contains("| " + work + " | talweg on "), output);
        }
        assertTrue(Files.readString(folder.resolve("target/steps.json")).contains("\"highest load\""));
        String picture = picture(folder);
        assertTrue(picture.contains(">8-4-3, batch 4</text>") && picture.contains(">Adam alone, 1,000 parameters</text>"), picture);
    }

    /** Peers that hang, fail, or do other work are in the table as that, and the rest goes through. */
    @Test
    void whoGivesNoTimeIsNamed(@TempDir Path folder) throws IOException, InterruptedException {
        Path peers = Files.createDirectories(folder.resolve("peers"));
        compile(peers, contestant(peers, "TensorFlowContestant", "hangs", "while (threads == 1) { Thread.onSpinWait(); } return null;"),
            contestant(peers, "PyTorchContestant", "fails", "throw new IllegalStateException(\"no such library\");"),
            contestant(peers, "DjlContestant", "differs", "return effort.time(1, wanted -> 42);"));
        Execution execution = execute(folder, peers, COMPARISON, "1", "0.1", "12", "8-4-3/4");
        assertNotEquals(0, execution.status, "failures are told in the end");
        assertTrue(execution.output.matches("(?s).*\\| 8-4-3/4 \\| talweg on \\d+ threads? \\| [0-9.]+ \\| 1.00 \\|.*"),
            execution.output);
        assertTrue(execution.output.contains("| hangs on 1 thread | over 12 s |  |"), execution.output);
        assertTrue(execution.output.contains("no such library"), execution.output);
        assertTrue(execution.output.contains("they do not compute the same"), execution.output);
        JsonNode lines = new ObjectMapper().readTree(folder.resolve("target/steps.json").toFile()).at("/results").get("8-4-3/4");
        assertEquals("over 12 s", lines.get("hangs on 1 thread").get("ended").asText());
        assertTrue(lines.get("fails on 1 thread").get("ended").asText().startsWith("failed: "), lines.toString());
        assertTrue(picture(folder).contains("without a time: hangs on 8-4-3, batch 4, "), "the picture names them");
    }

    private static Path contestant(Path folder, String type, String name, String body) throws IOException {
        return Files.writeString(folder.resolve(type + ".java"), """
            package org.talweg.benchmarks.steps;

            public final class %s implements Contestant {
                @Override
                public String name() {
                    return "%s";
                }

                @Override
                public Outcome train(Net net, int threads, Effort effort) {
                    %s
                }

                @Override
                public Outcome update(int parameters, int threads, Effort effort) {
                    throw new UnsupportedOperationException();
                }
            }
            """.formatted(type, name, body));
    }

    private static String picture(Path folder) throws IOException, InterruptedException {
        run(folder, "org.talweg.benchmarks.steps.StepPicture", "target/steps.json", "steps.svg");
        return Files.readString(folder.resolve("steps.svg"));
    }

    private record Execution(int status, String output) {
    }

    /** In a process of its own, whose results are left in its working folder. */
    private static String run(Path folder, String main, String... args) throws IOException, InterruptedException {
        Execution execution = execute(folder, classes, main, args);
        assertEquals(0, execution.status, execution.output);
        return execution.output;
    }

    /** @param more classes */
    private static Execution execute(Path folder, Path more, String main, String... args)
        throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx1g", "-cp", String.join(File.pathSeparator, classes.toString(), more.toString(),
                absolute(System.getProperty("java.class.path"))), main));
        command.addAll(List.of(args));
        Process java = new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true).start();
        String output = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(java.waitFor(5, TimeUnit.MINUTES), main + " hangs");
        return new Execution(java.exitValue(), output);
    }

    private static String absolute(String path) {
        return String.join(File.pathSeparator, Arrays.stream(path.split(File.pathSeparator))
            .map(entry -> Path.of(entry).toAbsolutePath().toString()).toList());
    }
}
