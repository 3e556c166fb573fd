package org.talweg.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.talweg.data.Dataset;
import org.talweg.data.Loaded;
import org.talweg.data.Split;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.tape.Loss;

/** A folder that {@code talweg train} wrote: its model, and the rows it was trained, validated and tested on. */
record SavedRun(Path folder, DataOptions reading, long seed, Loaded data, Loss loss) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Which rows to look at. */
    enum Rows { TRAIN, VALIDATION, TEST }

    /**
     * @throws IOException if the folder holds no run; says what is missing and what to do
     */
    static SavedRun read(Path folder) throws IOException {
        Path description = folder.resolve(RunFile.NAME);
        if (!Files.isDirectory(folder)) {
            throw new IOException(folder + " is no folder; name one that 'talweg train' wrote, below runs or by --out");
        }
        if (!Files.isRegularFile(description)) {
            throw new IOException(folder + " holds no " + RunFile.NAME + "; name a folder that 'talweg train' wrote");
        }
        JsonNode run;
        try {
            run = JSON.readTree(description.toFile());
        } catch (JsonProcessingException e) {
            throw new IOException(description + " is damaged: " + e.getOriginalMessage(), e);
        }
        for (String key : new String[] {"data", "reading", "seed", "loss"}) {
            if (!run.has(key)) {
                throw new IOException(description + " has no '" + key + "'; train again with this version");
            }
        }
        DataOptions reading;
        try {
            reading = JSON.treeToValue(run.get("reading"), DataOptions.class);
        } catch (JsonProcessingException e) {
            throw new IOException(description + " is damaged: 'reading' says " + e.getOriginalMessage(), e);
        }
        Loaded data = reading.load(run.get("data").asText());
        return new SavedRun(folder, reading, run.get("seed").asLong(), data,
            LossChoices.parse(run.get("loss").asText(), data.rows()));
    }

    String dataName() {
        return data.rows().name();
    }

    /** The caller closes it. */
    Model model(Device device) throws IOException {
        return Model.load(folder.resolve("model.safetensors"), device);
    }

    Dataset unscaled(Rows which) {
        Split split = reading.split(data, seed);
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
