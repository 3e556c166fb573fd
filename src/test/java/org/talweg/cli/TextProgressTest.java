package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.optim.Optimizers;
import org.talweg.train.Trainer;

class TextProgressTest {
    private static final int EPOCHS = 300;
    private static final String CLEAR = "\r\u001b[K";

    /** What stays on the screen: of each line, what came after it was last cleared. */
    private static List<String> screen(String printed) {
        return Arrays.stream(printed.split("\n")).map(line -> line.substring(line.lastIndexOf(CLEAR) + CLEAR.length())).filter(line -> !line.isBlank()).toList();
    }

    @Test
    void theBarLeavesEveryEpochOnALineOfItsOwn() {
        StringWriter printed = new StringWriter();
        Dataset data = Datasets.builtIn("digits");
        try (Device device = Devices.open("cpu");
             Model model = Sequential.builder(data.inputShape()).dense(10).build(device)) {
            Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.sgd())
                .listeners(new TextProgress(new PrintWriter(printed), true)).build()
                .fit(DataLoader.of(data, 64), EPOCHS);
        }
        assertTrue(Pattern.compile("training +\\d+% \\[.*\\] \\d+/8700 \\(\\d:\\d\\d:\\d\\d / .*\\)  loss \\d\\.\\d{3} "
            + "acc [01]\\.\\d\\d \\d+(\\.\\d)?[kM]?/s").matcher(printed.toString()).find(), "a bar with time left, loss, accuracy and speed: "
            + printed.toString().lines().findFirst());
        List<String> lines = screen(printed.toString());
        assertEquals(EPOCHS, lines.size(), lines.toString());
        for (int i = 0; i < EPOCHS; i++) {
            assertTrue(lines.get(i).startsWith("epoch " + String.format("%3d", i + 1) + "/" + EPOCHS),
                lines.get(i));
        }
    }
}
