package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.AfterEach;
import org.talweg.reference.ReferenceDevices;
import org.talweg.tensor.DType;
import org.talweg.tensor.HostBuffer;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Draw;

/** The oracle in double, and its gradients beside central differences. */
abstract class GradientFixture {
    private static final double STEP = 1e-6;
    private static final double TOLERANCE = 1e-7;

    final Device device = ReferenceDevices.float64();
    final Ops ops = device.ops();
    private final List<Tensor> live = new ArrayList<>();

    @AfterEach
    void close() {
        live.forEach(tensor -> tensor.buffer().close());
        device.close();
    }

    static void compare(String label, Tensor variable, Tensor gradient, DoubleSupplier loss) {
        HostBuffer values = host(variable);
        for (int i = 0; i < variable.elements(); i++) {
            double value = values.get(i);
            values.set(i, value + STEP);
            double above = loss.getAsDouble();
            values.set(i, value - STEP);
            double below = loss.getAsDouble();
            values.set(i, value);
            double difference = (above - below) / (2 * STEP);
            double analytic = host(gradient).get(i);
            assertEquals(difference, analytic, TOLERANCE * (1 + Math.abs(difference)), label + ", element " + i);
        }
    }

    /** Σ weights · values. */
    static double weighted(Tensor weights, Tensor values) {
        double sum = 0;
        for (int i = 0; i < values.elements(); i++) {
            sum += host(weights).get(i) * host(values).get(i);
        }
        return sum;
    }

    static HostBuffer host(Tensor tensor) {
        return (HostBuffer) tensor.buffer();
    }

    final Tensor tensor(DType dtype, Shape shape) {
        Tensor tensor = device.allocate(dtype, shape, "test");
        live.add(tensor);
        return tensor;
    }

    final Tensor tensor(int... dims) {
        return tensor(DType.FLOAT32, Shape.of(dims));
    }

    final Tensor tensor(float[] values, int... dims) {
        Tensor tensor = tensor(dims);
        device.upload(values, tensor);
        return tensor;
    }

    final Tensor random(Draw draw, int... dims) {
        return tensor(draw.reals((int) Shape.of(dims).elements(), 1), dims);
    }
}
