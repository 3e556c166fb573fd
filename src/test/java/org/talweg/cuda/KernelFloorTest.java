package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.KernelProfile.InstructionClass;
import org.talweg.cuda.SoftwareDriver.Check;
import org.talweg.data.DataLoader;
import org.talweg.data.Datasets;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.ops.Fusion;
import org.talweg.ops.Precision;
import org.talweg.optim.Optimizers;
import org.talweg.optim.ParameterGroups;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.SoftwareDevice;
import org.talweg.train.Listener;
import org.talweg.train.StepMetrics;
import org.talweg.train.Trainer;

/**
 * What matrix products move, against the least they could on aligned sizes, and of what instructions they are made; and how
 * many launches a step has. The kernels that are no products: {@link StreamingFloorTest}.
 */
class KernelFloorTest {
    private static final double SLACK = 1.02;
    /** Of a result of three tiles each way. */
    private static final int SIDE = 384;

    private Device device;
    private final List<Tensor> tensors = new ArrayList<>();

    @BeforeAll
    static void software() {
        SoftwareDevice.require();
    }

    /** The checkers see these kernels elsewhere, on smaller sizes. */
    @BeforeEach
    void open() {
        SoftwareDriver.check(EnumSet.of(Check.BOUNDS));
        device = Devices.open("software");
    }

    @AfterEach
    void checkAll() {
        close();
        SoftwareDevice.checkAll();
    }

    private void close() {
        tensors.forEach(tensor -> tensor.buffer().close());
        device.close();
    }

    private Tensor floats(int... dims) {
        Tensor tensor = device.allocate(DType.FLOAT32, Shape.of(dims), "test");
        tensors.add(tensor);
        float[] values = new float[(int) tensor.elements()];
        Arrays.fill(values, 0.5f);
        device.upload(values, tensor);
        return tensor;
    }

    /** Goes on with a device that takes itself for another chip. */
    private void reopenAs(String capability) {
        close();
        tensors.clear();
        String[] numbers = capability.split("\\.");
        device = SoftwareDevice.open(Integer.parseInt(numbers[0]), Integer.parseInt(numbers[1]));
    }

    /** The one launch that {@code operation} makes. */
    private KernelProfile profile(Runnable operation) {
        SoftwareDriver.profile();
        SoftwareDriver.count(true);
        try {
            operation.run();
            device.synchronize();
        } finally {
            SoftwareDriver.count(false);
        }
        List<KernelProfile> launches = SoftwareDriver.profile();
        assertEquals(1, launches.size(), launches.toString());
        return launches.get(0);
    }

    /** Chips with their precisions, and tiles of every size, three along each dimension. */
    static Stream<Arguments> products() {
        return Stream.concat(Arrays.stream(Precision.values()).map(precision -> new Object[] {"8.0", precision}),
            Stream.of(new Object[][] {{"7.5", Precision.FLOAT32}})).flatMap(chip -> Stream.of(128, 64, 32)
            .filter(tile -> tile > 32 || chip[1] == Precision.FLOAT32).map(tile -> Arguments.of(chip[0], chip[1], tile)));
    }

    /** These tiles and no others, for what a test counts. */
    private static void use(DenseOps dense, DenseShape shape, int weights, int input) {
        ((CudaDense) dense).use(shape, new DensePlan(input, input, weights, shape.batch(), input));
    }

