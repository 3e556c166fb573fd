package org.talweg.train;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.talweg.data.Dataset;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.optim.Lbfgs;
import org.talweg.tape.GradientProgram;
import org.talweg.tape.Loss;
import org.talweg.tape.Parameter;
import org.talweg.tape.ProgramMemory;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/**
 * The mean loss of a model over a whole data set, with its gradient: what {@link Lbfgs} minimises.
 * <pre>{@code
 * try (FullBatch objective = new FullBatch(model, loss, data);
 *      Minimizer lbfgs = Optimizers.lbfgs().minimizer(device, model.parameters().elements())) {
 *     for (int i = 0; i < 10; i++) {
 *         System.out.println(lbfgs.step(model.parameters(), objective));
 *     }
 * }
 * }</pre>
 * A trainer with {@link Lbfgs} does the same. Computes as in prediction, without dropout and with running statistics: each call must see the same function.
 */
public final class FullBatch implements Lbfgs.Objective, AutoCloseable {
    /** Most rows that a pass takes at a time. */
    static final int ROWS = 1024;

    private final Resources resources = new Resources();
    private final Device device;
    private final Model model;
    private final List<GradientProgram> programs = new ArrayList<>();
    private final Tensor part;
    private final int rows;
    private final float[] ofRows;
    private double accuracy = Double.NaN;

    /**
     * @throws IllegalArgumentException if model, loss and data do not fit together, or there is nothing to train
     */
    public FullBatch(Model model, Loss loss, Dataset data) {
        this(model, loss, data.rows(), ROWS, Set.of(), resources -> DeviceData.upload(resources, model, loss, data));
    }

    /**
     * @param atOnce most rows of a pass
     * @param frozen parameters whose gradient stays 0
     */
    FullBatch(Model model, Loss loss, int rows, int atOnce, Set<Parameter> frozen,
              Function<Resources, DeviceData> data) {
        this.model = model;
        this.rows = rows;
        device = model.device();
        ofRows = new float[Math.min(rows, atOnce)];
        try {
            DeviceData onDevice = data.apply(resources);
            part = resources.tensor(device, DType.FLOAT32, model.parameters().shape(), "gradients");
            ProgramMemory memory = resources.add(new ProgramMemory(device, ofRows.length), ProgramMemory::close);
            for (int from = 0; from < rows; from += ofRows.length) {
                int to = Math.min(rows, from + ofRows.length);
                programs.add(new GradientProgram(model.tape(), memory, model.parameters(), model.states(), part, frozen,
                    onDevice.features().rows(from, to), onDevice.targets().rows(from, to), loss, rows));
            }
            loss.prepare(device.ops(), onDevice.targets(), null, rows, memory.of(loss, model.outputShape()));
        } catch (RuntimeException e) {
            resources.close();
            throw e;
        }
    }

    /** @param parameters the model's own */
    @Override
    public double evaluate(Tensor parameters, Tensor gradients) {
        if (parameters.buffer() != model.parameters().buffer()) {
            throw new IllegalArgumentException("the parameters are not those of the model; pass model.parameters()");
        }
        device.ops().data().zero(gradients);
        double total = 0;
        double hits = 0;
        for (GradientProgram program : programs) {
            program.run();
            device.ops().data().combine(gradients, 1, part, 0, null, gradients);
            total += sum(program.rowLosses());
            hits += program.rowHits() == null ? Double.NaN : sum(program.rowHits());
        }
        accuracy = hits / rows;
        return total / rows;
    }

    private double sum(Tensor values) {
        device.download(values, ofRows);
        double sum = 0;
        for (int i = 0; i < values.elements(); i++) {
            sum += ofRows[i];
        }
        return sum;
    }

    /** Share of rows predicted right where the loss was last evaluated; NaN where it has none. */
    public double accuracy() {
        return accuracy;
    }

    @Override
    public void close() {
        resources.close();
    }
}
