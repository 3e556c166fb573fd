package org.talweg.optim;

import java.util.List;
import org.talweg.ops.ClipRule;
import org.talweg.ops.Device;
import org.talweg.ops.Segment;
import org.talweg.ops.Segments;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Vector arithmetic on a device, whose scalars come back to the host. */
final class VectorMath {
    private static final ClipRule SUM = new ClipRule(Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY, 1,
        Float.POSITIVE_INFINITY, false);
    private static final ClipRule LARGEST = new ClipRule(Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY,
        Float.POSITIVE_INFINITY, Float.POSITIVE_INFINITY, false);

    private final Device device;
    private final Segments whole;
    private final Tensor zero;
    private final Tensor products;
    private final Tensor norms;
    private final float[] downloaded;

    VectorMath(StateMemory memory, long length) {
        device = memory.device();
        Shape shape = Shape.of(Math.toIntExact(length));
        whole = memory.segments(new ParameterLayout(length, List.of(Segment.whole(shape))));
        zero = memory.vector(length, "zeros");
        products = memory.vector(device.ops().update().squarePartials(length), "partial dot products");
        norms = memory.vector(whole.count(), "partial norms");
        downloaded = new float[Math.max(products.dim(0), norms.dim(0))];
    }

    double dot(Tensor x, Tensor y) {
        device.ops().update().dot(flat(x), flat(y), products);
        return sum(products);
    }

    /** Σ |x|. */
    double sumOfSizes(Tensor x) {
        device.ops().update().gradientNorms(flat(x), whole, SUM, norms);
        return sum(norms);
    }

    /** max |x|, NaN if one is not finite. */
    double largest(Tensor x) {
        device.ops().update().gradientNorms(flat(x), whole, LARGEST, norms);
        device.download(norms, downloaded);
        double result = 0;
        for (int i = 0; i < norms.dim(0); i++) {
            result = Math.max(result, downloaded[i]);
        }
        return result;
    }

    /** result = origin + factor · direction. */
    void move(Tensor origin, double factor, Tensor by, Tensor result) {
        device.ops().data().combine(flat(origin), (float) factor, flat(by), 0, null, flat(result));
    }

    void scale(double factor, Tensor x, Tensor result) {
        move(zero, factor, x, result);
    }

    void copy(Tensor from, Tensor to) {
        device.ops().data().copy(flat(from), flat(to));
    }

    private Tensor flat(Tensor x) {
        return x.reshape(zero.shape());
    }

    private double sum(Tensor partials) {
        device.download(partials, downloaded);
        double sum = 0;
        for (int i = 0; i < partials.dim(0); i++) {
            sum += downloaded[i];
        }
        return sum;
    }
}
