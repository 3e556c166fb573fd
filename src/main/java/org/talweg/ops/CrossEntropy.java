package org.talweg.ops;

/**
 * Cross-entropy between the classes of a row: Σⱼ qⱼ (−log pⱼ). With class weights w, C classes and smoothing ε, a
 * label y has qⱼ = wⱼ ((1 − ε) [j = y] + ε / C), and target probabilities t have qⱼ = wⱼ ((1 − ε) tⱼ + ε / C):
 * PyTorch's {@code cross_entropy}; smoothing after Szegedy et al. 2016.
 *
 * @param logits         whether predictions are logits, log p = log softmax(z); else they are log p themselves, which
 *                       is PyTorch's {@code nll_loss}
 * @param labelSmoothing ε, from 0 to 1
 * @param ignoredLabel   rows with this label have no loss and no gradient; {@link #NONE} ignores none
 */
public record CrossEntropy(boolean logits, float labelSmoothing, long ignoredLabel) {
    /** No label. */
    public static final long NONE = Long.MIN_VALUE;

    public CrossEntropy {
        if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
            throw new IllegalArgumentException("label smoothing is " + labelSmoothing + "; it must be from 0 to 1");
        }
    }

    /** Unweighted, neither smoothed nor ignoring any label. */
    public static CrossEntropy plain(boolean logits) {
        return new CrossEntropy(logits, 0, NONE);
    }
}
