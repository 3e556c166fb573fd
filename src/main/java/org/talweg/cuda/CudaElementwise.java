package org.talweg.cuda;

import org.talweg.tensor.DType;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Tensor;

/**
 * Launch shapes of the streaming kernels, four elements a thread and a grid that strides when it would be too long; and
 * what all launch shapes take.
 */
final class CudaElementwise {
    static final int BLOCK = 256;
    private static final int ELEMENTS_PER_THREAD = 4;
    private static final int MAX_GRID = 1 << 20;

    private CudaElementwise() {
    }

    /** Launches over {@code elements}, or does nothing if there are none. */
    static void launch(CudaDevice device, CudaKernel kernel, long elements, LaunchArguments arguments) {
        if (elements > 0) {
            long blocks = ceilDivide(elements, BLOCK * ELEMENTS_PER_THREAD);
            device.launch(kernel, (int) Math.min(blocks, MAX_GRID), BLOCK, arguments);
        }
    }

    /** How many parts of {@code b} it takes for {@code a}. */
    static int ceilDivide(int a, int b) {
        return (a + b - 1) / b;
    }

    static long ceilDivide(long a, long b) {
        return (a + b - 1) / b;
    }

    static void expectFloats(String what, Tensor... tensors) {
        for (Tensor tensor : tensors) {
            if (tensor != null) {
                Shapes.expectType(what, tensor, DType.FLOAT32);
            }
        }
    }
}
