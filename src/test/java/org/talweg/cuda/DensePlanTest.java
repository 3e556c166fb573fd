package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.talweg.cuda.SoftwareDriver.Fault;
import org.talweg.ops.Activation;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.DeviceException;
import org.talweg.ops.Devices;
import org.talweg.ops.MatrixProducts;
import org.talweg.ops.Precision;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Draw;
import org.talweg.testing.Sandbox;
import org.talweg.testing.SoftwareDevice;

/** What a shape's products are made of: by count, and by measurement with a clock of the test's own. */
class DensePlanTest {
    private static final DenseShape SHAPE = new DenseShape(300, 70, 90);

    @TempDir
    private Path folder;
    private CudaDevice device;
    /** What was measured, with its time; what is not in here takes 100 µs. */
    private final Map<String, Double> times = new TreeMap<>();
    private final List<String> measured = new ArrayList<>();
    private boolean launches;

    @BeforeEach
    void open() {
        SoftwareDevice.require();
        device = opened();
    }

    private CudaDevice opened() {
        return (CudaDevice) Devices.open("software");
    }

    @AfterEach
    void close() {
        assertEquals(List.of(), device.liveAllocations());
        device.close();
        SoftwareDevice.restoreSettings();
    }

    private void again() {
        device.close();
        device = opened();
        measured.clear();
    }

    /** By {@link #times}; the software device launches what is measured where that is wanted. */
    private CudaDense measuring() {
        device.tuner().measureWith((what, way) -> {
            if (launches) {
                way.run();
            }
            measured.add(what);
            return times.getOrDefault(what, 100.0);
        }, folder);
        device.autotune(true);
        return (CudaDense) device.ops().dense();
    }

    private Path file() throws IOException {
        try (var files = Files.list(folder)) {
            List<Path> all = files.toList();
            assertEquals(1, all.size(), all.toString());
            return all.get(0);
        }
    }

    @Test
    void theFastestTilesAreTaken() throws IOException {
        int share = ((CudaDense) device.ops().dense()).planner().share(SHAPE, 64);
        times.putAll(Map.of("forward 128", 50.0, "input 64", 60.0, "weights 64 / " + share, 40.0, "both, 64 and 32", 70.0));
        launches = true;
        DensePlan plan = measuring().planOf(SHAPE);
        assertEquals(new DensePlan(128, 64, 64, share, 32), plan);
        assertTrue(measured.containsAll(List.of("forward 64", "input 64", "weights 32 / 300", "both, in their own launches")),
            measured.toString());
        String kept = Files.readString(file());
        assertTrue(kept.contains("\"tiles FLOAT32 300×70×90\"") && kept.contains("\"forward 128\" : 50.0"), kept);
        for (String about : List.of("gpu", "driver", "talweg", "kernels")) {
            assertTrue(kept.contains("\"" + about + "\" : \""), kept);
        }
    }

    @Test
    void ownLaunchesAreTakenWhereTheyAreFaster() {
        times.put("both, in their own launches", 60.0);
        assertEquals(0, measuring().planOf(SHAPE).beside());
    }

    /** Differences within the noise change nothing: neither tiles nor bits. */
    @Test
    void theUsualPlanStaysUnlessAnotherIsClearlyFaster() {
        DensePlan usual = ((CudaDense) device.ops().dense()).planner().plan(SHAPE);
        for (int tile : new int[] {32, 64, 128}) {
            times.put("forward " + tile, tile == usual.forward() ? 100.0 : 98);
            times.put("input " + tile, tile == usual.input() ? 100.0 : 98);
        }
        assertEquals(usual, measuring().planOf(SHAPE));
        assertFalse(measured.isEmpty());
    }

    @Test
    void whatIsKnownIsNotMeasuredAgain() throws IOException {
        times.put("forward 128", 50.0);
        DensePlan plan = measuring().planOf(SHAPE);
        byte[] kept = Files.readAllBytes(file());
        again();
        times.clear();
        assertEquals(plan, measuring().planOf(SHAPE));
        assertEquals(List.of(), measured);
        assertArrayEquals(kept, Files.readAllBytes(file()));
        // Another shape and another precision are other plans, the latter's in the file of its own kernels.
        measuring().planOf(new DenseShape(20, 30, 40));
        assertTrue(Files.readString(file()).contains("20×30×40") && Files.readString(file()).contains("300×70×90"));
        ((CudaDense) device.ops().dense().at(Precision.TF32)).planOf(SHAPE);
        try (var files = Files.list(folder)) {
            assertEquals(2, files.count());
        }
    }

