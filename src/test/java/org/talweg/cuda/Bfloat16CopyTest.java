package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.BatchRows;
import org.talweg.ops.DataOps;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Devices;
import org.talweg.ops.Feed;
import org.talweg.ops.MatrixProducts;
import org.talweg.ops.Precision;
import org.talweg.ops.Recording;
import org.talweg.optim.Clip;
import org.talweg.optim.Minimizer;
import org.talweg.optim.Optimizer;
import org.talweg.optim.Optimizers;
import org.talweg.optim.ParameterGroups;
import org.talweg.optim.ParameterLayout;
import org.talweg.optim.ScheduleFree;
import org.talweg.optim.Stepper;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Draw;
import org.talweg.testing.Sandbox;
import org.talweg.testing.SoftwareDevice;
import org.talweg.train.Checkpoint;
import org.talweg.train.Checkpoints;
import org.talweg.train.FullBatch;
import org.talweg.train.Trainer;

/** The parameters that tensor cores read as bfloat16: they follow the parameters, whoever writes those, and change no bit. */
class Bfloat16CopyTest {
    private static final Dataset IRIS = Datasets.builtIn("iris");
    private static final int BATCH = 50;
    /** Ties that are rounded up and down, what rounds to infinity, the smallest, and what is not finite. */
    private static final float[] SPECIAL = {Float.intBitsToFloat(0x3f818000), Float.intBitsToFloat(0x3f808000),
        Float.intBitsToFloat(0xbf808001), Float.MAX_VALUE, Float.MIN_VALUE, -0f, Float.NEGATIVE_INFINITY, Float.NaN};

