package org.talweg.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.talweg.analysis.GradientHealth;
import org.talweg.analysis.StationaryPoint;
import org.talweg.data.Dataset;
import org.talweg.data.Split;
import org.talweg.nn.Model;
import org.talweg.ops.Devices;
import org.talweg.train.ConfusionMatrix;
import org.talweg.train.CrossValidation;
import org.talweg.train.EpochMetrics;
import org.talweg.train.Evaluation;
import org.talweg.train.RunState;
import org.talweg.train.Trainer;
import org.talweg.train.TrainingResult;

/** One JSON object a line: the run, each epoch, and last the final figures. */
final class JsonProgress implements Progress {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final PrintWriter out;
    private final Map<String, Object> run = new LinkedHashMap<>();

    JsonProgress(PrintWriter out) {
        this.out = out;
    }

    @Override
    public void begin(Devices.Choice choice, Dataset data, Split split, Model model) {
        run.put("data", data.name());
        run.put("device", choice.device().name());
        run.put("reason", choice.reason());
        run.put("precision", Progress.precision(choice.device(), model).name().toLowerCase(Locale.ROOT));
        run.put("train_rows", split.train().rows());
        run.put("val_rows", split.validation().rows());
        run.put("test_rows", split.test().rows());
        run.put("parameters", model.parameterCount());
        print(run);
    }

    @Override
    public void onResume(Trainer trainer, int epochs, int stepsPerEpoch, RunState state) {
        print(Map.of("resumed_after_step", state.steps()));
    }

    @Override
    public void onEpochEnd(EpochMetrics metrics) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("epoch", metrics.epoch());
        line.putAll(metrics.values());
        print(line);
    }

    @Override
    public void health(GradientHealth health) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("gradients", health.findings().stream().map(finding -> finding.condition().name().toLowerCase(Locale.ROOT))
            .toList());
        line.put("attenuation", health.attenuation());
        line.put("layers", health.layers());
        print(line);
    }

    @Override
    public void stopped(StationaryPoint point) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("stationary_point", point.kind().name().toLowerCase(Locale.ROOT));
        line.put("gradient_norm", point.gradientNorm());
        if (point.kind() != StationaryPoint.Kind.SLOPE) {
            line.put("smallest_curvature", point.smallest());
            line.put("largest_curvature", point.largest());
        }
        print(line);
    }

    @Override
    public void confusion(ConfusionMatrix matrix) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("classes", matrix.names());
        line.put("confusion", matrix.counts());
        print(line);
    }

    @Override
    public void end(TrainingResult result, Evaluation test, RunFolder folder) {
        Map<String, Object> line = new LinkedHashMap<>();
        putTest(line, test);
        line.putAll(result.last().values());
        line.put("epochs", result.history().size());
        line.put("skipped_steps", result.skippedSteps());
        line.put("stop_reason", result.stopReason());
        if (result.restoredEpoch() > 0) {
            line.put("kept_epoch", result.restoredEpoch());
        }
        line.put("data", run.get("data"));
        line.put("device", run.get("device"));
        line.put("parameters", run.get("parameters"));
        line.put("out", folder.path().toString());
        print(line);
    }

    /** It is in the folder that the last line names; that line stays the last. */
    @Override
    public void report(Path file) {
    }

    @Override
    public void fold(int number, int of, TrainingResult result, Evaluation test, Path folder) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("fold", number);
        putTest(line, test);
        line.put("epochs", result.history().size());
        line.put("stop_reason", result.stopReason());
        line.put("out", folder.toString());
        print(line);
    }

    @Override
    public void folds(CrossValidation validation, Path folder) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("folds", validation.folds().size());
        for (String name : validation.names()) {
            line.put("test_" + name, validation.mean(name));
            line.put("test_" + name + "_deviation", validation.deviation(name));
        }
        line.put("data", run.get("data"));
        line.put("device", run.get("device"));
        line.put("out", folder.toString());
        print(line);
    }

    private static void putTest(Map<String, Object> line, Evaluation test) {
        line.put("test_loss", test.loss());
        if (!Double.isNaN(test.accuracy())) {
            line.put("test_accuracy", test.accuracy());
        }
        test.metrics().forEach((name, value) -> line.put("test_" + name, value));
    }

    private void print(Map<String, Object> line) {
        try {
            out.println(JSON.writeValueAsString(line));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
