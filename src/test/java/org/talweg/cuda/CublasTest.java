package org.talweg.cuda;

import static jcuda.driver.JCudaDriver.*;
import static jcuda.jcublas.JCublas2.*;
import static jcuda.jcublas.cublasOperation.CUBLAS_OP_N;
import static jcuda.jcublas.cublasOperation.CUBLAS_OP_T;
import static jcuda.jcublas.cublasPointerMode.CUBLAS_POINTER_MODE_DEVICE;
import static jcuda.jcublas.cublasPointerMode.CUBLAS_POINTER_MODE_HOST;
import static jcuda.jcublas.cublasStatus.CUBLAS_STATUS_EXECUTION_FAILED;
import static jcuda.jcublas.cublasStatus.CUBLAS_STATUS_INVALID_VALUE;
import static jcuda.jcublas.cublasStatus.CUBLAS_STATUS_NOT_INITIALIZED;
import static jcuda.jcublas.cublasStatus.CUBLAS_STATUS_NOT_SUPPORTED;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUhostFn;
import jcuda.driver.CUstream;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The stand-in for cuBLAS, called through JCublas2 and held to plain loops. */
class CublasTest extends DriverFixture {
    private static final int M = 7;
    private static final int N = 5;
    private static final int K = 9;

    private final cublasHandle handle = new cublasHandle();
    private final Random random = new Random(1);

    @BeforeEach
    void createHandle() {
        done(cublasCreate(handle));
    }

    @AfterEach
    void destroyHandle() {
        if (SoftwareDriver.isLoaded()) {
            cublasDestroy(handle);
        }
    }

    private static void done(int status) {
        answers(cublasStatus.CUBLAS_STATUS_SUCCESS, status);
    }

    private static void answers(int expected, int status) {
        assertEquals(cublasStatus.stringFor(expected), cublasStatus.stringFor(status));
    }