    @ParameterizedTest
    @MethodSource("products")
    void matrixProductsHaveNoBankConflicts(String capability, Precision precision, int tile) {
        reopenAs(capability);
        DenseOps dense = device.ops().dense().at(precision);
        int size = 3 * tile;
        DenseShape shape = new DenseShape(size, size, size);
        use(dense, shape, tile, tile);
        Tensor x = floats(size, size);
        Tensor w = floats(size, size);
        Tensor bias = floats(size);
        Tensor y = floats(size, size);
        Tensor partials = floats(dense.squarePartials(shape));
        long scratch = dense.workspace(shape);
        Tensor workspace = scratch == 0 ? null : floats((int) scratch);
        long square = 4L * size * size;
        List<KernelProfile> products = new ArrayList<>(List.of(
            profile(() -> dense.forward(x, null, w, bias, Activation.RELU, null, y)),
            profile(() -> dense.backwardInput(y, w, Activation.RELU, x, false, x)),
            profile(() -> dense.backwardWeights(x, null, y, false, w, bias, partials, workspace))));
        Tensor dx = floats(size, size);
        products.add(profile(() -> dense.backward(x, null, y, false, w, bias, partials, workspace, y, Activation.RELU, x,
            false, dx)));
        List<String> conflicts = products.stream().filter(p -> p.shared().conflicts() > 0)
            .map(p -> p.kernel() + ": " + p.shared()).toList();
        assertTrue(conflicts.isEmpty(), conflicts.toString());
        products.forEach(p -> assertTrue(p.kernel().endsWith("_" + tile), p.kernel()));
        double ratio = products.get(0).bytes() / (3.0 * square + 4 * size);
        assertTrue(ratio >= 1 && ratio <= SLACK, ratio + " of the floor: " + products.get(0));
        // Besides the operands each block reads its part of the bias, some warps the same one.
        double traffic = 32.0 * products.get(0).loads().sectors() / operandTraffic(size, size, size, tile);
        assertTrue(traffic >= 1 && traffic <= 1.05, traffic + " of the operands of every tile: " + products.get(0));
    }

    /** Bytes of both operands of every tile, from memory or a cache: {@code docs/kernels.md}. */
    private static double operandTraffic(long rows, long columns, long depth, int tile) {
        return rows * columns * depth * 8.0 / tile;
    }

    /** Half the bytes of weights, copied by 16 bytes and by 8, and as free of bank conflicts. */
    @ParameterizedTest
    @CsvSource({"128, 384", "64, 192", "128, 380", "64, 188"})
    void productsThatReadBfloat16Weights(int tile, int inputs) {
        DenseOps dense = device.ops().dense().at(Precision.BF16);
        int rows = 3 * tile;
        DenseShape shape = new DenseShape(rows, rows, inputs);
        use(dense, shape, tile, tile);
        Tensor x = floats(rows, inputs);
        Tensor w = floats(rows, inputs);
        Tensor dw = floats(rows, inputs);
        Tensor bias = floats(rows);
        Tensor y = floats(rows, rows);
        Tensor dx = floats(rows, inputs);
        Tensor partials = floats(dense.squarePartials(shape));
        dense.plan(shape, w);
        dense.forward(x, null, w, bias, Activation.RELU, null, y);
        long matrix = (long) rows * inputs;
        long square = (long) rows * rows;
        Map<KernelProfile, Long> floors = Map.of(
            profile(() -> dense.forward(x, null, w, bias, Activation.RELU, null, y)), 4 * (matrix + rows + square) + 2 * matrix,
            profile(() -> dense.backwardInput(y, w, Activation.RELU, x, false, dx)), 4 * (square + 2 * matrix) + 2 * matrix,
            profile(() -> dense.backward(x, null, y, false, dw, bias, partials, null, w, Activation.RELU, x, false, dx)),
            4 * (square + 3 * matrix + rows + partials.elements()) + 2 * matrix);
        floors.forEach((product, floor) -> {
            assertTrue(product.kernel().contains("_bf16_weights_" + tile), product.kernel());
            assertEquals(0, product.shared().conflicts(), product.toString());
            double ratio = (double) product.bytes() / floor;
            assertTrue(ratio >= 1 && ratio <= SLACK, ratio + " of the floor: " + product);
        });
    }

