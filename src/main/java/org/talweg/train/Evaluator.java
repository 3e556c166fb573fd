package org.talweg.train;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.nn.Model;
import org.talweg.ops.DeviceMemoryException;
import org.talweg.ops.Ops;
import org.talweg.tape.ForwardProgram;
import org.talweg.tape.Loss;
import org.talweg.tape.ProgramMemory;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * Forward passes over a data set in its order, planned and allocated once, run after every epoch. Loss and hits are
 * computed on the device; where metrics need the predictions, they are gathered there and read back once an evaluation.
 */
public final class Evaluator implements AutoCloseable {
    private final Resources resources = new Resources();
    private final Model model;
    private final Loss loss;
    private final List<Metric> metrics;
    private final DataLoader loader;
    private final List<Runnable> batches = new ArrayList<>();
    private final Tensor losses;
    private final Tensor hits;
    private final Tensor outputs;
    private final float[] downloaded;

    public Evaluator(Model model, Loss loss, List<Metric> metrics, DataLoader loader) {
        this(model, loss, metrics, loader, Long.MAX_VALUE);
    }

    /** @param dataMemory most bytes of features on the device; more are streamed */
    Evaluator(Model model, Loss loss, List<Metric> metrics, DataLoader loader, long dataMemory) {
        this(model, loss, metrics, loader, !metrics.isEmpty(), dataMemory);
    }

    private Evaluator(Model model, Loss loss, List<Metric> metrics, DataLoader loader, boolean keepsOutputs,
                      long dataMemory) {
        this.model = model;
        this.loss = loss;
        this.metrics = metrics;
        this.loader = loader;
        int rows = loader.data().rows();
        int largest = Math.min(loader.batchSize(), rows);
        try {
            Inputs data = inputs(largest, dataMemory);
            losses = tensor(Shape.of(rows), "validation losses");
            hits = loss.hasHits() ? tensor(Shape.of(rows), "validation hits") : null;
            outputs = keepsOutputs ? tensor(model.outputShape().batch(rows), "validation predictions") : null;
            ProgramMemory memory = resources.add(new ProgramMemory(model.device(), largest), ProgramMemory::close);
            Tensor own = memory.of(loss, model.outputShape());
            if (loss.isPrepared()) {
                Ops ops = model.device().ops();
                batches.add(() -> loss.prepare(ops, data.targets(), null, rows, own));
            }
            if (data.stream != null) {
                batches.add(() -> data.stream.begin(null, 0));
            }
            for (int from = 0; from < rows; from += largest) {
                if (data.stream != null) {
                    int number = from / largest;
                    batches.add(() -> data.stream.before(number));
                }
                batches.add(batch(own, data, memory, from, Math.min(rows, from + largest)));
            }
        } catch (RuntimeException e) {
            resources.close();
            throw e;
        }
        downloaded = new float[rows];
    }

    /**
     * @param targets of all rows
     * @param stream  null with all features on the device
     */
    private record Inputs(Tensor features, Tensor targets, RowStream stream) {
        Tensor features(int from, int to) {
            int slot = stream == null ? from : from % stream.slots();
            return features.rows(slot, slot + to - from);
        }
    }

    private Inputs inputs(int batch, long dataMemory) {
        Dataset rows = loader.data();
        boolean streamable = 2L * batch < rows.rows();
        long elements = (long) rows.rows() * rows.columns();
        if (!streamable || elements * Float.BYTES <= dataMemory && elements <= Integer.MAX_VALUE) {
            Resources whole = new Resources();
            try {
                DeviceData data = DeviceData.upload(whole, model, loss, rows);
                resources.add(whole, Resources::close);
                return new Inputs(data.features(), data.targets(), null);
            } catch (RuntimeException e) {
                whole.close();
                if (!(e instanceof DeviceMemoryException) || !streamable) {
                    throw e;
                }
            }
        }
        TargetRows host = TargetRows.of(model, loss, rows);
        Tensor targets = resources.tensor(model.device(), host.type(), host.row().batch(rows.rows()), "validation targets");
        host.upload(model.device(), targets);
        // One batch a window: batches of an evaluation are large, and memory is scarce.
        RowStream stream = resources.add(new RowStream(model.device(), rows, null, batch, 1), RowStream::close);
        return new Inputs(stream.features(), targets, stream);
    }

    /** What the model says of each row now. */
    public static Predictions predict(Model model, Loss loss, DataLoader loader) {
        try (Evaluator evaluator = new Evaluator(model, loss, List.of(), loader, true, Long.MAX_VALUE)) {
            evaluator.batches.forEach(Runnable::run);
            return evaluator.predictions();
        }
    }

    /**
     * Predictions with the loss of each row, scaled so that their mean is the loss.
     */
    public record Judged(Predictions predictions, float[] losses) {
    }

    /** What the model says of each row now, and how wrong that is. */
    public static Judged judge(Model model, Loss loss, DataLoader loader) {
        try (Evaluator evaluator = new Evaluator(model, loss, List.of(), loader, true, Long.MAX_VALUE)) {
            evaluator.batches.forEach(Runnable::run);
            float[] losses = new float[loader.data().rows()];
            model.device().download(evaluator.losses, losses);
            return new Judged(evaluator.predictions(), losses);
        }
    }

    private Tensor tensor(Shape shape, String purpose) {
        return resources.tensor(model.device(), DType.FLOAT32, shape, purpose);
    }

    private Runnable batch(Tensor own, Inputs data, ProgramMemory memory, int from, int to) {
        ForwardProgram program = new ForwardProgram(model.tape(), memory, model.parameters(), model.states(),
            data.features(from, to));
        Tensor targets = data.targets().rows(from, to);
        Tensor batchLosses = losses.rows(from, to);
        Tensor batchHits = hits == null ? null : hits.rows(from, to);
        Tensor batchOutputs = outputs == null ? null : outputs.rows(from, to);
        Ops ops = model.device().ops();
        int rows = losses.dim(0);
        return () -> {
            program.run();
            loss.apply(ops, program.output(), targets, null, rows, own, batchLosses, batchHits, null);
            if (batchOutputs != null) {
                ops.data().copy(program.output(), batchOutputs);
            }
        };
    }

    /** How well the model predicts with the parameters it has now. */
    public Evaluation run() {
        batches.forEach(Runnable::run);
        Map<String, Double> values = new LinkedHashMap<>();
        if (!metrics.isEmpty()) {
            Predictions predictions = predictions();
            metrics.forEach(metric -> values.put(metric.name(), metric.of(predictions)));
        }
        return new Evaluation(mean(losses), hits == null ? Double.NaN : mean(hits), downloaded.length, values);
    }

    private Predictions predictions() {
        float[] values = new float[Math.toIntExact(outputs.elements())];
        model.device().download(outputs, values);
        return new Predictions(loader.data(), values, values.length / downloaded.length, loss.threshold(),
            loss.hasHits());
    }

    private double mean(Tensor values) {
        model.device().download(values, downloaded);
        double sum = 0;
        for (float value : downloaded) {
            sum += value;
        }
        return sum / downloaded.length;
    }

    @Override
    public void close() {
        resources.close();
    }
}
