package org.talweg.ops;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Draw;

/** The oracle's gradients against central differences, everything in double. */
class GradientTest extends GradientFixture {
    /** Two layers and a weighted sum of their output; each gradient of the contract's three products is used. */
    @Test
    void denseAndActivations() {
        Draw draw = new Draw(81);
        for (Activation inner : Activation.all()) {
            for (Activation outer : Activation.all()) {
                int[] extents = {1 + draw.below(5), 1 + draw.below(7), 1 + draw.below(6), 1 + draw.below(5)};
                new TwoLayers(draw, extents, inner, outer).check(inner + " then " + outer);
            }
        }
    }

    private final class TwoLayers {
        private final Activation inner;
        private final Activation outer;
        private final Tensor x;
        private final Tensor w1;
        private final Tensor b1;
        private final Tensor w2;
        private final Tensor b2;
        private final Tensor z1;
        private final Tensor a1;
        private final Tensor z2;
        private final Tensor a2;
        private final Tensor upstream;
        private final List<Tensor> gradients = new ArrayList<>();
        private final List<Tensor> variables;

        TwoLayers(Draw draw, int[] e, Activation inner, Activation outer) {
            this.inner = inner;
            this.outer = outer;
            x = random(draw, e[0], e[1]);
            w1 = random(draw, e[2], e[1]);
            b1 = random(draw, e[2]);
            w2 = random(draw, e[3], e[2]);
            b2 = random(draw, e[3]);
            upstream = random(draw, e[0], e[3]);
            z1 = random(draw, e[0], e[2]);
            a1 = random(draw, e[0], e[2]);
            z2 = random(draw, e[0], e[3]);
            a2 = random(draw, e[0], e[3]);
            variables = List.of(x, w1, b1, w2, b2);
            for (Tensor variable : variables) {
                gradients.add(tensor(DType.FLOAT32, variable.shape()));
            }
            backward();
        }

        private double loss() {
            ops.dense().forward(x, null, w1, b1, inner, z1, a1);
            ops.dense().forward(a1, null, w2, b2, outer, z2, a2);
            return weighted(upstream, a2);
        }

        private void backward() {
            loss();
            Tensor dz2 = tensor(DType.FLOAT32, a2.shape());
            Tensor dz1 = tensor(DType.FLOAT32, a1.shape());
            ops.activation().backward(upstream, outer, saved(outer, z2, a2), false, dz2);
            ops.dense().backwardWeights(a1, null, dz2, false, gradients.get(3), gradients.get(4), null, null);
            ops.dense().backwardInput(dz2, w2, inner, saved(inner, z1, a1), false, dz1);
            ops.dense().backwardWeights(x, null, dz1, false, gradients.get(1), gradients.get(2), null, null);
            ops.dense().backwardInput(dz1, w1, Activation.IDENTITY, null, false, gradients.get(0));
        }

        void check(String label) {
            for (int v = 0; v < variables.size(); v++) {
                compare(label + ", variable " + v, variables.get(v), gradients.get(v), this::loss);
            }
        }
    }

    private static Tensor saved(Activation f, Tensor z, Tensor a) {
        return switch (f.saved()) {
            case NOTHING -> null;
            case INPUT -> z;
            case OUTPUT -> a;
        };
    }
}
