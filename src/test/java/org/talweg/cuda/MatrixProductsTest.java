package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcuda.driver.CUgraph;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.talweg.ops.Activation;
import org.talweg.ops.BatchRows;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Device;
import org.talweg.ops.DeviceException;
import org.talweg.ops.Devices;
import org.talweg.ops.MatrixProducts;
import org.talweg.ops.Precision;
import org.talweg.ops.Recording;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Draw;
import org.talweg.testing.Sandbox;
import org.talweg.testing.SoftwareDevice;

/** Whose products a device runs, and the branches of the graph that they are captured into. */
class MatrixProductsTest {
    /** Of which dX should have larger tiles than dW, so that they are two launches. */
    private static final DenseShape TWO_LAUNCHES = new DenseShape(600, 100, 100);

    private CudaDevice device;

    @BeforeEach
    void open() {
        SoftwareDevice.require();
        device = (CudaDevice) Devices.open("software");
    }

    @AfterEach
    void close() {
        assertEquals(List.of(), device.liveAllocations());
        device.close();
        SoftwareDevice.restoreSettings();
    }

    /** A layer's backward products, with everything they need. */
    private final class Layer implements AutoCloseable {
        final DenseOps dense;
        final DenseShape shape;
        private final List<Tensor> tensors = new ArrayList<>();
        private final Draw draw = new Draw(3);
        private final Tensor x;
        private final Tensor dz;
        private final Tensor w;
        private final Tensor dw;
        private final Tensor db;
        private final Tensor dx;
        private final Tensor partials;
        private final Tensor workspace;

        Layer(DenseOps dense, DenseShape shape) {
            this.dense = dense;
            this.shape = shape;
            x = filled(shape.batch(), shape.inputs());
            dz = filled(shape.batch(), shape.outputs());
            w = filled(shape.outputs(), shape.inputs());
            dw = filled(shape.outputs(), shape.inputs());
            db = filled(shape.outputs());
            dx = filled(shape.batch(), shape.inputs());
            partials = filled(dense.squarePartials(shape));
            long scratch = dense.workspace(shape);
            workspace = scratch == 0 ? null : filled((int) scratch);
        }

        private Tensor filled(int... dims) {
            Tensor tensor = device.allocate(DType.FLOAT32, Shape.of(dims), "test");
            device.upload(draw.reals((int) tensor.elements(), 1), tensor);
            tensors.add(tensor);
            return tensor;
        }

        void together() {
            dense.backward(x, null, dz, false, dw, db, partials, workspace, w, Activation.TANH, x, false, dx);
        }

        void oneAfterTheOther() {
            dense.backwardWeights(x, null, dz, false, dw, db, partials, workspace);
            dense.backwardInput(dz, w, Activation.TANH, x, false, dx);
        }

        int[] results() {
            return Arrays.stream(new Tensor[] {dw, db, partials, dx}).map(tensor -> {
                float[] values = new float[(int) tensor.elements()];
                device.download(tensor, values);
                return Sandbox.bits(values);
            }).flatMapToInt(Arrays::stream).toArray();
        }

        void forget() {
            for (Tensor tensor : new Tensor[] {dw, db, partials, dx}) {
                device.ops().data().zero(tensor);
            }
        }

        @Override
        public void close() {
            tensors.forEach(tensor -> tensor.buffer().close());
        }
    }

    /** How many nodes each one waits for, and how many wait for it, sorted. */
    private static List<String> structure(Recording recording) throws IOException {
        CUgraph graph = ((CudaRecording) recording).graph();
        Map<Long, int[]> degrees = new HashMap<>();
        GraphListing.nodes(graph).forEach(node -> degrees.put(node, new int[2]));
        GraphListing.edges(graph).forEach(edge -> {
            degrees.get(edge.to())[0]++;
            degrees.get(edge.from())[1]++;
        });
        return degrees.values().stream().map(degree -> degree[0] + " in, " + degree[1] + " out").sorted().toList();
    }

    /** Between a fill and a fill, two kernels that both wait for the first, and for which the second waits. */
    @Test
    void productsOfTheirOwnLaunchesAreParallelBranchesOfTheGraph() throws IOException {
        try (Layer layer = new Layer(device.ops().dense(), TWO_LAUNCHES);
             Recording recording = device.record(() -> {
                 device.zero(layer.dx);
                 layer.together();
                 device.zero(layer.x);
             })) {
            assertFalse(layer.dense.groups(TWO_LAUNCHES));
            assertEquals(List.of("0 in, 2 out", "1 in, 1 out", "1 in, 1 out", "2 in, 0 out"), structure(recording));
        }
    }

    /** The input's product and its derivative beside the weights', their squares and the bias. */
    @Test
    void soAreThoseByCublas() throws IOException {
        device.products(MatrixProducts.CUBLAS);
        try (Layer layer = new Layer(device.ops().dense().at(Precision.FLOAT32), new DenseShape(20, 30, 40));
             Recording recording = device.record(() -> {
                 device.zero(layer.dx);
                 layer.together();
                 device.zero(layer.x);
             })) {
            assertEquals(List.of("0 in, 2 out", "1 in, 1 out", "1 in, 1 out", "1 in, 1 out", "1 in, 1 out", "1 in, 1 out",
                "2 in, 0 out"), structure(recording));
        }
    }

