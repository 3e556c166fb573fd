package org.talweg.examples;

import org.talweg.ops.Device;
import org.talweg.optim.Optimizers;
import org.talweg.optim.Stepper;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** An optimizer without any model: the caller's own parameters, the caller's own gradients. Rosenbrock's valley. */
final class RawOptimizer {
    private RawOptimizer() {
    }

    public static void main(String[] args) {
        Shape shape = Shape.of(2);
        float[] p = {-1.2f, 1};
        float[] g = new float[2];
        try (Device device = Device.best(); Stepper adam = Stepper.of(Optimizers.adam(), device, shape)) {
            Tensor parameters = device.allocate(DType.FLOAT32, shape, "parameters");
            Tensor gradients = device.allocate(DType.FLOAT32, shape, "gradients");
            device.upload(p, parameters);
            for (int step = 0; step < 5000; step++) {
                g[0] = -2 * (1 - p[0]) - 400 * p[0] * (p[1] - p[0] * p[0]);
                g[1] = 200 * (p[1] - p[0] * p[0]);
                device.upload(g, gradients);
                adam.step(parameters, gradients, 0.02f);
                device.download(parameters, p);
            }
            System.out.printf("minimum at (%.3f, %.3f)%n", p[0], p[1]);
            parameters.buffer().close();
            gradients.buffer().close();
        }
    }
}
