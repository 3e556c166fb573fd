package org.talweg.benchmarks.steps;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.talweg.analysis.plot.BarPlot;

/** Draws what {@link StepComparison} measured: each contestant at its best setting. Arguments: JSON file, SVG file. */
public final class StepPicture {
    private StepPicture() {
    }

    public static void main(String[] args) throws IOException {
        if (args.length != 2) {
            throw new IllegalArgumentException("give the JSON file that StepComparison wrote, and the SVG file to write");
        }
        JsonNode all = new ObjectMapper().readTree(Path.of(args[0]).toFile());
        List<BarPlot.Group> groups = new ArrayList<>();
        Set<String> timeless = new LinkedHashSet<>();
        for (Map.Entry<String, JsonNode> work : all.get("results").properties()) {
            Map<String, Double> best = new LinkedHashMap<>();
            for (Map.Entry<String, JsonNode> entry : work.getValue().properties()) {
                if (entry.getValue().isObject()) {
                    best.merge(entry.getKey().split(" ")[0], entry.getValue().path("ratio").asDouble(Double.POSITIVE_INFINITY),
                        Math::min);
                }
            }
            best.forEach((name, ratio) -> {
                if (ratio.isInfinite()) {
                    timeless.add(name + " on " + title(work.getKey()));
                }
            });
            best.values().removeIf(ratio -> ratio.isInfinite());
            List<BarPlot.Bar> bars = new ArrayList<>();
            best.forEach((name, ratio) -> bars.add(new BarPlot.Bar(name, ratio)));
            groups.add(new BarPlot.Group(title(work.getKey()), bars));
        }
        new BarPlot(groups, "A training step on " + all.get("cores").asInt() + " cores, times as long as Talweg's",
            "medians of " + all.get("rounds").asInt() + " rounds, each library at its best number of threads"
                + (timeless.isEmpty() ? "" : "; without a time: " + String.join(", ", timeless)))
            .writeSvg(Path.of(args[1]));
    }

    /** Of {@code 784-128-10/64} or {@code adam/1000}. */
    private static String title(String work) {
        String[] parts = work.split("/");
        return parts[0].equals("adam") ? String.format(Locale.ROOT, "Adam alone, %,d parameters", Integer.parseInt(parts[1]))
            : parts[0] + ", batch " + parts[1];
    }
}
