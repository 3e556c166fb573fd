package org.talweg.cuda;

import java.util.Locale;
import org.talweg.ops.Precision;

/** The kernels of one precision's products, and of one form of weights in memory, by the sizes of their tiles. */
final class DenseKernels {
    private static final int[] FLOAT32_TILES = {128, 64, 32};
    private static final int[] TENSOR_TILES = {128, 64};
    private static final int SMALLEST = 32;
    private static final int SIZES = 3;

    private final CudaDevice device;
    private final String family;
    private final String prefix;
    private final int[] tiles;
    private final boolean mixed;
    private final double intensity;
    private final CudaKernel[] forward = new CudaKernel[SIZES];
    /** By tile of the weights, then of the input. */
    private final CudaKernel[][] backward = new CudaKernel[SIZES][SIZES];

    DenseKernels(CudaDevice device, Precision precision) {
        this(device, precision, false);
    }

    /** @param shortWeights whether {@link Precision#BF16} finds weights rounded in memory */
    DenseKernels(CudaDevice device, Precision precision, boolean shortWeights) {
        this.device = device;
        boolean plain = precision == Precision.FLOAT32;
        family = !plain ? "dense_tensor" : device.chip().copiesAsynchronously() ? "dense_async" : "dense";
        prefix = plain ? "" : precision.name().toLowerCase(Locale.ROOT) + (shortWeights ? "_weights_" : "_");
        tiles = plain ? FLOAT32_TILES : TENSOR_TILES;
        mixed = plain;
        intensity = switch (precision) {
            case FLOAT32 -> 12;
            case TF32X3 -> 30;
            case TF32 -> 90;
            case BF16 -> 180;
        };
    }

    String family() {
        return family;
    }

    /** Sizes of tiles, largest first. */
    int[] tiles() {
        return tiles;
    }

    /** How many operations an H100 does while its second-level cache delivers a byte, about; others are not far off. */
    double intensity() {
        return intensity;
    }

    /** Whether one launch makes tiles of these sizes: a block may have smaller ones of the input's product, if any. */
    boolean pairs(int weights, int input) {
        return input == weights || mixed && input < weights;
    }

    /** Of a block: two for each row of a tile. */
    int threads(int tile) {
        return 2 * tile;
    }

    CudaKernel forward(int tile) {
        int at = index(tile);
        if (forward[at] == null) {
            forward[at] = device.kernel(family, "dense_forward_" + prefix + tile);
        }
        return forward[at];
    }

    CudaKernel backward(int weights, int input) {
        CudaKernel[] known = backward[index(weights)];
        int at = index(input);
        if (known[at] == null) {
            known[at] = device.kernel(family, "dense_backward_" + prefix + weights + "_" + input);
        }
        return known[at];
    }

    private static int index(int tile) {
        return Integer.numberOfTrailingZeros(tile / SMALLEST);
    }
}
