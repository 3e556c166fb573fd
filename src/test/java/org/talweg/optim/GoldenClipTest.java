package org.talweg.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.talweg.ops.Device;
import org.talweg.ops.Segment;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Golden;
import org.talweg.testing.Golden.Case;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;

/**
 * Clipping against libtorch's: with learning rate 1 and parameters 0, plain SGD leaves minus the clipped gradient. Where
 * libtorch spreads NaN, or turns infinity into a limit, here the step is skipped.
 */
class GoldenClipTest {

    @OnEveryDevice
    void allCases(TestDevice on) {
        List<Case> cases = Golden.cases("clipping.json");
        assertEquals(13, cases.size(), "cases of clipping");
        for (Case c : cases) {
            check(on, c);
        }
    }

    private static Clip clip(Case c) {
        if (c.op().equals("clip_grad_value")) {
            return Clip.byValue(c.number("clip_value", 0));
        }
        String order = c.text("norm_type");
        return Clip.byGlobalNorm(c.number("max_norm", 0),
            order.equals("inf") ? Float.POSITIVE_INFINITY : Float.parseFloat(order));
    }

    private static void check(TestDevice on, Case c) {
        List<Segment> segments = new ArrayList<>();
        int length = 0;
        boolean finite = true;
        for (int i = 0; i < 3; i++) {
            Shape shape = Shape.of(c.shape("grad" + i));
            segments.add(new Segment("grad" + i, length, shape, 1, 1, false));
            length += (int) (shape.elements() + 3) / 4 * 4;
            for (float g : c.floats("grad" + i)) {
                finite &= Float.isFinite(g);
            }
        }
        float[] gradients = new float[length];
        for (int i = 0; i < 3; i++) {
            System.arraycopy(c.floats("grad" + i), 0, gradients, (int) segments.get(i).offset(),
                c.floats("grad" + i).length);
        }
        Device device = on.device();
        Tensor p = device.allocate(DType.FLOAT32, Shape.of(length), "parameters");
        Tensor g = device.allocate(DType.FLOAT32, Shape.of(length), "gradients");
        device.upload(gradients, g);
        float[] stepped = new float[length];
        try (Stepper stepper = new Stepper(Optimizers.sgd().learningRate(1), device,
            new ParameterLayout(length, segments), clip(c))) {
            stepper.step(p, g);
            assertEquals(!finite, stepper.skipped(), on + ", " + c);
            if (finite && c.op().equals("clip_grad_norm")) {
                Golden.expectClose(on + ", " + c + ", norm", c.expected("total_norm"),
                    new float[] {stepper.gradientNorm()});
            }
        }
        device.download(p, stepped);
        p.buffer().close();
        g.buffer().close();
        for (int i = 0; i < 3; i++) {
            double[] expected = c.expected("clipped_grad" + i);
            int from = (int) segments.get(i).offset();
            float[] actual = Arrays.copyOfRange(stepped, from, from + expected.length);
            for (int j = 0; j < actual.length; j++) {
                actual[j] = -actual[j];
                expected[j] = finite ? expected[j] : 0;
            }
            Golden.expectClose(on + ", " + c + ", clipped gradient " + i, expected, actual);
        }
    }
}
