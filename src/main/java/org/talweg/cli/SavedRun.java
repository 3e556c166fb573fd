package org.talweg.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.talweg.data.Dataset;
import org.talweg.data.Split;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.tape.Loss;

/** A folder that {@code talweg train} wrote: its model, and the rows it was trained, validated and tested on. */
record SavedRun(RunFolder folder, Experiment experiment) {

    /** Which rows to look at. */
    enum Rows { TRAIN, VALIDATION, TEST }

    /**
     * Reads the configuration and the data.
     *
     * @throws IOException if the folder holds no run; says what is missing and what to do
     */
    static SavedRun read(Path folder) throws IOException {
        TrainCommand command = TrainCommand.of(RunFolder.existing(folder));
        command.prepare();
        return new SavedRun(new RunFolder(folder), command.experiment());
    }

    Loss loss() {
        return experiment.loss();
    }

    String dataName() {
        return experiment.data().name();
    }

    /** The caller closes it. */
    Model model(Device device) throws IOException {
        return folder.load(device);
    }

    Dataset unscaled(Rows which) {
        Split split = experiment.unscaled();
        return switch (which) {
            case TRAIN -> split.train();
            case VALIDATION -> split.validation();
            case TEST -> split.test();
        };
    }

    /** Scaled as the model wants them. */
    Dataset rows(Rows which, Model model) {
        Dataset rows = unscaled(which);
        return model.scaler().map(scaler -> scaler.apply(rows)).orElse(rows);
    }
}
