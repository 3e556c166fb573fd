package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.platform.engine.discovery.ClassNameFilter.includeClassNamePatterns;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectPackage;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.platform.engine.FilterResult;
import org.junit.platform.engine.TestDescriptor;
import org.junit.platform.engine.TestSource;
import org.junit.platform.launcher.EngineFilter;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.PostDiscoveryFilter;
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
 * and warps in another order and in pieces, and then besides errs in approximate instructions as far as the manual allows
 * and cuts the sums of tensor cores off. All checks are on. {@code -Dtalweg.seeds=4,5,6} takes these seeds in place of the
 * usual ones, each under both settings.
 *
 * <p>What no setting can change is left out:
 * <ul>
 * <li>backends other than the software device ({@link TestDevice#all}), and the properties that jqwik draws cases for, which
 *     launch nothing;
 * <li>most tests with products by cuBLAS, whose stand-in computes them without kernels: two stay for the kernels around them;
 * <li>under the second setting, the longest comparisons of one tiling's bits with another's, which no instruction's error tells
 *     apart; under the first, they have one layer of each shape instead of three.
 * </ul>
 */
class KernelSuiteTest {

    private static final String WITH_CUBLAS = "org.talweg.ops.CublasDenseOpsTest";
    /** Of the tests with cuBLAS. */
    private static final Set<String> AROUND_PRODUCTS = Set.of("wholeNumbersAreExact", "realsAreWithinTheRoundingBound");
    private static final Set<String> OF_TILINGS = Set.of("productsHaveTheBitsOfAnOlderChip",
        "productsOfDifferentTilesTogether");

    private static Stream<SoftwareSettings> settings() {
        String seeds = System.getProperty("talweg.seeds", "");
        if (seeds.isEmpty()) {
            return Stream.of(shuffled(11), otherwise(12));
        }
        return Arrays.stream(seeds.split(",")).map(Long::valueOf).flatMap(seed -> Stream.of(shuffled(seed), otherwise(seed)));
    }

    private static SoftwareSettings shuffled(long seed) {
        return new SoftwareSettings(seed, 0, false);
    }

    private static SoftwareSettings otherwise(long seed) {
        return new SoftwareSettings(seed, seed, true);
    }

    /** Leaves out what the settings cannot change, and remembers which names it has looked for and met. */
    private record Selection(SoftwareSettings settings, Set<String> met) implements PostDiscoveryFilter {
        @Override
        public FilterResult apply(TestDescriptor test) {
            return FilterResult.includedIf(test.getSource().map(this::isWanted).orElse(true));
        }

        private boolean isWanted(TestSource source) {
            if (!(source instanceof org.junit.platform.engine.support.descriptor.MethodSource method)) {
                return true;
            }
            String name = method.getMethodName();
            met.add(name);
            return method.getClassName().equals(WITH_CUBLAS) ? AROUND_PRODUCTS.contains(name)
                : settings.approximation() == 0 || !OF_TILINGS.contains(name);
        }
    }

    @ParameterizedTest
    @MethodSource("settings")
    void everyKernelPasses(SoftwareSettings settings) {
        Assumptions.assumeTrue(TestDevice.accelerator().isSoftware(), "a GPU has no such settings");
        Selection selection = new Selection(settings, new HashSet<>());
        LauncherDiscoveryRequest tests = LauncherDiscoveryRequestBuilder.request()
            .selectors(selectPackage("org.talweg"))
            .filters(includeClassNamePatterns("org\\.talweg\\.(ops|tape|optim)\\..*Test", ".*\\.GoldenTrainingTest"),
                EngineFilter.includeEngines("junit-jupiter"), selection).build();
        SummaryGeneratingListener listener = new SummaryGeneratingListener();
        long before = SoftwareDriver.counters().kernelLaunches();
        SoftwareDevice.under(settings, () -> LauncherFactory.create().execute(tests, listener));

        TestExecutionSummary summary = listener.getSummary();
        if (summary.getTotalFailureCount() > 0) {
            fail(summary.getFailures().stream().map(KernelSuiteTest::describe).collect(Collectors.joining("\n",
                summary.getTotalFailureCount() + " of the kernels' tests fail; to repeat one: mvn test " + settings
                    + " -Dtest=…\n", "")));
        }
        assertTrue(selection.met.containsAll(AROUND_PRODUCTS) && selection.met.containsAll(OF_TILINGS), "names of tests");
        assertEquals(summary.getTestsFoundCount(), summary.getTestsSucceededCount(), "tests that ran");
        assertTrue(SoftwareDriver.counters().kernelLaunches() > before, "no test has launched a kernel");
    }

    private static String describe(Failure failure) {
        return failure.getTestIdentifier().getUniqueId() + ": " + failure.getException();
    }
}
