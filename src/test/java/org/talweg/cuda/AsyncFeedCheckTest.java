package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.ops.Activation;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.SoftwareDevice;

/** Would the checkers see it if the asynchronous products did not wait? Their PTX once as it is, once without a wait each. */
class AsyncFeedCheckTest {
    private static final int SIZE = 64;
    /** Steps along k overlap only if there are more of them than stages. */
    private static final int DEPTH = 128;
    /** The loop over k: its stage has arrived for this thread, then for all. */
    private static final Pattern LOOP = Pattern.compile("(cp\\.async\\.wait_group\\s+1;)(.*?)(bar(?:rier)?\\.sync\\s+0;)",
        Pattern.DOTALL);

    private CudaDevice device;

    @BeforeEach
    void open() {
        SoftwareDevice.require();
        SoftwareDevice.checkAll();
        device = new CudaDevice("software", 0, self -> null);
    }

    @AfterEach
    void close() {
        device.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {32, 64, 128})
    void aMissingWaitIsSeen(int tile) throws IOException {
        float[] expected = new float[SIZE * SIZE];
        Arrays.fill(expected, DEPTH);
        assertArrayEquals(expected, product(tile, "$1$2$3"));
        CudaException noWait = assertThrows(CudaException.class, () -> product(tile, "$2$3"));
        assertTrue(noWait.getMessage().contains("missing wait: "), noWait.getMessage());
    }

    /** What a warp reads another one wrote a moment ago, or has not waited for yet, or not even begun: as they happen to run. */
    @ParameterizedTest
    @ValueSource(ints = {32, 64, 128})
    void aMissingBarrierIsSeen(int tile) {
        CudaException noBarrier = assertThrows(CudaException.class, () -> product(tile, "$1$2"));
        assertTrue(Stream.of("race: ", "missing wait: ", "uninitialised read").anyMatch(noBarrier.getMessage()::contains),
            noBarrier.getMessage());
    }

    /** Ones by ones, by the forward kernel with its loop changed. */
    private float[] product(int tile, String loop) throws IOException {
        Matcher found = LOOP.matcher(ptx());
        assertTrue(found.find(), "dense_async.ptx waits otherwise");
        byte[] image = (found.replaceAll(loop) + "\0").getBytes(StandardCharsets.UTF_8);
        CUmodule module = new CUmodule();
        Cuda.check(JCudaDriver.cuModuleLoadData(module, image), "cuModuleLoadData");
        Tensor[] tensors = {ones(SIZE, DEPTH), ones(SIZE, DEPTH), ones(SIZE, SIZE)};
        try {
            CudaKernel kernel = new CudaKernel(module, "dense_async", "dense_forward_" + tile);
            int tiles = (SIZE + tile - 1) / tile;
            device.launch(kernel, tiles, tiles, 1, 2 * tile, 0, device.arguments().tensor(tensors[0]).tensor(null).tensor(null)
                .tensor(tensors[1]).tensor(null).activation(Activation.IDENTITY).tensor(null).tensor(tensors[2]).int32(SIZE)
                .int32(SIZE).int32(DEPTH));
            float[] result = new float[SIZE * SIZE];
            device.download(tensors[2], result);
            return result;
        } finally {
            for (Tensor tensor : tensors) {
                tensor.buffer().close();
            }
        }
    }

    private Tensor ones(int rows, int columns) {
        Tensor tensor = device.allocate(DType.FLOAT32, Shape.of(rows, columns), "test");
        float[] values = new float[rows * columns];
        Arrays.fill(values, 1);
        device.upload(values, tensor);
        return tensor;
    }

    private static String ptx() throws IOException {
        try (InputStream in = KernelImages.class.getResourceAsStream("kernels/dense_async.ptx")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
