package org.talweg.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.talweg.analysis.GradientHealth;
import org.talweg.analysis.GradientHealth.Finding;
import org.talweg.analysis.GradientHealth.Layer;
import org.talweg.analysis.GradientLog.Look;
import org.talweg.analysis.plot.LineChart.Axis;
import org.talweg.analysis.plot.LineChart.Series;
import org.talweg.train.EpochMetrics;

/** How the gradients flowed: over training, and in the model as it is now. */
final class Gradients {
    private Gradients() {
    }

    static void add(Html html, Report report) {
        html.section("gradients", "Gradients");
        verdict(html, report);
        html.open("div", "class", "plots");
        overall(html, report.history());
        if (!report.looks().isEmpty()) {
            layers(html, "Gradient norm by layer", report.looks(), Layer::gradientNorm);
            List<Look> moved = report.looks().stream()
                .filter(look -> look.health().layers().stream().anyMatch(layer -> Double.isFinite(layer.updateRatio())))
                .toList();
            if (!moved.isEmpty()) {
                layers(html, "Weight change in a step, relative", moved, Layer::updateRatio);
            }
        }
        if (report.health() != null) {
            table(html, report.health());
        }
        html.close();
        if (report.looks().isEmpty()) {
            html.add("p", "Layers were not looked at while this run trained.", "class", "note");
        }
        html.close();
    }

    private static void verdict(Html html, Report report) {
        GradientHealth health = report.health();
        if (health != null && health.isHealthy()) {
            html.open("p", "class", "verdict good").add("strong", "Healthy.").text(String.format(Locale.ROOT,
                " In the model as it is now the first layer gets %.2g times the signal of the last.", health.attenuation()))
                .close();
        }
        Map<String, Finding> findings = new LinkedHashMap<>();
        Map<String, List<Integer>> epochs = new LinkedHashMap<>();
        if (health != null) {
            health.findings().forEach(finding -> findings.put(key(finding), finding));
        }
        for (Look look : report.looks()) {
            for (Finding finding : look.health().findings()) {
                findings.putIfAbsent(key(finding), finding);
                epochs.computeIfAbsent(key(finding), key -> new ArrayList<>()).add(look.epoch());
            }
        }
        findings.forEach((key, finding) -> html.open("p", "class", "verdict bad")
            .add("strong", Character.toUpperCase(finding.words().charAt(0)) + finding.words().substring(1) + ".")
            .text(" " + when(health != null && health.findings().contains(finding), epochs.get(key), report.looks().size())
                + " Try " + finding.advice() + ".").close());
    }

    /** What is found in the same place is one finding, though its numbers change. */
    private static String key(Finding finding) {
        return finding.condition() + finding.words().replaceAll("(?<!_)\\b[0-9.]+(e[-+]?\\d+)?", "");
    }

    private static String when(boolean now, List<Integer> epochs, int looks) {
        if (epochs == null) {
            return "So it is in the model as it is now.";
        }
        return (now ? "So it is now, and was" : "So it was") + (epochs.get(0) == 0 ? " before training"
            : " after epoch " + epochs.get(0)) + (epochs.size() == 1 ? ""
            : " and in " + (epochs.size() - 1) + " of " + (looks - 1) + " other looks") + ".";
    }

    private static void overall(Html html, List<EpochMetrics> history) {
        List<EpochMetrics> measured = history.stream().filter(epoch -> !Double.isNaN(epoch.gradientNorm())).toList();
        if (!measured.isEmpty()) {
            double[] values = measured.stream().mapToDouble(EpochMetrics::gradientNorm).toArray();
            Plot.add(html, "Gradient norm, all parameters", measured.stream().mapToDouble(EpochMetrics::epoch).toArray(),
                List.of(new Series("mean over an epoch's steps, before clipping", Curves.TRAIN, values)), Axis.WIDE, -1, "",
                0, "Gradient norm over epochs: from " + Words.number(values[0]) + " to "
                    + Words.number(values[values.length - 1]));
        }
    }

    private static void layers(Html html, String heading, List<Look> looks, ToDoubleFunction<Layer> value) {
        List<Layer> names = looks.get(0).health().layers();
        List<Series> series = new ArrayList<>();
        StringBuilder words = new StringBuilder(heading).append(" over epochs: ");
        for (int i = 0; i < names.size(); i++) {
            int layer = i;
            double[] values = looks.stream()
                .mapToDouble(look -> value.applyAsDouble(look.health().layers().get(layer))).toArray();
            if (Arrays.stream(values).allMatch(Double::isNaN)) {
                continue;
            }
            series.add(new Series(names.get(i).name(), color(i, names.size()), values));
            words.append(names.get(i).name()).append(" from ").append(Words.number(values[0])).append(" to ")
                .append(Words.number(values[values.length - 1])).append(i + 1 < names.size() ? ", " : ".");
        }
        Plot.add(html, heading, looks.stream().mapToDouble(Look::epoch).toArray(), series, Axis.WIDE, -1, "", 0,
            words.toString());
    }

    /** From the first layer's to the last one's, so that depth is seen. */
    private static String color(int layer, int layers) {
        return layer == 0 ? "var(--first)" : layer + 1 == layers ? "var(--last)"
            : "color-mix(in oklch, var(--last) " + 100 * layer / (layers - 1) + "%, var(--first))";
    }

    private static void table(Html html, GradientHealth health) {
        html.open("div", "class", "cell").add("h3", "The model as it is now, layer by layer");
        html.scrolling("Gradients by layer").open("table", "class", "numbers");
        boolean dead = health.layers().stream().anyMatch(layer -> layer.deadUnits() > 0);
        boolean flat = health.layers().stream().anyMatch(layer -> layer.saturation() > 0);
        List<String> heads = new ArrayList<>(List.of("layer", "weights", "gradient", "signal"));
        if (dead) {
            heads.add("dead");
        }
        if (flat) {
            heads.add("saturated");
        }
        html.heads(heads.toArray(String[]::new)).open("tbody");
        for (Layer layer : health.layers()) {
            html.open("tr").open("th", "scope", "row").name(layer.name()).close();
            html.add("td", layer.weightNorm() == 0 ? "" : Words.number(layer.weightNorm()));
            html.add("td", Words.number(layer.gradientNorm()));
            html.add("td", Words.number(layer.signal()));
            if (dead) {
                html.add("td", layer.units() == 0 ? "" : layer.deadUnits() + " of " + layer.units());
            }
            if (flat) {
                html.add("td", layer.units() == 0 ? "" : Words.share(layer.saturation()));
            }
            html.close();
        }
        html.close().close().close();
        html.add("p", "Norms of the weights, of the gradient of all parameters, and of the signal: the loss's gradient with "
            + "respect to what a layer computes before its activation; on the first training rows. Dead are units that give "
            + "0 on each of them. Where each layer passes on less or more than it gets, depth makes it vanish or "
            + "explode.", "class", "note").close();
    }
}