    @Test
    void aDamagedFileIsMeasuredAnew() throws IOException {
        measuring().planOf(SHAPE);
        Path file = file();
        String whole = Files.readString(file);
        for (String damaged : List.of("", whole.substring(0, whole.length() / 2), "[1, 2]",
            whole.replaceFirst("\"gpu\" : \"[^\"]*", "\"gpu\" : \"another"))) {
            Files.writeString(file, damaged);
            again();
            measuring().planOf(SHAPE);
            assertFalse(measured.isEmpty(), damaged);
            assertEquals(whole, Files.readString(file()));
        }
    }

    @Test
    void aPlanThatNoKernelCanFollowIsMeasuredAnew() throws IOException {
        measuring().planOf(SHAPE);
        Path file = file();
        String whole = Files.readString(file);
        for (String wrong : List.of("\"forward\" : 48", "\"forward\" : \"fast\"", "\"share\" : 17", "\"share\" : -300",
            "\"beside\" : 128")) {
            String key = wrong.substring(0, wrong.indexOf(':'));
            Files.writeString(file, whole.replaceFirst(key + ": \\d+", wrong));
            again();
            measuring().planOf(SHAPE);
            assertFalse(measured.isEmpty(), wrong);
            assertEquals(whole, Files.readString(file));
        }
    }

    /** Another JVM measured meanwhile: its plan is taken, so that both compute the same. */
    @Test
    void whoeverWritesFirstDecides() throws IOException {
        CudaDense dense = measuring();
        dense.planOf(new DenseShape(20, 30, 40));
        String before = Files.readString(file());
        again();
        times.put("forward 128", 50.0);
        DensePlan other = measuring().planOf(SHAPE);
        String after = Files.readString(file());
        Files.writeString(file(), before);
        again();
        times.clear();
        times.put("forward 32", 50.0);
        dense = measuring();
        dense.planOf(new DenseShape(20, 30, 40));
        Files.writeString(file(), after);
        assertEquals(other, dense.planOf(SHAPE));
        assertFalse(measured.isEmpty());
    }

    @Test
    void whatCannotBeKeptIsNotUsed() throws IOException {
        Path occupied = Files.writeString(folder.resolve("occupied"), "a file, and no folder");
        times.put("forward 128", 50.0);
        CudaDense dense = measuring();
        device.tuner().measureWith((what, launches) -> times.getOrDefault(what, 100.0), occupied);
        assertEquals(dense.planner().plan(SHAPE), dense.planOf(SHAPE));
    }

    @Test
    void withoutMemoryItGoesByCount() {
        CudaDense dense = measuring();
        DensePlan usual = dense.planner().plan(SHAPE);
        SoftwareDriver.fail(Fault.ALLOCATION, 3);
        assertEquals(usual, dense.planOf(SHAPE));
        assertEquals(List.of(), measured);
    }

    @Test
    void inARecordingNothingIsMeasured() {
        CudaDense dense = measuring();
        device.record(() -> dense.plan(SHAPE, null)).close();
        assertEquals(List.of(), measured);
        assertEquals(dense.planner().plan(SHAPE), dense.planOf(SHAPE));
    }

    @Test
    void tuningCanBeSwitchedOff() {
        times.put("forward 128", 50.0);
        CudaDense dense = measuring();
        device.autotune(false);
        assertEquals(dense.planner().plan(SHAPE), dense.planOf(SHAPE));
        assertEquals(List.of(), measured);
    }

    @Test
    void theSoftwareDeviceMeasuresNothing() {
        DeviceException refused = assertThrows(DeviceException.class, () -> device.autotune(true));
        assertTrue(refused.getMessage().contains("mean nothing"), refused.getMessage());
        device.autotune(false);
        device.products(MatrixProducts.AUTO);
        assertEquals(CudaDense.class, device.ops().dense().at(Precision.FLOAT32).getClass());
    }

    /** One that the software device's eight multiprocessors share out evenly, one that leaves most of them idle. */
    @Test
    void tilesByCountFollowTheWavesOfTheGrid() {
        DensePlanner planner = ((CudaDense) device.ops().dense()).planner();
        assertEquals(128, planner.plan(new DenseShape(512, 512, 64)).forward(), "two large blocks each");
        assertEquals(64, planner.plan(new DenseShape(384, 384, 64)).forward(), "nine large blocks would take two rounds");
        assertEquals(32, planner.plan(new DenseShape(64, 64, 64)).forward());
        assertEquals(1, splits(planner, new DenseShape(2000, 512, 512)), "the grid fills the chip");
        assertTrue(splits(planner, new DenseShape(2000, 10, 20)) > 1);
        assertEquals(1, splits(planner, new DenseShape(127, 10, 20)), "too short to split");
    }

    private static int splits(DensePlanner planner, DenseShape shape) {
        return CudaElementwise.ceilDivide(shape.batch(), planner.plan(shape).share());
    }