    /** Tiles of 128 and 64 in one launch, 128 and 32, 64 and 32. */
    @ParameterizedTest
    @CsvSource({"8.0, 40, 512, 512, 128_64", "8.0, 40, 300, 400, 128_32", "8.0, 32, 192, 192, 64_32",
        "7.5, 40, 512, 512, 128_64", "7.5, 40, 300, 400, 128_32", "7.5, 32, 192, 192, 64_32"})
    void tilesOfTwoSizesHaveNoBankConflicts(String capability, int batch, int outputs, int inputs, String tiles) {
        reopenAs(capability);
        DenseOps dense = device.ops().dense();
        DenseShape shape = new DenseShape(batch, outputs, inputs);
        int[] sizes = Arrays.stream(tiles.split("_")).mapToInt(Integer::parseInt).toArray();
        use(dense, shape, sizes[0], sizes[1]);
        Tensor x = floats(batch, inputs);
        Tensor dz = floats(batch, outputs);
        Tensor w = floats(outputs, inputs);
        Tensor dw = floats(outputs, inputs);
        Tensor db = floats(outputs);
        Tensor dx = floats(batch, inputs);
        Tensor partials = floats(dense.squarePartials(shape));
        KernelProfile both = profile(() -> dense.backward(x, null, dz, false, dw, db, partials, null, w, Activation.RELU, x,
            false, dx));
        assertEquals("dense_backward_" + tiles, both.kernel());
        assertEquals(0, both.shared().conflicts(), both.toString());
        // dZ, X, W in; dW, db, partial sums, dX out.
        long floor = 4L * (batch * outputs + 2 * batch * inputs + 2 * outputs * inputs + outputs + partials.elements());
        double ratio = (double) both.bytes() / floor;
        assertTrue(ratio >= 1 && ratio <= SLACK, ratio + " of the floor: " + both);
    }

    /** The loop over k alone: what launches with twice the depth issue more. */
    @ParameterizedTest
    @CsvSource({"7.5, 0.85", "8.0, 0.87"})
    void float32ProductsAreMostlyMultiplyAdds(String capability, double least) {
        reopenAs(capability);
        List<KernelProfile> shorter = productsOfDepth(256);
        List<KernelProfile> longer = productsOfDepth(512);
        for (int i = 0; i < longer.size(); i++) {
            double fma = longer.get(i).issued().get(InstructionClass.FMA) - shorter.get(i).issued().get(InstructionClass.FMA);
            double share = fma / (longer.get(i).instructions() - shorter.get(i).instructions());
            assertTrue(share >= least, share + " of " + longer.get(i));
            assertEquals(operandTraffic(SIDE, SIDE, 256, 128),
                32.0 * (longer.get(i).loads().sectors() - shorter.get(i).loads().sectors()), "traffic: " + longer.get(i));
            assertEquals(0, longer.get(i).localRequests(), longer.get(i).toString());
        }
    }

    /** With the tiles that the planner takes, from the first fma to the last. */
    @ParameterizedTest
    @ValueSource(strings = {"7.5", "8.0"})
    void aProductOf1024Cubed(String capability) {
        reopenAs(capability);
        int size = 1024;
        Tensor x = floats(size, size);
        Tensor w = floats(size, size);
        Tensor y = floats(size, size);
        KernelProfile product = profile(() -> device.ops().dense().forward(x, null, w, null, Activation.IDENTITY, null, y));
        assertEquals("dense_forward_128", product.kernel());
        assertEquals(0, product.shared().conflicts(), product.toString());
        assertEquals(operandTraffic(size, size, size, 128), 32.0 * product.loads().sectors(), product.toString());
        assertEquals(3 * 4L * size * size, product.bytes());
        double share = (double) product.issued().get(InstructionClass.FMA) / product.instructions();
        assertTrue(share >= 0.85, share + " of " + product);
    }