    @ParameterizedTest
    @EnumSource
    void branchesHaveTheBitsOfOneStream(MatrixProducts products) {
        device.products(products);
        try (Layer layer = new Layer(device.ops().dense().at(Precision.FLOAT32), TWO_LAUNCHES)) {
            layer.oneAfterTheOther();
            int[] expected = layer.results();
            layer.forget();
            layer.together();
            assertArrayEquals(expected, layer.results(), "at once");
            try (Recording recording = device.record(layer::together)) {
                for (int seed = 0; seed <= 6; seed++) {
                    SoftwareDriver.scheduleSeed(seed);
                    layer.forget();
                    recording.replay();
                    assertArrayEquals(expected, layer.results(), "recorded, schedule " + seed);
                }
            }
        }
    }

    @Test
    void anErrorInABranchLeavesTheDeviceUsable() {
        try (Layer layer = new Layer(device.ops().dense(), TWO_LAUNCHES)) {
            assertThrows(ArithmeticException.class, () -> device.record(() -> device.beside(() -> device.zero(layer.dx),
                () -> {
                    throw new ArithmeticException("on purpose");
                })));
            layer.together();
            device.synchronize();
        }
    }

    @Test
    void rowsByNumberAreGatheredFirst() {
        device.products(MatrixProducts.CUBLAS);
        try (Layer layer = new Layer(device.ops().dense().at(Precision.FLOAT32), new DenseShape(4, 5, 6))) {
            assertFalse(layer.dense.readsRows(layer.shape));
            Tensor order = device.allocate(DType.INT32, Shape.of(4), "test");
            Tensor cursor = device.allocate(DType.INT32, Shape.of(1), "test");
            layer.tensors.addAll(List.of(order, cursor));
            IllegalArgumentException refused = assertThrows(IllegalArgumentException.class, () -> layer.dense.forward(layer.x,
                new BatchRows(order, cursor), layer.w, null, Activation.IDENTITY, null, layer.dz));
            assertTrue(refused.getMessage().contains("gather them first"), refused.getMessage());
        }
    }

    @Test
    void productsAreNotChangedWithinARecording() {
        IllegalStateException refused = assertThrows(IllegalStateException.class,
            () -> device.record(() -> device.products(MatrixProducts.CUBLAS)));
        assertTrue(refused.getMessage().contains("cannot change the matrix products while"), refused.getMessage());
    }

    @Test
    void aDeviceThatIsNoGpuHasNone() {
        try (Device cpu = Devices.open("cpu")) {
            DeviceException refused = assertThrows(DeviceException.class, () -> cpu.products(MatrixProducts.CUBLAS));
            assertTrue(refused.getMessage().contains("device cpu is no GPU"), refused.getMessage());
            cpu.products(MatrixProducts.TALWEG);
        }
    }

    /** Asks for products by cuBLAS on a machine without it. */
    static final class WithoutCublas {
        public static void main(String[] args) {
            SoftwareDriver.load(false);
            try (CudaDevice device = (CudaDevice) Devices.open("software")) {
                device.tuner().measureWith((what, launches) -> 1, Path.of("/nowhere"));
                device.products(MatrixProducts.AUTO);
                System.out.println(device.ops().dense().at(Precision.FLOAT32).getClass().getSimpleName());
                for (int i = 0; i < 2; i++) {
                    try {
                        device.products(MatrixProducts.CUBLAS);
                        System.out.println("products by cuBLAS");
                    } catch (DeviceException e) {
                        System.out.println("refused: " + e.getMessage());
                    }
                }
            }
        }
    }

    @Test
    void aMissingLibraryIsSaidWithItsRemedy() throws IOException, InterruptedException {
        List<String> lines = run(WithoutCublas.class);
        String refused = "refused: cuBLAS does not load; install it (CUDA toolkit 12, or apt-get install libcublas-12-6 from"
            + " NVIDIA's packages), or let the products be talweg's";
        assertEquals(List.of("INFO software: the products are talweg's own, for " + refused.substring(9), "CudaDense",
            refused, refused), lines);
    }

    private static List<String> run(Class<?> main) throws IOException, InterruptedException {
        Process java = new ProcessBuilder(System.getProperty("java.home") + "/bin/java", "-cp",
            System.getProperty("java.class.path"), "-Dorg.slf4j.simpleLogger.logFile=System.out",
            "-Dorg.slf4j.simpleLogger.showThreadName=false", "-Dorg.slf4j.simpleLogger.showLogName=false",
            "-Dorg.slf4j.simpleLogger.log.org.talweg.cuda=info", main.getName())
            .redirectError(ProcessBuilder.Redirect.DISCARD).start();
        String output = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, java.waitFor(), output);
        return output.lines().toList();
    }
}
