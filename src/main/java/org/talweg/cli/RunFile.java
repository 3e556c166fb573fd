package org.talweg.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.talweg.data.Datasets;

/** {@code run.json}: how a run was made, so that other commands find its data again and a person can repeat it. */
final class RunFile {
    static final String NAME = "run.json";
    static final String TRAJECTORY = "trajectory.safetensors";
    private static final ObjectMapper JSON = new ObjectMapper();

    private RunFile() {
    }

    /** A file's name that holds from everywhere. */
    private static String absolute(String source) {
        return Datasets.builtInNames().contains(source) ? source : Path.of(source).toAbsolutePath().normalize().toString();
    }

    static void write(Path folder, Experiment experiment, List<String> arguments) throws IOException {
        Map<String, Object> run = new LinkedHashMap<>();
        run.put("data", absolute(experiment.source()));
        run.put("reading", experiment.dataOptions());
        run.put("seed", experiment.seed());
        run.put("scale", experiment.scaleText());
        run.put("loss", experiment.lossText());
        run.put("arguments", arguments);
        Files.writeString(folder.resolve(NAME), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(run)
            + "\n");
    }
}
