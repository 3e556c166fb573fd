package org.talweg;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.lang.annotation.Annotation;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
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
import org.talweg.testing.SoftwareDevice;

/** The benchmarks have a build of their own, so this compiles them and runs each once, in sizes that take no time. */
class BenchmarksTest {
    private static final Path SOURCES = Path.of("benchmarks", "src", "main", "java");
    private static final Map<String, String> SMALL = Map.of("DenseBenchmark.shape", "5x3x7",
        "ActivationBenchmark.shape", "5x7", "ActivationBenchmark.activation", "GELU", "NormalisationBenchmark.shape", "5x7",
        "LossBenchmark.shape", "5x7", "DataBenchmark.shape", "5x8", "UpdateBenchmark.parameters", "1000",
        "UpdateBenchmark.optimizer", "adam", "StepBenchmark.net", "12-8-4/6");

    @TempDir
    private static Path classes;

    @BeforeAll
    static void compile() throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StringWriter errors = new StringWriter();
        try (Stream<Path> sources = Files.walk(SOURCES);
             StandardJavaFileManager files = compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8)) {
            List<Path> paths = sources.filter(path -> path.toString().endsWith(".java")).toList();
            boolean good = compiler.getTask(errors, files, null, List.of("-proc:none", "-d", classes.toString(),
                "-cp", System.getProperty("java.class.path")), null, files.getJavaFileObjectsFromPaths(paths)).call();
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
        try (URLClassLoader loader = new URLClassLoader(new URL[] {classes.toUri().toURL()})) {
            List<String> found = new ArrayList<>();
            for (String name : SMALL.keySet().stream().map(key -> key.substring(0, key.indexOf('.'))).distinct().toList()) {
                Object suite = loader.loadClass("org.talweg.benchmarks." + name).getConstructor().newInstance();
                for (Field field : suite.getClass().getFields()) {
                    assertFalse(String.join("", field.getAnnotation(Param.class).value()).contains(","),
                        field + ": -p on JMH's command line ends a value at a comma");
                    field.set(suite, switch (field.getName()) {
                        case "device" -> device;
                        case "products" -> device.equals("cpu") ? "auto" : "cublas";
                        default -> SMALL.get(name + "." + field.getName());
                    });
                }
                call(suite, Setup.class);
                found.addAll(call(suite, Benchmark.class));
                call(suite, TearDown.class);
            }
            assertTrue(found.size() >= 25, found.toString());
        }
    }

    private static List<String> call(Object suite, Class<? extends Annotation> kind) throws Exception {
        List<String> called = new ArrayList<>();
        for (Method method : Arrays.stream(suite.getClass().getMethods()).filter(m -> m.isAnnotationPresent(kind)).toList()) {
            method.invoke(suite);
            called.add(method.getName());
        }
        return called;
    }

    @Test
    void kernelsAreTimedFromEndToEnd(@TempDir Path folder) throws IOException, InterruptedException {
        SoftwareDevice.require();
        String output = run(folder, "org.talweg.benchmarks.KernelBenchmark", "software", "small");
        assertTrue(output.contains("say nothing about a GPU's"), output);
        assertTrue(output.contains("| Adam |") && output.contains("40×24×33 FLOAT32 dW"), output);
        assertTrue(Files.readString(folder.resolve("target/kernels.json")).contains("softmax cross-entropy"));
        assertTrue(Files.exists(folder.resolve("target/kernels.md")));
    }

    @Test
    void stepsAreComparedAndDrawn(@TempDir Path folder) throws IOException, InterruptedException {
        String output = run(folder, "org.talweg.benchmarks.steps.StepComparison", "1", "8-4-3/4", "6-1/4", "adam/1000");
        for (String work : List.of("8-4-3/4", "6-1/4", "adam/1000")) {
            assertTrue(output.contains("| " + work + " | talweg on "), output);
        }
        assertTrue(Files.readString(folder.resolve("target/steps.json")).contains("\"highest load\""));
        run(folder, "org.talweg.benchmarks.steps.StepPicture", "target/steps.json", "steps.svg");
        String picture = Files.readString(folder.resolve("steps.svg"));
        assertTrue(picture.contains(">8-4-3, batch 4</text>") && picture.contains(">Adam alone, 1,000 parameters</text>"), picture);
    }

    /** In a process of its own, whose results are left in its working folder. */
    private static String run(Path folder, String main, String... args) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx1g", "-cp", classes + File.pathSeparator + absolute(System.getProperty("java.class.path")), main));
        command.addAll(List.of(args));
        Process java = new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true).start();
        String output = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(java.waitFor(5, TimeUnit.MINUTES), main + " hangs");
        assertEquals(0, java.exitValue(), output);
        return output;
    }

    private static String absolute(String path) {
        return String.join(File.pathSeparator, Arrays.stream(path.split(File.pathSeparator))
            .map(entry -> Path.of(entry).toAbsolutePath().toString()).toList());
    }
}
