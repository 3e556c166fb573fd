package org.talweg.reference;

import org.talweg.ops.FusedMlpOps;
import org.talweg.ops.Ops;
import org.talweg.ops.Precision;

/** The oracle: every operation as its formula reads, family by family. Slow, and meant to be read. */
public final class ReferenceOps {
    private ReferenceOps() {
    }

    public static Ops create() {
        return new Ops(new ReferenceDense(Precision.FLOAT32), new ReferenceActivation(), new ReferenceNormalisation(),
            new ReferenceLoss(), new ReferenceUpdate(), new ReferenceData(), new ReferenceRandom(),
            FusedMlpOps.NONE);
    }
}