    @TempDir
    private Path folder;
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
    }

    /** Tiles of both sizes, whole and not; rows that are copied by 16 and by 8 bytes; and those that cannot be. */
    @ParameterizedTest
    @CsvSource({"128, 128, 128, 128", "64, 64, 64, 64", "70, 150, 200, 128", "70, 150, 200, 64", "300, 70, 92, 128",
        "300, 70, 92, 64", "5, 3, 4, 64", "17, 33, 12, 128", "1, 1, 8, 64", "40, 20, 67, 64", "40, 20, 66, 128"})
    void productsHaveTheBitsOfRoundingOnTheWay(int batch, int outputs, int inputs, int tile) {
        CudaDense dense = (CudaDense) device.ops().dense().at(Precision.BF16);
        DenseShape shape = new DenseShape(batch, outputs, inputs);
        for (int share : new int[] {batch, 128}) {
            for (int beside : new int[] {0, tile}) {
                dense.use(shape, new DensePlan(tile, tile, tile, share, beside));
                List<String> before = new ArrayList<>();
                List<String> after = new ArrayList<>();
                Map<String, int[]> rounded = launched(before, () -> products(dense, shape, false));
                Map<String, int[]> copied = launched(after, () -> products(dense, shape, true));
                rounded.forEach((name, bits) -> assertArrayEquals(bits, copied.get(name), name + " of " + shape));
                assertTrue(before.stream().noneMatch(name -> name.contains("weights") || name.equals("to_bfloat16")));
                boolean reads = inputs % 4 == 0;
                assertEquals(reads ? 2 : 4, dense.weightBytes(shape));
                assertEquals(reads, after.remove("to_bfloat16"), after.toString());
                assertEquals(reads, after.contains("dense_forward_bf16_weights_" + tile), after.toString());
                assertEquals(reads, after.contains("dense_backward_bf16_weights_" + tile + "_" + tile), after.toString());
                assertFalse(after.contains("to_bfloat16"), "rounded twice: " + after);
            }
        }
    }

    /** All of a layer's products, with the weights of the last output among {@link #SPECIAL}. */
    private Map<String, int[]> products(DenseOps dense, DenseShape shape, boolean planned) {
        int batch = shape.batch();
        int outputs = shape.outputs();
        int inputs = shape.inputs();
        Draw draw = new Draw(6);
        float[] weights = draw.reals(outputs * inputs, 1);
        for (int i = 0; i < Math.min(inputs, SPECIAL.length); i++) {
            weights[(outputs - 1) * inputs + i] = SPECIAL[i];
        }
        return Sandbox.run(device, (ops, memory) -> {
            Tensor w = memory.input(weights, outputs, inputs);
            if (planned) {
                dense.plan(shape, w);
            }
            Tensor x = memory.input(draw.reals((batch + 3) * inputs, 1), batch + 3, inputs);
            BatchRows rows = new BatchRows(memory.input(draw.indices(batch + 2, batch + 3), batch + 2),
                memory.input(new int[] {2}, 1));
            Tensor dz = memory.input(draw.reals(batch * outputs, 1), batch, outputs);
            Tensor saved = memory.input(draw.reals(batch * inputs, 1), batch, inputs);
            Tensor a = memory.output(batch, outputs);
            Tensor alone = memory.output(batch, inputs);
            Tensor dx = memory.output(batch, inputs);
            Tensor dw = memory.output(outputs, inputs);
            Tensor db = memory.output(outputs);
            int scratch = (int) dense.workspace(shape);
            dense.forward(x, rows, w, null, Activation.TANH, null, a);
            dense.backwardInput(dz, w, Activation.RELU, saved, false, alone);
            dense.backward(x, rows, dz, false, dw, db, memory.output(dense.squarePartials(shape)),
                scratch == 0 ? null : memory.output(scratch), w, Activation.RELU, saved, false, dx);
            return Map.of("a", a, "dx alone", alone, "dx", dx, "dw", dw, "db", db);
        });
    }

    /** Runs {@code body} and adds the names of the kernels that it launched. */
    private static <T> T launched(List<String> names, Supplier<T> body) {
        SoftwareDriver.profile();
        SoftwareDriver.count(true);
        try {
            return body.get();
        } finally {
            SoftwareDriver.count(false);
            SoftwareDriver.profile().forEach(launch -> names.add(launch.kernel()));
        }
    }

    @Test
    void weightsThatBeginAtAnOddPlaceAreReadAsTheyAre() {
        CudaDense dense = (CudaDense) device.ops().dense().at(Precision.BF16);
        Tensor flat = device.allocate(DType.FLOAT32, Shape.of(130), "test");
        try {
            dense.plan(new DenseShape(8, 8, 16), flat.view(2, Shape.of(8, 16)));
            assertNull(CudaDevice.buffer(flat).copy());
        } finally {
            flat.buffer().close();
        }
    }

    private Model model() {
        return Sequential.builder(Shape.of(4)).seed(1).dense(12, Activation.TANH).dense(8, Activation.RELU).layerNorm()
            .precision(Precision.BF16).dense(3).build(device);
    }

    private float[] values(Tensor parameters) {
        float[] values = new float[(int) parameters.elements()];
        device.download(parameters, values);
        return values;
    }

    /** Products read the copy, and it is the parameters. */
    private void expectFollows(String after, Model model) {
        model.predict(new float[4], 1);
        float[] values = values(model.parameters());
        Bfloat16Copy copy = CudaDevice.buffer(model.parameters()).copy();
        assertNotNull(copy, after);
        int[] words = new int[(int) copy.words().elements()];
        device.download(copy.words(), words);
        for (int i = 0; i < values.length; i++) {
            int bits = Float.floatToRawIntBits((float) Precision.BF16.round(values[i])) >>> 16;
            assertEquals(bits, words[i / 2] >>> 16 * (i % 2) & 0xffff, "after " + after + ": value " + i + ", " + values[i]);
        }
    }

    private void expectFollows(String change, Model model, Runnable run) {
        float[] before = values(model.parameters());
        run.run();
        assertFalse(Arrays.equals(before, values(model.parameters())), change + " changes nothing");
        expectFollows(change, model);
    }

    @Test
    void itFollowsWhateverWritesToTheParameters() throws IOException {
        DataOps data = device.ops().data();
        Path file = folder.resolve("model.safetensors");
        try (Model model = model()) {
            Tensor flat = model.parameters();
            Tensor other = device.allocate(DType.FLOAT32, flat.shape(), "test");
            device.ops().random().fillNormal(other, 2, 0, 0, 1);
            // Before there is a copy, of which it knows nothing.
            Recording older = device.record(() -> data.copy(other, flat));
            try {
                expectFollows("initialisation", model);
                model.save(file);
                expectFollows("setParameter", model, () -> model.setParameter("dense_2.bias", 1, 2, 3, 4, 5, 6, 7, 8));
                expectFollows("upload", model, () -> device.upload(new float[] {9}, model.parameter("dense_3.bias")
                    .view(1, Shape.of(1))));
                expectFollows("random numbers", model, () -> device.ops().random().fillUniform(
                    model.parameter("dense_1.weight"), 3, 0, -1, 1));
                expectFollows("combine", model, () -> data.combine(flat, 0.5f, other, 0, null, flat));
                expectFollows("a replay", model, older::replay);
                expectFollows("zeros", model, () -> data.zero(flat));
                try (Recording newer = device.record(() -> data.copy(other, flat))) {
                    expectFollows("a later recording", model, newer::replay);
                }
                expectFollows("a kernel that scales in place", model, () -> device.ops().activation().forward(flat,
                    Activation.TANH, flat));
                try (Feed feed = device.feed(64)) {
                    for (int i = 0; i < 16; i++) {
                        feed.memory().putFloat(4 * i, i);
                    }
                    expectFollows("a feed", model, () -> {
                        feed.send(flat.view(0, Shape.of(16)));
                        model.predict(new float[4], 1);
                        feed.join();
                    });
                }
                expectFollows("reading weights from a file", model, () -> load(model, file));
                int rounded = rounded(() -> model.predict(new float[4], 1));
                assertEquals(0, rounded, "nothing has changed");
                expectFollows("a library", model, () -> JCudaDriver.cuMemsetD32(new DeviceAddress(
                    ((DeviceAddress) device.pointer(flat)).address()), Float.floatToRawIntBits(3), flat.elements()));
                expectFollows("the library once more", model, () -> JCudaDriver.cuMemsetD32(new DeviceAddress(
                    CudaDevice.address(flat)), Float.floatToRawIntBits(4), flat.elements()));
            } finally {
                older.close();
                other.buffer().close();
            }
        }
    }

    private static void load(Model model, Path file) {
        try {
            model.loadWeights(file);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static int rounded(Runnable body) {
        List<String> names = new ArrayList<>();
        launched(names, () -> {
            body.run();
            return null;
        });
        return (int) names.stream().filter("to_bfloat16"::equals).count();
    }

    static Stream<Optimizer> optimizers() {
        return Stream.of(Optimizers.sgd(), Optimizers.momentum(), Optimizers.momentum().velocity(true), Optimizers.adam(),
            Optimizers.adamW(), Optimizers.amsgrad(), Optimizers.adagrad(), Optimizers.rmsProp(),
            Optimizers.rmsProp().momentum(0.9f), Optimizers.rmsProp().centered(true),
            Optimizers.rmsProp().centered(true).momentum(0.9f), Optimizers.adadelta(), Optimizers.adamax(),
            Optimizers.nadam(), Optimizers.radam(), Optimizers.lion(), Optimizers.scheduleFree(), Optimizers.lamb(),
            Optimizers.prodigy(), Optimizers.muon());
    }

    /** The update writes both, so a step rounds nothing; rounding anew for each step comes to the same bits. */
    @ParameterizedTest
    @MethodSource("optimizers")
    void everyUpdateWritesBoth(Optimizer optimizer) {
        for (ParameterGroups groups : List.of(ParameterGroups.none(), ParameterGroups.none().freeze("dense_2.*"))) {
            for (Clip clip : List.of(Clip.byGlobalNorm(1), Clip.adaptive(0.1f))) {
                int[] roundings = new int[2];
                float[][] trained = new float[2][];
                for (int anew = 0; anew < 2; anew++) {
                    try (Model model = model()) {
                        if (anew == 1) {
                            device.pointer(model.parameters());
                        }
                        Trainer trainer = Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(optimizer)
                            .parameterGroups(groups).clip(clip).build();
                        roundings[anew] = rounded(() -> trainer.fit(DataLoader.of(IRIS, BATCH), 3));
                        trained[anew] = values(model.parameters());
                        expectFollows("training with " + optimizer, model);
                    }
                }
                assertArrayEquals(trained[1], trained[0], optimizer + ", " + groups + ", " + clip);
                // Three products forward and two towards the input in each of the nine steps.
                assertTrue(roundings[1] >= 9 * 5, roundings[1] + " with a library at work");
                // Before the first step; and where the parameters are another point at the end of an epoch, after that.
                assertEquals(optimizer instanceof ScheduleFree ? 3 : 1, roundings[0], optimizer.toString());
            }
        }
    }

    @Test
    void itFollowsAMinimizerAndAStepper() {
        try (Model model = model()) {
            try (FullBatch objective = new FullBatch(model, Losses.softmaxCrossEntropy(), IRIS);
                 Minimizer lbfgs = Optimizers.lbfgs().minimizer(device, model.parameters().elements())) {
                expectFollows("L-BFGS", model, () -> lbfgs.step(model.parameters(), objective));
            }
            Tensor gradients = device.allocate(DType.FLOAT32, model.parameters().shape(), "test");
            try (Stepper stepper = new Stepper(Optimizers.adam(), device, ParameterLayout.of(model.parameters().shape()),
                Clip.none())) {
                device.ops().random().fillNormal(gradients, 2, 0, 0, 1);
                int rounded = rounded(() -> expectFollows("a step", model,
                    () -> stepper.step(model.parameters(), gradients)));
                assertEquals(0, rounded);
            } finally {
                gradients.buffer().close();
            }
        }
    }

    @Test
    void aResumedRunGoesOnWithTheSameBits() throws IOException {
        float[] whole;
        DataLoader rows = DataLoader.of(IRIS, BATCH).shuffled(3);
        try (Model model = model()) {
            trainer(model, folder.resolve("whole")).fit(rows, rows, 4);
            whole = values(model.parameters());
        }
        try (Model model = model()) {
            trainer(model, folder.resolve("parts")).fit(rows, rows, 2);
        }
        try (Model model = model()) {
            trainer(model, folder.resolve("parts")).resume(Checkpoint.latest(folder.resolve("parts")).orElseThrow(), rows, rows,
                4);
            assertArrayEquals(whole, values(model.parameters()));
            expectFollows("a resumed run", model);
        }
    }

    private static Trainer trainer(Model model, Path checkpoints) {
        return Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.adam())
            .listeners(Checkpoints.in(checkpoints).keepBest("val_loss")).build();
    }

    /** A product before the write reads what was there at the start of the replay, the one behind it what was written. */
    @Test
    void aRecordingMayWriteBetweenItsProducts() {
        DenseOps dense = device.ops().dense().at(Precision.BF16);
        DenseShape shape = new DenseShape(4, 8, 16);
        List<Tensor> tensors = new ArrayList<>();
        for (int[] dims : new int[][] {{4, 16}, {8, 16}, {8, 16}, {4, 8}, {4, 8}}) {
            tensors.add(device.allocate(DType.FLOAT32, Shape.of(dims), "test"));
            device.ops().random().fillNormal(tensors.get(tensors.size() - 1), 1, tensors.size(), 0, 1);
        }
        Tensor x = tensors.get(0);
        Tensor w = tensors.get(1);
        Tensor next = tensors.get(2);
        Tensor before = tensors.get(3);
        Tensor behind = tensors.get(4);
        float[] ofNext = product(dense, x, next, behind);
        float[] ofFirst = product(dense, x, w, before);
        dense.plan(shape, w);
        float[] first = values(w);
        try (Recording recording = device.record(() -> {
            dense.forward(x, null, w, null, Activation.IDENTITY, null, before);
            device.ops().data().copy(next, w);
            dense.forward(x, null, w, null, Activation.IDENTITY, null, behind);
            device.ops().data().zero(w);
        })) {
            recording.replay();
            assertArrayEquals(ofFirst, values(before));
            assertArrayEquals(ofNext, values(behind));
            recording.replay();
            assertArrayEquals(new float[32], values(before));
            assertArrayEquals(ofNext, values(behind));
            device.upload(first, w);
            recording.replay();
            assertArrayEquals(ofFirst, values(before));
            assertArrayEquals(new float[32], product(dense, x, w, before));
        } finally {
            tensors.forEach(tensor -> tensor.buffer().close());
        }
    }

    private float[] product(DenseOps dense, Tensor x, Tensor w, Tensor result) {
        dense.forward(x, null, w, null, Activation.IDENTITY, null, result);
        return values(result);
    }

    @Test
    void onlyWhereItIsReadIsThereACopy() {
        assertEquals(2, bytesOfACopy(Precision.BF16));
        assertEquals(0, bytesOfACopy(Precision.FLOAT32));
        assertEquals(0, bytesOfACopy(Precision.TF32));
        device.products(MatrixProducts.CUBLAS);
        assertEquals(0, bytesOfACopy(Precision.BF16), "cuBLAS reads float32");
        device.close();
        device = (CudaDevice) SoftwareDevice.open(7, 5);
        assertEquals(0, bytesOfACopy(Precision.BF16), "without tensor cores");
    }

    /** Of each parameter. */
    private long bytesOfACopy(Precision precision) {
        try (Model model = Sequential.builder(Shape.of(4)).dense(8, Activation.RELU).precision(precision).dense(4)
            .build(device)) {
            model.predict(new float[4], 1);
            long copies = device.liveAllocations().stream().filter(line -> line.contains("bfloat16")).count();
            assertEquals(CudaDevice.buffer(model.parameters()).copy() == null ? 0 : 1, copies);
            return copies == 0 ? 0 : 4 * CudaDevice.buffer(model.parameters()).copy().words().elements()
                / model.parameters().elements();
        }
    }
}
