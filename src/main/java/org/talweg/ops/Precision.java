package org.talweg.ops;

/**
 * How the matrix products of dense layers round their operands. Tensors are float32 in memory and sums are kept in
 * float32 whatever the precision; it decides what the tensor cores (compute capability 8.0 and up) multiply. Where
 * there are none, products are those of {@link #FLOAT32}, which is more exact than was asked for.
 *
 * <p>With {@link #BF16} a GPU keeps a copy of the parameters in bfloat16 beside the float32 ones, which remain the
 * parameters: 2 bytes more each, and not saved. Products read the copy where layers have a multiple of 4 inputs, which is
 * half the bytes of their weights and changes no bit; updates write it in the same pass.
 */
public enum Precision {
    /** Operands as they are, without tensor cores: sums in a fixed order, each step a fused multiply-add. */
    FLOAT32,
    /** Operands rounded to 10 bits behind the point, ties away from zero (PTX ISA, {@code cvt.rna.tf32.f32}). */
    TF32,
    /**
     * Each operand as the sum of two of {@link #TF32} and three of the four products: float32's accuracy (relative
     * error of a product below 2⁻²¹) from tensor cores. Markidis et al. 2018.
     */
    TF32X3,
    /** Operands rounded to bfloat16, 7 bits behind the point, ties to even: float32's range at its shortest. */
    BF16;

    private static final int TF32_HALF = 1 << 12;
    private static final int TF32_MASK = -1 << 13;
    private static final int BF16_SHIFT = 16;

    /** An operand as it enters the products; exact for {@link #FLOAT32} and {@link #TF32X3}. */
    public double round(double value) {
        if (this == FLOAT32 || this == TF32X3 || !Float.isFinite((float) value)) {
            return value;
        }
        int bits = Float.floatToRawIntBits((float) value);
        if (this == TF32) {
            return Float.intBitsToFloat(bits + TF32_HALF & TF32_MASK);
        }
        int tie = bits >>> BF16_SHIFT & 1;
        return Float.intBitsToFloat(bits + 0x7fff + tie & -1 << BF16_SHIFT);
    }
}
