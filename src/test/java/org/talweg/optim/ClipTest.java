package org.talweg.optim;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Draw;

class ClipTest {
    private static final double ROUNDING = 1e-6;

    /** Whatever the clipping, no norm of the gradient is larger than before; nor than what it was clipped to. */
    @Property(tries = 100)
    void clippingNeverRaisesANorm(@ForAll long seed, @ForAll @IntRange(min = 1, max = 200) int length,
                                  @ForAll @DoubleRange(min = 0.01, max = 1000) double scale,
                                  @ForAll @DoubleRange(min = 0.01, max = 100) double limit) {
        float[] gradient = new Draw(seed).reals(length, scale);
        float most = (float) limit;
        for (float order : new float[] {1, 2, 3, Float.POSITIVE_INFINITY}) {
            assertTrue(norm(clipped(gradient, Clip.byGlobalNorm(most, order)), order) <= limit * (1 + ROUNDING));
            assertTrue(norm(clipped(gradient, Clip.byParameterNorm(most, order)), order) <= limit * (1 + ROUNDING));
        }
        assertTrue(norm(clipped(gradient, Clip.byValue(most)), Double.POSITIVE_INFINITY) <= most);
        for (Clip clip : List.of(Clip.none(), Clip.byGlobalNorm(most), Clip.byParameterNorm(most), Clip.byValue(most),
            Clip.adaptive(most))) {
            for (double order : new double[] {1, 2, Double.POSITIVE_INFINITY}) {
                assertTrue(norm(clipped(gradient, clip), order) <= norm(gradient, order) * (1 + ROUNDING),
                    clip + ", order " + order);
            }
        }
    }

    /** With parameters 0 and learning rate 1, plain SGD leaves minus the clipped gradient. */
    private static float[] clipped(float[] gradient, Clip clip) {
        Shape shape = Shape.of(gradient.length);
        float[] result = new float[gradient.length];
        try (Device device = Devices.open("cpu")) {
            Tensor p = device.allocate(DType.FLOAT32, shape, "parameters");
            Tensor g = device.allocate(DType.FLOAT32, shape, "gradients");
            device.upload(gradient, g);
            try (Stepper stepper = new Stepper(Optimizers.sgd(), device, ParameterLayout.of(shape), clip)) {
                stepper.step(p, g, 1);
            }
            device.download(p, result);
            p.buffer().close();
            g.buffer().close();
        }
        return result;
    }

    private static double norm(float[] x, double order) {
        double sum = 0;
        for (float value : x) {
            double size = Math.abs(value);
            sum = Double.isInfinite(order) ? Math.max(sum, size) : sum + Math.pow(size, order);
        }
        return Double.isInfinite(order) ? sum : Math.pow(sum, 1 / order);
    }
}