    /** Every pair of tiles, together and apart, gives the same bits; shares of the batch group sums otherwise. */
    @ParameterizedTest
    @EnumSource
    void bitsDependOnNoTileButOnTheShare(Precision precision) {
        CudaDense dense = (CudaDense) device.ops().dense().at(precision);
        List<int[]> whole = new ArrayList<>();
        List<int[]> split = new ArrayList<>();
        for (int weights : dense.kernels().tiles()) {
            for (int input : dense.kernels().tiles()) {
                for (int share : new int[] {SHAPE.batch(), 128}) {
                    for (int beside : new int[] {0, input}) {
                        DensePlan plan = new DensePlan(input, input, weights, share, beside);
                        if (dense.planner().isPossible(plan, SHAPE)) {
                            dense.use(SHAPE, plan);
                            (share == 128 ? split : whole).add(results(dense));
                        }
                    }
                }
            }
        }
        for (List<int[]> same : List.of(whole, split)) {
            assertTrue(same.size() > 4);
            same.forEach(bits -> assertArrayEquals(same.get(0), bits));
        }
        assertFalse(Arrays.equals(whole.get(0), split.get(0)));
    }

    private int[] results(DenseOps dense) {
        return Sandbox.run(device, (ops, memory) -> {
            Draw draw = new Draw(5);
            Tensor x = memory.input(draw.reals(300 * 90, 1), 300, 90);
            Tensor w = memory.input(draw.reals(70 * 90, 1), 70, 90);
            Tensor dz = memory.input(draw.reals(300 * 70, 1), 300, 70);
            Tensor all = memory.output(300 * 70 + 300 * 90 + 70 * 90 + 70);
            Tensor a = all.view(0, Shape.of(300, 70));
            Tensor dx = all.view(300 * 70, Shape.of(300, 90));
            Tensor dw = all.view(300 * 160, Shape.of(70, 90));
            Tensor db = all.view(300 * 160 + 70 * 90, Shape.of(70));
            int scratch = (int) dense.workspace(SHAPE);
            dense.forward(x, null, w, null, Activation.TANH, null, a);
            dense.backward(x, null, dz, false, dw, db, memory.output(dense.squarePartials(SHAPE)),
                scratch == 0 ? null : memory.output(scratch), w, Activation.RELU, x, false, dx);
            return Map.of("all", all);
        }).get("all");
    }

    @Test
    void autoTakesWhatIsFasterForEachProduct() throws IOException {
        launches = true;
        times.putAll(Map.of("cuBLAS forward", 50.0, "cuBLAS weights", 20.0, "talweg input", 60.0, "talweg both", 110.0));
        measuring();
        device.autotune(false);
        device.products(MatrixProducts.AUTO);
        DenseOps auto = device.ops().dense().at(Precision.FLOAT32);
        auto.plan(SHAPE, null);
        assertTrue(Files.readString(file()).contains("library FLOAT32 300×70×90"));
        assertFalse(auto.readsRows(SHAPE));
        assertFalse(auto.groups(SHAPE));
        device.products(MatrixProducts.CUBLAS);
        DenseOps library = device.ops().dense().at(Precision.FLOAT32);
        assertEquals(library.squarePartials(SHAPE), auto.squarePartials(SHAPE));
        int[] mixed = results(auto);
        int[] its = results(library);
        int[] own = results(device.ops().dense());
        assertArrayEquals(Arrays.copyOfRange(its, 0, 21000), Arrays.copyOfRange(mixed, 0, 21000), "A");
        assertArrayEquals(Arrays.copyOfRange(own, 21000, 48000), Arrays.copyOfRange(mixed, 21000, 48000),
            "dX");
        assertArrayEquals(Arrays.copyOfRange(its, 48000, its.length),
            Arrays.copyOfRange(mixed, 48000, its.length), "dW and db");

        again();
        times.clear();
        measuring();
        device.autotune(false);
        device.products(MatrixProducts.AUTO);
        assertArrayEquals(mixed, results(device.ops().dense().at(Precision.FLOAT32)), "what was kept");
        assertEquals(List.of(), measured);
    }

    /** Where both together are faster than the library's one by one, they stay together. */
    @Test
    void autoKeepsWhatIsGrouped() {
        times.putAll(Map.of("cuBLAS weights", 60.0, "cuBLAS input", 60.0));
        measuring();
        device.autotune(false);
        device.products(MatrixProducts.AUTO);
        CudaDense own = (CudaDense) device.ops().dense();
        DenseOps auto = own.at(Precision.FLOAT32);
        assertTrue(auto.readsRows(SHAPE));
        assertEquals(own.groups(SHAPE), auto.groups(SHAPE));
        assertEquals(own.squarePartials(SHAPE), auto.squarePartials(SHAPE));
    }
}
