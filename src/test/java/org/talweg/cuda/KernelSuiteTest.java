package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.platform.engine.discovery.ClassNameFilter.includeClassNamePatterns;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectPackage;

import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;
import org.junit.platform.launcher.listeners.TestExecutionSummary.Failure;
import org.talweg.testing.SoftwareDevice;
import org.talweg.testing.SoftwareSettings;
import org.talweg.testing.TestDevice;

/**
 * The tests of all kernels once more, on a software device that does otherwise what a GPU may do otherwise: runs blocks
 * and warps in another order and in pieces, errs in approximate instructions as far as the manual allows, cuts the sums
 * of tensor cores off. All checks are on. {@code -Dtalweg.seeds=4,5,6} takes these seeds in place of the usual ones, each
 * under all three settings.
 */
class KernelSuiteTest {

    private static Stream<SoftwareSettings> settings() {
        String seeds = System.getProperty("talweg.seeds", "");
        if (seeds.isEmpty()) {
            return Stream.of(shuffled(11), perturbed(12), truncating(13));
        }
        return Arrays.stream(seeds.split(",")).map(Long::valueOf)
            .flatMap(seed -> Stream.of(shuffled(seed), perturbed(seed), truncating(seed)));
    }

    private static SoftwareSettings shuffled(long seed) {
        return new SoftwareSettings(seed, 0, false);
    }

    private static SoftwareSettings perturbed(long seed) {
        return new SoftwareSettings(seed, seed, false);
    }

    private static SoftwareSettings truncating(long seed) {
        return new SoftwareSettings(seed, seed, true);
    }

    @ParameterizedTest
    @MethodSource("settings")
    void everyKernelPasses(SoftwareSettings settings) {
        Assumptions.assumeTrue(TestDevice.accelerator().isSoftware(), "a GPU has no such settings");
        LauncherDiscoveryRequest tests = LauncherDiscoveryRequestBuilder.request()
            .selectors(selectPackage("org.talweg"))
            .filters(includeClassNamePatterns("org\\.talweg\\.(ops|tape|optim)\\..*Test", ".*\\.GoldenTrainingTest"))
            .configurationParameter("jqwik.reporting.onlyfailures", "true").build();
        SummaryGeneratingListener listener = new SummaryGeneratingListener();
        long before = SoftwareDriver.counters().kernelLaunches();
        SoftwareDevice.under(settings, () -> LauncherFactory.create().execute(tests, listener));

        TestExecutionSummary summary = listener.getSummary();
        if (summary.getTotalFailureCount() > 0) {
            fail(summary.getFailures().stream().map(KernelSuiteTest::describe).collect(Collectors.joining("\n",
                summary.getTotalFailureCount() + " of the kernels' tests fail; to repeat one: mvn test " + settings
                    + " -Dtest=…\n", "")));
        }
        assertEquals(summary.getTestsFoundCount(), summary.getTestsSucceededCount(), "tests that ran");
        assertTrue(SoftwareDriver.counters().kernelLaunches() > before, "no test has launched a kernel");
    }

    private static String describe(Failure failure) {
        return failure.getTestIdentifier().getUniqueId() + ": " + failure.getException();
    }
}
