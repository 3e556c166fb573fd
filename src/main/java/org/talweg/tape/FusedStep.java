package org.talweg.tape;

import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.talweg.ops.FusedMlp;
import org.talweg.ops.FusedMlpOps;
import org.talweg.ops.Fusion;
import org.talweg.ops.LossTerms;
import org.talweg.tensor.Tensor;

/** Forward, loss and backward as {@link FusedMlpOps} has them, where tape, loss and device allow it. */
final class FusedStep {
    private static final Logger LOG = LoggerFactory.getLogger(FusedStep.class);

    private final FusedMlpOps.Plan plan;
    private final FusedMlpOps.Step step;

    private FusedStep(FusedMlpOps.Plan plan, FusedMlpOps.Step step) {
        this.plan = plan;
        this.step = step;
    }

    /**
     * Null where the layers are to be computed one by one.
     *
     * @throws IllegalArgumentException if that is not wanted, and why it must be
     */
    static FusedStep plan(Tape tape, ProgramMemory memory, int batch, int microBatch, TrainingStep step, Tensor rowLosses,
                          Tensor rowHits) {
        if (step.fusion() == Fusion.OFF) {
            return null;
        }
        List<String> refusals = new ArrayList<>();
        FusedMlp mlp = of(tape, refusals);
        Tensor own = memory.of(step.loss(), tape.output().shape());
        LossTerms loss = step.loss().terms(tape.output().shape(), batch, own);
        if (loss == null) {
            refusals.add("the loss " + step.loss().name() + " is not one of the device's own");
        }
        if (!step.frozen().isEmpty()) {
            refusals.add("parameters are frozen");
        }
        if (microBatch < batch) {
            refusals.add("a batch comes in micro-batches");
        }
        FusedMlpOps ops = memory.device().ops().fusedMlp();
        if (refusals.isEmpty() && ops.refusal(mlp) != null) {
            refusals.add(ops.refusal(mlp));
        }
        if (!refusals.isEmpty()) {
            if (step.fusion() == Fusion.ON) {
                throw new IllegalArgumentException("the step cannot be fused: " + String.join("; ", refusals)
                    + "; leave the choice to Fusion.AUTO");
            }
            LOG.debug("a step of {} rows layer by layer: {}", batch, refusals);
            return null;
        }
        FusedMlpOps.Plan plan = ops.plan(mlp, batch);
        if (step.fusion() == Fusion.AUTO && !plan.isFaster()) {
            LOG.debug("a step of {} rows layer by layer, which is predicted to be faster than fused", batch);
            return null;
        }
        LOG.debug("a step of {} rows is fused in {}, its weight gradients summed in {} shares", batch, mlp.precision(),
            plan.shares());
        return new FusedStep(plan, new FusedMlpOps.Step(memory.table("layout of a fused step", plan.layout()),
            memory.shares(plan.shares(), mlp.length()), step.features(), step.rows(0), step.parameters(), loss,
            step.targets(), rowLosses, rowHits, step.gradients(),
            memory.own("squared gradient partials", plan.squarePartials())));
    }

    /**
     * The dense layers in a row that the tape is.
     *
     * @param refusals receives why it is none; then the result is null
     */
    static FusedMlp of(Tape tape, List<String> refusals) {
        List<FusedMlp.Layer> layers = new ArrayList<>();
        Value before = tape.input();
        for (Value result : tape.results()) {
            FusedMlp.Layer layer = result.producer().fusedLayer();
            if (layer == null || result.producer().inputs().get(0) != before) {
                refusals.add(result.name() + " is no dense layer over " + before.name());
                return null;
            }
            layers.add(layer);
            before = result;
        }
        return new FusedMlp(layers, tape.parameterLength(), tape.precision());
    }

    void run() {
        plan.run(step);
    }

    Tensor squarePartials() {
        return step.squarePartials();
    }
}
