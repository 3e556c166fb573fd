package org.talweg.examples;

import static org.talweg.ops.Activation.TANH;

import java.util.Set;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Device;
import org.talweg.optim.Clip;
import org.talweg.optim.Optimizers;
import org.talweg.optim.ParameterGroups;
import org.talweg.optim.ParameterLayout;
import org.talweg.optim.Stepper;
import org.talweg.tape.GradientProgram;
import org.talweg.tape.ProgramMemory;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * A training loop of one's own: gradients from a {@link GradientProgram}, a step from a {@link Stepper}, and between them
 * Polyak's learning rate, loss / ‖gradient‖², which no schedule could know beforehand.
 */
final class CustomLoop {
    private static final int ROWS = 64;

    private CustomLoop() {
    }

    public static void main(String[] args) {
        float[] x = new float[ROWS];
        float[] y = new float[ROWS];
        for (int i = 0; i < ROWS; i++) {
            x[i] = -3 + 6f * i / (ROWS - 1);
            y[i] = (float) Math.sin(x[i]);
        }
        try (Device device = Device.best();
            Model model = Sequential.builder(Shape.of(1)).seed(7).dense(32, TANH).dense(1).build(device);
            ProgramMemory memory = new ProgramMemory(device, ROWS);
            Stepper sgd = new Stepper(Optimizers.sgd(), device, ParameterLayout.of(model.tape(), ParameterGroups.none()),
                Clip.none())) {
            Tensor features = device.allocate(DType.FLOAT32, Shape.of(ROWS, 1), "x");
            Tensor targets = device.allocate(DType.FLOAT32, Shape.of(ROWS, 1), "y");
            Tensor gradients = device.allocate(DType.FLOAT32, model.parameters().shape(), "gradients");
            device.upload(x, features);
            device.upload(y, targets);
            GradientProgram program = new GradientProgram(model.tape(), memory, model.parameters(), model.states(),
                gradients, Set.of(), features, targets, Losses.squaredError(), ROWS);
            float[] rowLosses = new float[ROWS];
            float[] gradient = new float[(int) gradients.elements()];
            double loss = 0;
            for (int step = 0; step < 10_000; step++) {
                program.run();
                device.download(program.rowLosses(), rowLosses);
                device.download(gradients, gradient);
                loss = sum(rowLosses, false) / ROWS;
                sgd.step(model.parameters(), gradients, (float) Math.min(0.5, 0.5 * loss / sum(gradient, true)));
            }
            System.out.printf("loss %.5f, sin(1) ≈ %.3f%n", loss, model.predict(new float[][] {{1}})[0][0]);
            for (Tensor tensor : new Tensor[] {features, targets, gradients}) {
                tensor.buffer().close();
            }
        }
    }

    private static double sum(float[] values, boolean squares) {
        double sum = 0;
        for (float value : values) {
            sum += squares ? (double) value * value : value;
        }
        return sum;
    }
}