    private float[] draw(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextFloat() * 2 - 1;
        }
        return values;
    }

    private static DeviceAddress device(float[] values) {
        DeviceAddress memory = memory(values.length);
        ok(cuMemcpyHtoD(memory, Pointer.to(values), values.length * 4L));
        return memory;
    }

    private static DeviceAddress device(short[] values) {
        DeviceAddress memory = memory((values.length + 1) / 2);
        ok(cuMemcpyHtoD(memory, Pointer.to(values), values.length * 2L));
        return memory;
    }

    private static float[] floats(DeviceAddress memory, int count) {
        float[] values = new float[count];
        ok(cuMemcpyDtoH(Pointer.to(values), memory, count * 4L));
        return values;
    }

    private static Pointer scalar(float value) {
        return Pointer.to(new float[] {value});
    }

    /** Element (row, column) of op(A), column-major with {@code stride} elements from column to column. */
    private static double element(float[] a, int op, int row, int column, int stride) {
        return op == CUBLAS_OP_N ? a[column * stride + row] : a[row * stride + column];
    }

    private static float[] product(int opA, int opB, float alpha, float[] a, int lda, float[] b, int ldb, float beta,
                                   float[] c, int ldc) {
        float[] result = c.clone();
        for (int i = 0; i < M; i++) {
            for (int j = 0; j < N; j++) {
                double sum = 0;
                for (int p = 0; p < K; p++) {
                    sum += element(a, opA, i, p, lda) * element(b, opB, p, j, ldb);
                }
                result[j * ldc + i] = (float) (alpha * sum + (beta == 0 ? 0 : beta * (double) c[j * ldc + i]));
            }
        }
        return result;
    }

    @Test
    void everySymbolThatJCublas2ImportsIsExported() throws IOException {
        Set<String> missing = new TreeSet<>(symbols("/lib/libJCublas2-12.6.0-linux-x86_64.so").imported);
        missing.removeIf(name -> !name.startsWith("cublas"));
        assertEquals(494, missing.size(), "cublas* symbols that JCublas2 12.6.0 imports");
        missing.removeAll(symbols("native/linux-x86_64/libtalweg-software-cublas.so").exported);
        assertTrue(missing.isEmpty(), "JCublas2 would end the JVM on calling " + missing);
    }

    private static ElfSymbols symbols(String resource) throws IOException {
        try (InputStream in = SoftwareDriver.class.getResourceAsStream(resource)) {
            return new ElfSymbols(in.readAllBytes());
        }
    }

    @Test
    void productsInEveryLayout() {
        for (int opA : new int[] {CUBLAS_OP_N, CUBLAS_OP_T}) {
            for (int opB : new int[] {CUBLAS_OP_N, CUBLAS_OP_T}) {
                for (float beta : new float[] {0, 1, -0.5f}) {
                    int lda = (opA == CUBLAS_OP_N ? M : K) + 2;
                    int ldb = (opB == CUBLAS_OP_N ? K : N) + 1;
                    int ldc = M + 3;
                    float[] a = draw(lda * (opA == CUBLAS_OP_N ? K : M));
                    float[] b = draw(ldb * (opB == CUBLAS_OP_N ? N : K));
                    float[] c = draw(ldc * N);
                    if (beta == 0) {
                        for (int j = 0; j < N; j++) {
                            c[j * ldc] = Float.NaN;
                        }
                    }
                    DeviceAddress result = device(c);
                    done(cublasSgemm(handle, opA, opB, M, N, K, scalar(0.75f), device(a), lda, device(b), ldb,
                        scalar(beta), result, ldc));
                    assertArrayEquals(product(opA, opB, 0.75f, a, lda, b, ldb, beta, c, ldc),
                        floats(result, ldc * N), 1e-5f, "op " + opA + " " + opB + ", beta " + beta);
                }
            }
        }
    }

    @Test
    void productsInDoublePrecision() {
        double[] a = {1, 2, 3, 4};
        double[] b = {5, 6, 7, 8};
        double[] c = new double[4];
        DeviceAddress left = memory(8);
        DeviceAddress right = memory(8);
        DeviceAddress result = memory(8);
        done(cublasSetMatrix(2, 2, 8, Pointer.to(a), 2, left, 2));
        done(cublasSetMatrix(2, 2, 8, Pointer.to(b), 2, right, 2));
        done(cublasDgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, Pointer.to(new double[] {1}), left, 2, right, 2,
            Pointer.to(new double[] {0}), result, 2));
        done(cublasGetMatrix(2, 2, 8, result, 2, Pointer.to(c), 2));
        assertArrayEquals(new double[] {23, 34, 31, 46}, c);
    }

    @Test
    void productsInBatches() {
        int count = 3;
        float[] a = draw(M * K * count);
        float[] b = draw(K * N);
        float[] c = draw(M * N * count);
        DeviceAddress left = device(a);
        DeviceAddress right = device(b);
        DeviceAddress strided = device(c);
        // The right factor is the same for all: its stride is 0.
        done(cublasSgemmStridedBatched(handle, CUBLAS_OP_N, CUBLAS_OP_N, M, N, K, scalar(1), left, M, (long) M * K,
            right, K, 0, scalar(2), strided, M, (long) M * N, count));

        DeviceAddress listed = device(c);
        Pointer[][] lists = new Pointer[3][count];
        for (int i = 0; i < count; i++) {
            lists[0][i] = left.withByteOffset(4L * M * K * i);
            lists[1][i] = right;
            lists[2][i] = listed.withByteOffset(4L * M * N * i);
        }
        DeviceAddress[] onDevice = new DeviceAddress[3];
        for (int i = 0; i < 3; i++) {
            onDevice[i] = memory(2 * count);
            ok(cuMemcpyHtoD(onDevice[i], Pointer.to(lists[i]), 8L * count));
        }
        done(cublasSgemmBatched(handle, CUBLAS_OP_N, CUBLAS_OP_N, M, N, K, scalar(1), onDevice[0], M, onDevice[1], K,
            scalar(2), onDevice[2], M, count));

        for (int i = 0; i < count; i++) {
            float[] expected = product(CUBLAS_OP_N, CUBLAS_OP_N, 1, slice(a, i, M * K), M, b, K, 2,
                slice(c, i, M * N), M);
            assertArrayEquals(expected, slice(floats(strided, M * N * count), i, M * N), 1e-5f);
            assertArrayEquals(expected, slice(floats(listed, M * N * count), i, M * N), 1e-5f);
        }
    }

    private static float[] slice(float[] values, int index, int length) {
        return java.util.Arrays.copyOfRange(values, index * length, (index + 1) * length);
    }

    /** JCublas2 takes the type of the sums as a data type, as cuBLAS did before version 11, and translates it. */
    @Test
    void productsOfShortTypesAreSummedInSinglePrecision() {
        float[] a = draw(M * K);
        float[] b = draw(K * N);
        short[] aBits = new short[a.length];
        short[] bBits = new short[b.length];
        for (int i = 0; i < a.length; i++) {
            aBits[i] = (short) (Float.floatToIntBits(a[i]) >>> 16);
            a[i] = Float.intBitsToFloat(aBits[i] << 16);
        }
        for (int i = 0; i < b.length; i++) {
            bBits[i] = (short) (Float.floatToIntBits(b[i]) >>> 16);
            b[i] = Float.intBitsToFloat(bBits[i] << 16);
        }
        DeviceAddress result = memory(M * N);
        done(cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, M, N, K, scalar(1), device(aBits),
            cudaDataType.CUDA_R_16BF, M, device(bBits), cudaDataType.CUDA_R_16BF, K, scalar(0), result,
            cudaDataType.CUDA_R_32F, M, cudaDataType.CUDA_R_32F, -1));
        float[] expected = product(CUBLAS_OP_N, CUBLAS_OP_N, 1, a, M, b, K, 0, new float[M * N], M);
        assertArrayEquals(expected, floats(result, M * N), 1e-5f);

        // 1.5, -2 and 0.25 as IEEE half: 1.5 · -2 + 0.25 · 0.25.
        short[] halves = {0x3e00, 0x3400};
        short[] others = {(short) 0xc000, 0x3400};
        DeviceAddress half = memory(1);
        done(cublasGemmEx(handle, CUBLAS_OP_T, CUBLAS_OP_N, 1, 1, 2, scalar(1), device(halves),
            cudaDataType.CUDA_R_16F, 2, device(others), cudaDataType.CUDA_R_16F, 2, scalar(0), half,
            cudaDataType.CUDA_R_16F, 1, cudaDataType.CUDA_R_32F, -1));
        assertEquals(0xc1e0, word(half) & 0xffff, "-2.9375 as half");
        answers(CUBLAS_STATUS_NOT_SUPPORTED, cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, scalar(1), half,
            cudaDataType.CUDA_R_8I, 1, half, cudaDataType.CUDA_R_8I, 1, scalar(0), half, cudaDataType.CUDA_R_32I, 1,
            cudaDataType.CUDA_R_32I, -1));
    }

    @Test
    void matrixTimesVector() {
        float[] a = draw(M * N);
        float[] x = draw(2 * N);
        float[] y = draw(M);
        DeviceAddress result = device(y);
        done(cublasSgemv(handle, CUBLAS_OP_N, M, N, scalar(2), device(a), M, device(x), 2, scalar(1), result, -1));
        float[] expected = new float[M];
        for (int i = 0; i < M; i++) {
            double sum = 0;
            for (int j = 0; j < N; j++) {
                sum += a[j * M + i] * (double) x[2 * j];
            }
            expected[M - 1 - i] = (float) (2 * sum + y[M - 1 - i]);
        }
        assertArrayEquals(expected, floats(result, M), 1e-5f);

        DeviceAddress turned = memory(N);
        done(cublasSgemv(handle, CUBLAS_OP_T, M, N, scalar(1), device(a), M, device(y), 1, scalar(0), turned, 1));
        float[] column = floats(turned, N);
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int i = 0; i < M; i++) {
                sum += a[j * M + i] * (double) y[i];
            }
            assertEquals(sum, column[j], 1e-5);
        }
    }

    @Test
    void vectors() {
        float[] x = {3, -4, 0, 12, 1};
        float[] y = {1, 2, 3, 4, 5};
        DeviceAddress left = device(x);
        DeviceAddress right = device(y);
        float[] result = new float[1];
        int[] index = new int[1];
        done(cublasSdot(handle, 5, left, 1, right, 1, Pointer.to(result)));
        assertEquals(48, result[0]);
        done(cublasSdot(handle, 2, left, 2, right, -2, Pointer.to(result)));
        assertEquals(3 * 3 + 0, result[0]);
        done(cublasSnrm2(handle, 4, left, 1, Pointer.to(result)));
        assertEquals(13, result[0]);
        done(cublasSasum(handle, 5, left, 1, Pointer.to(result)));
        assertEquals(20, result[0]);
        done(cublasIsamax(handle, 5, left, 1, Pointer.to(index)));
        assertEquals(4, index[0]);
        done(cublasIsamin(handle, 5, left, 1, Pointer.to(index)));
        assertEquals(3, index[0]);
        done(cublasSaxpy(handle, 5, scalar(2), left, 1, right, 1));
        assertArrayEquals(new float[] {7, -6, 3, 28, 7}, floats(right, 5));
        done(cublasSscal(handle, 3, scalar(-1), right, 2));
        assertArrayEquals(new float[] {-7, -6, -3, 28, -7}, floats(right, 5));
        done(cublasSswap(handle, 5, left, 1, right, 1));
        done(cublasScopy(handle, 1, left, 1, right, 1));
        assertArrayEquals(new float[] {-7, -4, 0, 12, 1}, floats(right, 5));
        DeviceAddress large = device(new float[] {3e30f, 4e30f});
        done(cublasSnrm2(handle, 2, large, 1, Pointer.to(result)));
        assertEquals(5e30f, result[0], 1e25f);
    }

    @Test
    void sumsOfMatricesTranspose() {
        float[] a = draw(M * N);
        float[] b = draw(M * N);
        DeviceAddress result = memory(M * N);
        done(cublasSgeam(handle, CUBLAS_OP_T, CUBLAS_OP_N, M, N, scalar(1), device(a), N, scalar(-2), device(b), M,
            result, M));
        float[] sums = floats(result, M * N);
        for (int i = 0; i < M; i++) {
            for (int j = 0; j < N; j++) {
                assertEquals(a[i * N + j] - 2 * b[j * M + i], sums[j * M + i], 1e-6f);
            }
        }
        DeviceAddress matrix = device(new float[4]);
        done(cublasSger(handle, 2, 2, scalar(1), device(new float[] {1, 2}), 1, device(new float[] {3, 4}), 1, matrix,
            2));
        assertArrayEquals(new float[] {3, 6, 4, 8}, floats(matrix, 4));
    }

    @Test
    void scalarsAndResultsMayLieOnTheDevice() {
        done(cublasSetPointerMode(handle, CUBLAS_POINTER_MODE_DEVICE));
        DeviceAddress x = device(new float[] {3, 4});
        DeviceAddress result = memory(1);
        done(cublasSscal(handle, 2, device(new float[] {2}), x, 1));
        done(cublasSnrm2(handle, 2, x, 1, result));
        assertEquals(10, floats(result, 1)[0]);
        int[] mode = new int[1];
        done(cublasGetPointerMode(handle, mode));
        assertEquals(CUBLAS_POINTER_MODE_DEVICE, mode[0]);
        done(cublasSetPointerMode(handle, CUBLAS_POINTER_MODE_HOST));
    }

    @Test
    void routinesKeepTheOrderOfTheirStreamAndCanBeCaptured() {
        CUstream stream = stream(1);
        done(cublasSetStream(handle, new cudaStream_t(stream)));
        DeviceAddress x = device(new float[] {1, 2});
        CountDownLatch release = new CountDownLatch(1);
        CUhostFn wait = object -> {
            try {
                release.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        };
        ok(cuLaunchHostFunc(stream, wait, null));
        done(cublasSscal(handle, 2, scalar(3), x, 1));
        assertEquals(1, floats(x, 1)[0]);
        release.countDown();
        float[] result = new float[1];
        done(cublasSasum(handle, 2, x, 1, Pointer.to(result)));
        assertEquals(9, result[0], "with the result on the host the routine waits");

        CUgraph graph = new CUgraph();
        CUgraphExec executable = new CUgraphExec();
        ok(cuStreamBeginCapture(stream, 0));
        done(cublasSscal(handle, 2, scalar(2), x, 1));
        ok(cuStreamEndCapture(stream, graph));
        ok(cuGraphInstantiate(executable, graph, 0));
        ok(cuGraphLaunch(executable, stream));
        ok(cuGraphLaunch(executable, stream));
        ok(cuStreamSynchronize(stream));
        assertArrayEquals(new float[] {12, 24}, floats(x, 2));
    }

    @Test
    void mistakesAreStatuses() {
        DeviceAddress x = device(new float[] {1, 2});
        answers(CUBLAS_STATUS_INVALID_VALUE, cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, scalar(1), x, 1, x,
            2, scalar(0), x, 2));
        answers(CUBLAS_STATUS_INVALID_VALUE, cublasSetVector(2, 4, Pointer.to(new float[2]), 0, x, 1));
        answers(CUBLAS_STATUS_NOT_SUPPORTED, cublasStpsv(handle, 0, 0, 0, 2, x, x, 1));
        answers(CUBLAS_STATUS_NOT_INITIALIZED, cublasSscal(new cublasHandle(), 2, scalar(1), x, 1));
        assertEquals("CUBLAS_STATUS_NOT_SUPPORTED", JCublas2.cublasGetStatusName(CUBLAS_STATUS_NOT_SUPPORTED));
        int[] version = new int[1];
        done(cublasGetVersion(handle, version));
        assertEquals(12, version[0] / 10000);
        answers(CUBLAS_STATUS_EXECUTION_FAILED, cublasSscal(handle, 3, scalar(1), x, 1));
        String report = SoftwareDriver.takeReport();
        assertTrue(report.contains("cublasSscal") && report.contains("4 bytes over the end"), report);
    }
}