    /** The three products with tiles of 128, the sum going over so many. */
    private List<KernelProfile> productsOfDepth(int depth) {
        int size = SIDE;
        DenseOps dense = device.ops().dense();
        Tensor wide = floats(size, depth);
        Tensor high = floats(depth, size);
        Tensor square = floats(size, size);
        Tensor vector = floats(size);
        Tensor result = floats(size, size);
        DenseShape shape = new DenseShape(depth, size, size);
        use(dense, shape, 128, 128);
        use(dense, new DenseShape(size, size, depth), 128, 128);
        use(dense, new DenseShape(size, depth, size), 128, 128);
        Tensor partials = floats(dense.squarePartials(shape));
        Tensor workspace = floats((int) Math.max(1, dense.workspace(shape)));
        List<KernelProfile> products = List.of(
            profile(() -> dense.forward(wide, null, wide, vector, Activation.RELU, null, result)),
            profile(() -> dense.backwardInput(wide, high, Activation.RELU, square, false, result)),
            profile(() -> dense.backwardWeights(high, null, high, false, result, vector, partials, workspace)));
        products.forEach(p -> assertTrue(p.kernel().endsWith("_128"), p.kernel()));
        return products;
    }

    /**
     * Rows that are no multiple of 16 bytes are copied value by value. The tensor cores' kernels let a thread copy four
     * neighbours, so that these copies meet four to a bank, which makes twice the wavefronts in all.
     */
    @ParameterizedTest
    @CsvSource({"7.5, FLOAT32", "8.0, FLOAT32", "8.0, TF32", "8.0, TF32X3", "8.0, BF16"})
    void unalignedMatrixProducts(String capability, Precision precision) {
        reopenAs(capability);
        DenseOps dense = device.ops().dense().at(precision);
        DenseShape shape = new DenseShape(70, 10, 67);
        Tensor x = floats(70, 67);
        Tensor w = floats(10, 67);
        Tensor bias = floats(10);
        Tensor y = floats(70, 10);
        Tensor partials = floats(dense.squarePartials(shape));
        double worst = precision == Precision.FLOAT32 ? 1 : 2;
        for (KernelProfile product : List.of(
            profile(() -> dense.forward(x, null, w, bias, Activation.RELU, null, y)),
            profile(() -> dense.backwardInput(y, w, Activation.RELU, x, false, x)),
            profile(() -> dense.backwardWeights(x, null, y, false, w, bias, partials, null)))) {
            double ratio = (double) product.shared().wavefronts() / product.shared().idealWavefronts();
            assertTrue(ratio <= worst, ratio + " of the ideal: " + product.kernel());
        }
    }

    /** For L dense layers 2L + 3 kernels, in one graph launch. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void aStepIsOneGraphOfFewKernels(int layers) {
        assertEquals(2 * layers + 3, kernelsOfAStep(layers, ParameterGroups.none()));
    }

    /** Neither weight nor input gradients of the lowest two, and no pass to leave frozen gradients out of the norm. */
    @Test
    void frozenLayersAreNotDifferentiated() {
        ParameterGroups lowest = ParameterGroups.none().freeze("dense_1.*").freeze("dense_2.*");
        assertEquals(2 * 4 + 3 - 2, kernelsOfAStep(4, lowest));
        // The input gradient of what is frozen is a launch, whether weights' are beside it or not.
        assertEquals(2 * 4 + 3, kernelsOfAStep(4, ParameterGroups.none().freeze("dense_3.*")));
    }

    private int kernelsOfAStep(int layers, ParameterGroups groups) {
        List<SoftwareDriver.Counters> counters = new ArrayList<>();
        Listener listener = new Listener() {
            @Override
            public int stepsUntilReport() {
                return 1;
            }

            @Override
            public void onSteps(List<StepMetrics> steps) {
                counters.add(SoftwareDriver.counters());
            }
        };
        Sequential.Builder builder = Sequential.builder(Datasets.builtIn("iris").inputShape());
        for (int i = 1; i < layers; i++) {
            builder.dense(8, Activation.RELU);
        }
        try (Model model = builder.dense(3).build(device)) {
            Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.adam()).listeners(listener)
                .parameterGroups(groups).fusion(Fusion.OFF).build().fit(DataLoader.of(Datasets.builtIn("iris"), 50), 1);
        }
        SoftwareDriver.Counters before = counters.get(1);
        SoftwareDriver.Counters after = counters.get(2);
        assertEquals(1, after.graphLaunches() - before.graphLaunches());
        return (int) (after.kernelLaunches() - before.kernelLaunches());
    }
}
