package org.talweg.cli;

import java.util.List;
import org.talweg.ops.Precision;

/**
 * A GPU by its data sheet, for predictions. The figures are those of NVIDIA's "T4 Tensor Core GPU" data sheet (its cache:
 * "NVIDIA Turing GPU Architecture"), "NVIDIA A100 Tensor Core GPU Architecture", "NVIDIA Ada GPU Architecture", and
 * "NVIDIA H100 Tensor Core GPU Architecture" (its bandwidth: the H100 data sheet).
 *
 * @param bandwidth of memory, in 10⁹ bytes a second
 * @param cache     of the second level, in 2²⁰ bytes
 * @param float32   peak of fused multiply-adds without tensor cores, in 10¹² operations a second
 * @param tf32      the tensor cores' peak, dense, with float32 sums; 0 where they do not have it
 * @param bf16      likewise
 */
record Gpu(String name, double bandwidth, long cache, double float32, double tf32, double bf16) {
    /** Products of tf32 that make up one of tf32x3. */
    private static final int SPLIT_PRODUCTS = 3;

    static final List<Gpu> KNOWN = List.of(
        new Gpu("T4", 320, 4, 8.1, 0, 0),
        new Gpu("A100 40GB", 1555, 40, 19.5, 156, 312),
        new Gpu("RTX 4090", 1008, 72, 82.6, 82.6, 165.2),
        new Gpu("H100 SXM", 3350, 50, 66.9, 494.7, 989.4));

    /** In 10¹² operations a second. */
    double peak(Precision precision) {
        double tensor = switch (precision) {
            case FLOAT32 -> 0;
            case TF32 -> tf32;
            case TF32X3 -> tf32 / SPLIT_PRODUCTS;
            case BF16 -> bf16;
        };
        return tensor > 0 ? tensor : float32;
    }

    /**
     * The roofline (Williams et al. 2009): max(bytes / bandwidth, operations / peak), in microseconds. It knows
     * nothing of launch overhead, latency or chips that are not full, which add to it, nor of what one launch leaves in the
     * cache for the next, which takes from it.
     */
    double microseconds(long bytes, long flops, Precision precision) {
        return Math.max(bytes / (bandwidth * 1e3), flops / (peak(precision) * 1e6));
    }
}
