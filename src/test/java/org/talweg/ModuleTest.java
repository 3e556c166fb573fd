package org.talweg;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.talweg.ops.DeviceProvider;

/** The library as a named module: the same backends as on the class path, and it runs from the module path. */
class ModuleTest {
    private static final Path CLASSES = Path.of(System.getProperty("talweg.target", "target"), "classes");
    private static final String NAME = "org.talweg";

    private static ModuleDescriptor module() {
        return ModuleFinder.of(CLASSES).find(NAME).orElseThrow().descriptor();
    }

    @Test
    void providesTheBackendsThatTheClassPathHas() throws IOException {
        Set<String> services = new TreeSet<>(
            Files.readAllLines(CLASSES.resolve("META-INF/services/" + DeviceProvider.class.getName())));
        Set<String> provided = module().provides().stream().flatMap(provides -> provides.providers().stream())
            .collect(Collectors.toCollection(TreeSet::new));
        assertEquals(services, provided);
    }

    @Test
    void exportsEveryPackageButTheCommandLineAndItsOwnFiles() {
        Set<String> hidden = new TreeSet<>(module().packages());
        module().exports().forEach(exports -> hidden.remove(exports.source()));
        hidden.removeIf(name -> !name.startsWith(NAME + ".") || name.startsWith("org.talweg.cuda.kernels"));
        assertEquals(Set.of("org.talweg.cli", "org.talweg.files"), hidden);
    }

    @Test
    void runsFromTheModulePath(@TempDir Path run) throws IOException, InterruptedException {
        String modules = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .filter(entry -> entry.endsWith(".jar")).collect(Collectors.joining(File.pathSeparator));
        Process java = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--module-path", CLASSES + File.pathSeparator + modules, "-m", NAME + "/org.talweg.cli.Main", "train", "iris",
            "--device", "software", "--hidden", "8", "--epochs", "1", "--out", run.toString()).redirectErrorStream(true)
            .start();
        String output = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(java.waitFor(2, TimeUnit.MINUTES), "hangs: " + output);
        assertEquals(0, java.exitValue(), output);
        assertTrue(output.contains("on software"), output);
    }
}
