package org.talweg.reference;

import org.talweg.ops.Ops;

/** The oracle: every operation as its formula reads, family by family. Slow, and meant to be read. */
public final class ReferenceOps {
    private ReferenceOps() {
    }

    public static Ops create() {
        return new Ops(new ReferenceDense(), new ReferenceActivation(), new ReferenceNormalisation(),
            new ReferenceLoss(), new ReferenceUpdate(), new ReferenceData(), new ReferenceRandom());
    }
}
