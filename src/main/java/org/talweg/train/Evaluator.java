package org.talweg.train;

import java.util.ArrayList;
import java.util.List;
import org.talweg.data.DataLoader;
import org.talweg.nn.Model;
import org.talweg.ops.Ops;
import org.talweg.tape.ForwardProgram;
import org.talweg.tape.Loss;
import org.talweg.tape.ProgramMemory;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Forward passes over a data set in its order, planned and allocated once, run after every epoch. */
final class Evaluator implements AutoCloseable {
    private final Resources resources = new Resources();
    private final Model model;
    private final List<Runnable> batches = new ArrayList<>();
    private final Tensor losses;
    private final Tensor hits;
    private final float[] downloaded;

    Evaluator(Model model, Loss loss, DataLoader loader) {
        this.model = model;
        int rows = loader.data().rows();
        int largest = Math.min(loader.batchSize(), rows);
        try {
            DeviceData data = DeviceData.upload(resources, model, loss, loader.data());
            losses = resources.tensor(model.device(), DType.FLOAT32, Shape.of(rows), "validation losses");
            hits = loss.hasHits()
                ? resources.tensor(model.device(), DType.FLOAT32, Shape.of(rows), "validation hits") : null;
            ProgramMemory memory = resources.add(new ProgramMemory(model.device(), largest), ProgramMemory::close);
            for (int from = 0; from < rows; from += largest) {
                batches.add(batch(loss, data, memory, from, Math.min(rows, from + largest)));
            }
        } catch (RuntimeException e) {
            resources.close();
            throw e;
        }
        downloaded = new float[rows];
    }

    private Runnable batch(Loss loss, DeviceData data, ProgramMemory memory, int from, int to) {
        ForwardProgram program =
            new ForwardProgram(model.tape(), memory, model.parameters(), data.features().rows(from, to));
        Tensor targets = data.targets().rows(from, to);
        Tensor batchLosses = losses.rows(from, to);
        Tensor batchHits = hits == null ? null : hits.rows(from, to);
        Ops ops = model.device().ops();
        return () -> {
            program.run();
            loss.apply(ops, program.output(), targets, null, 1, batchLosses, batchHits, null);
        };
    }

    Evaluation run() {
        batches.forEach(Runnable::run);
        return new Evaluation(mean(losses), hits == null ? Double.NaN : mean(hits), downloaded.length);
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
