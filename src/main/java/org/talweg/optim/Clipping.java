package org.talweg.optim;

import org.talweg.ops.ClipRule;
import org.talweg.ops.Device;
import org.talweg.ops.Ops;
import org.talweg.ops.Segments;
import org.talweg.tape.BatchResult;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** A {@link Clip} at work on one device: what runs between the backward pass and the preparation of a step. */
final class Clipping implements AutoCloseable {
    private final Clip clip;
    private final Segments segments;
    /** Of the norm pass, or null where there is none. */
    private final Tensor partials;
    /** For each parameter's norm, or null. */
    private final ClipRule perParameter;
    private final ClipRule rule;
    private final ClipRule ofNormPass;
    private final boolean fromBatch;
    /** Whether the norm pass is there for nothing but leaving frozen parameters out. */
    private final boolean onlyForFrozen;

    /** @param segments or null if {@link #needsSegments} says so */
    Clipping(Device device, Clip clip, ParameterLayout layout, Segments segments) {
        this.clip = clip;
        this.segments = segments;
        boolean pass = needsNormPass(clip, layout);
        onlyForFrozen = !needsOwnNorm(clip);
        ofNormPass = onlyForFrozen ? ClipRule.NONE : clip.rule();
        partials = pass ? device.allocate(DType.FLOAT32, Shape.of(segments.count()), "norm partials") : null;
        perParameter = clip.limitsNorm() && clip.perParameter() ? clip.rule() : null;
        // The norm of the log is that of all gradients, of the backward pass where it can be.
        fromBatch = !pass || perParameter != null && !layout.hasFrozen();
        float order = fromBatch || onlyForFrozen ? 2 : clip.order();
        rule = new ClipRule(clip.low(), clip.high(), order,
            perParameter != null ? Float.POSITIVE_INFINITY : clip.maxNorm(), clip.negated());
    }

    /** Whether norms must be taken again: the backward pass gives the 2-norm of all gradients as they are. */
    private static boolean needsNormPass(Clip clip, ParameterLayout layout) {
        return layout.hasFrozen() || needsOwnNorm(clip);
    }

    private static boolean needsOwnNorm(Clip clip) {
        return clip.limitsNorm() && (clip.perParameter() || clip.order() != 2 || clip.limitsValues() || clip.isAdaptive());
    }

    static boolean needsSegments(Clip clip, ParameterLayout layout) {
        return needsNormPass(clip, layout) || clip.isAdaptive();
    }

    /** Whether updates must read factors of their segments. */
    static boolean isPerParameter(Clip clip) {
        return clip.limitsNorm() && clip.perParameter();
    }

    /** For {@link org.talweg.ops.UpdateOps#prepareStep}. */
    ClipRule rule() {
        return rule;
    }

    /** Runs the passes that clipping needs; what the step's norm is to be computed from. */
    Tensor apply(Ops ops, Tensor parameters, Tensor gradients, BatchResult batch) {
        if (clip.isAdaptive()) {
            ops.update().adaptiveClip(parameters, gradients, segments, clip.adaptive(), clip.adaptiveEpsilon());
        }
        boolean given = fromBatch || onlyForFrozen && batch.trainedOnly();
        if (partials != null && !(onlyForFrozen && given)) {
            ops.update().gradientNorms(gradients, segments, ofNormPass, partials);
        }
        if (perParameter != null) {
            ops.update().segmentFactors(segments, perParameter, partials);
        }
        return given ? batch.squarePartials() : partials;
    }

    @Override
    public void close() {
        if (partials != null) {
            partials.buffer().close();
        }
    }
}
