package org.talweg.cli;

import java.io.Console;
import java.nio.file.Path;
import org.talweg.analysis.GradientHealth;
import org.talweg.analysis.StationaryPoint;
import org.talweg.data.Dataset;
import org.talweg.data.Split;
import org.talweg.nn.Model;
import org.talweg.ops.DenseOps;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.ops.Precision;
import org.talweg.train.ConfusionMatrix;
import org.talweg.train.CrossValidation;
import org.talweg.train.Evaluation;
import org.talweg.train.Listener;
import org.talweg.train.TrainingResult;

/** Shows a training run: with a bar on a terminal, as plain lines elsewhere, or as JSON lines for machines. */
interface Progress extends Listener {

    void begin(Devices.Choice choice, Dataset data, Split split, Model model);

    /** What a look at the gradients showed, while training. */
    void health(GradientHealth health);

    /** Where training stopped, for runs that end by their gradient norm. */
    void stopped(StationaryPoint point);

    /** Of the test rows; just before {@link #end}. */
    void confusion(ConfusionMatrix matrix);

    void end(TrainingResult result, Evaluation test, RunFolder folder);

    /** A run of cross-validation, in place of {@link #end}. */
    void fold(int number, int of, TrainingResult result, Evaluation test, Path folder);

    /** After the last fold. */
    void folds(CrossValidation validation, Path folder);

    /** Where the report is; after {@link #end}. */
    void report(Path file);

    /** What the products of a model are rounded to there: {@code float32} without tensor cores, whatever was asked for. */
    static Precision precision(Device device, Model model) {
        Precision asked = model.description().precision();
        DenseOps dense = device.ops().dense();
        return dense.at(asked) == dense.at(Precision.FLOAT32) ? Precision.FLOAT32 : asked;
    }

    /** Since Java 22 there is a console even where there is no terminal, and a method that tells. */
    static boolean isTerminal() {
        Console console = System.console();
        if (console == null) {
            return false;
        }
        try {
            return (boolean) Console.class.getMethod("isTerminal").invoke(console);
        } catch (ReflectiveOperationException e) {
            return true;
        }
    }
}
