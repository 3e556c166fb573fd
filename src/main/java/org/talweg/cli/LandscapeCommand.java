package org.talweg.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.talweg.analysis.Direction;
import org.talweg.analysis.Direction.Normalization;
import org.talweg.analysis.Landscape;
import org.talweg.analysis.Landscape.Point;
import org.talweg.analysis.LossSurface;
import org.talweg.analysis.PrincipalDirections;
import org.talweg.analysis.Trajectory;
import org.talweg.analysis.plot.ContourPlot;
import org.talweg.analysis.plot.LinePlot;
import org.talweg.analysis.plot.Picture;
import org.talweg.analysis.plot.SurfacePlot;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code talweg landscape}: what the loss looks like around a trained model. */
@Command(name = "landscape", mixinStandardHelpOptions = true, sortOptions = false, showDefaultValues = true,
    description = "Draws the loss around a trained model: contours and relief as PNG and SVG, and the values as CSV.",
    footer = {"", "Examples:", "  ./talweg landscape runs/a", "  ./talweg landscape runs/a --method pca",
        "  ./talweg landscape runs/a --method interpolate --to runs/b"})
final class LandscapeCommand implements Callable<Integer> {
    private static final int PLANE_POINTS = 41;
    private static final int LINE_POINTS = 101;
    /** Of a trajectory's extent, on each side. */
    private static final double MARGIN = 0.4;

    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "RUN", description = "A folder that 'talweg train' wrote.")
    private Path folder;

    @Option(names = "--method", paramLabel = "NAME", defaultValue = "random",
        description = "random: a plane of two random directions; pca: the plane in which training moved most, with its "
            + "path (after 'train --trajectory'); line: along one random direction; interpolate: on the way to --to.")
    private Method method;

    @Option(names = "--to", paramLabel = "RUN", description = "Another run, for interpolate.")
    private Path to;

    @Option(names = "--normalise", paramLabel = "NAME", defaultValue = "filter",
        description = "Lengths of random directions: filter (each row of weights as long as the model's), layer or none.")
    private Normalization normalization;

    @Option(names = "--biases", description = "Random directions move biases and other vectors too.")
    private boolean biases;

    @Option(names = "--uncentred", description = "pca of the points as seen from the last one, not from their mean.")
    private boolean uncentred;

    @Option(names = "--range", paramLabel = "LOW,HIGH", split = ",", showDefaultValue = Visibility.NEVER,
        description = "Of both axes, or LOW,HIGH,LOW,HIGH of each (default: -1,1; for pca what the path needs; for "
            + "interpolate -0.5,1.5).")
    private List<Double> range;

    @Option(names = "--grid", paramLabel = "N|NxM", showDefaultValue = Visibility.NEVER,
        description = "Points of the grid, e.g. 41x31 (default: 41 for a plane, 101 for a line).")
    private String grid;

    @Option(names = "--rows", paramLabel = "PART", defaultValue = "train",
        description = "Whose loss: of the train, validation or test rows.")
    private SavedRun.Rows rows;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "1", description = "Draws the random directions.")
    private long seed;

    @Option(names = "--device", paramLabel = "NAME", defaultValue = "best",
        description = "best, cuda, cuda:N, cpu, reference or software.")
    private String device;

    @Option(names = "--out", paramLabel = "DIR", showDefaultValue = Visibility.NEVER,
        description = "Where pictures and values go (default: RUN/landscape).")
    private Path out;

    enum Method { RANDOM, PCA, LINE, INTERPOLATE }

    @Override
    public Integer call() throws IOException {
        Experiment.check((method == Method.INTERPOLATE) == (to != null), method == Method.INTERPOLATE
            ? "--method interpolate needs another run; name it with --to" : "--to is for --method interpolate");
        axes(-1, 1, -1, 1);
        SavedRun run = SavedRun.read(folder);
        Path target = out != null ? out : folder.resolve("landscape");
        if (Files.exists(target) && !Files.isDirectory(target)) {
            throw new IOException("--out " + target + " is a file; name a folder");
        }
        try (Device opened = Devices.open(device); Model model = run.model(opened);
             LossSurface surface = new LossSurface(model, run.loss(), run.rows(rows, model))) {
            Landscape landscape = switch (method) {
                case RANDOM -> {
                    Axes axes = axes(-1, 1, -1, 1);
                    yield surface.plane(direction(model, 1), direction(model, 2), axes.first, axes.second);
                }
                case PCA -> principal(surface);
                case LINE -> surface.line(direction(model, 1), axes(-1, 1, -1, 1).first);
                case INTERPOLATE -> {
                    try (Model other = SavedRun.read(to).model(opened)) {
                        yield surface.interpolation(other, axes(-0.5, 1.5, 0, 1).first);
                    }
                }
            };
            report(landscape, write(landscape, target, run));
        }
        return 0;
    }

    private Direction direction(Model model, int number) {
        return Direction.random(model, normalization, biases, seed, number);
    }

    private Landscape principal(LossSurface surface) throws IOException {
        Path file = folder.resolve(RunFolder.TRAJECTORY);
        if (!Files.isRegularFile(file)) {
            throw new IOException(folder + " holds no " + RunFolder.TRAJECTORY
                + "; train with --trajectory, or take --method random");
        }
        Trajectory trajectory = Trajectory.load(file);
        PrincipalDirections directions = PrincipalDirections.of(trajectory, 2, !uncentred);
        Direction first = directions.direction(0);
        Direction second = directions.direction(1);
        double[][] places = trajectory.project(trajectory.last(), first, second);
        double[] losses = surface.along(trajectory);
        List<Point> path = new ArrayList<>();
        for (int i = 0; i < places.length; i++) {
            path.add(new Point(places[i][0], places[i][1], losses[i]));
        }
        double[] a = extent(path.stream().mapToDouble(Point::alpha).toArray());
        double[] b = extent(path.stream().mapToDouble(Point::beta).toArray());
        Axes axes = axes(a[0], a[1], b[0], b[1]);
        return surface.plane(first, second, axes.first, axes.second).withPath(path);
    }

    private static double[] extent(double[] values) {
        double low = 0;
        double high = 0;
        for (double value : values) {
            low = Math.min(low, value);
            high = Math.max(high, value);
        }
        double room = MARGIN * (high - low);
        return new double[] {low - room, high + room};
    }

    private record Axes(double[] first, double[] second) {
    }

    /** From --range and --grid, or what is given here where they say nothing. */
    private Axes axes(double low, double high, double secondLow, double secondHigh) {
        int[] counts = counts();
        if (range == null) {
            return new Axes(LossSurface.range(low, high, counts[0]), LossSurface.range(secondLow, secondHigh, counts[1]));
        }
        Experiment.check(range.size() == 2 || range.size() == 4, "--range has " + range.size()
            + " numbers; write -1,1 or -1,1,-2,2");
        return new Axes(LossSurface.range(range.get(0), range.get(1), counts[0]),
            LossSurface.range(range.get(range.size() - 2), range.get(range.size() - 1), counts[1]));
    }

    private int[] counts() {
        boolean line = method == Method.LINE || method == Method.INTERPOLATE;
        if (grid == null) {
            return line ? new int[] {LINE_POINTS, LINE_POINTS} : new int[] {PLANE_POINTS, PLANE_POINTS};
        }
        String[] parts = grid.toLowerCase(Locale.ROOT).split("x", -1);
        Experiment.check(parts.length == 1 || parts.length == 2 && !line, "--grid " + grid + ": write a number of points"
            + (line ? "" : " for both axes, or 41x31"));
        int[] counts = new int[2];
        for (int i = 0; i < 2; i++) {
            String part = parts[Math.min(i, parts.length - 1)].strip();
            Experiment.check(part.matches("\\d{1,5}") && Integer.parseInt(part) >= 2, "--grid " + grid + ": '" + part
                + "' is no number of points from 2 to 99999");
            counts[i] = Integer.parseInt(part);
        }
        return counts;
    }

    private List<Path> write(Landscape landscape, Path target, SavedRun run) throws IOException {
        Files.createDirectories(target);
        List<Path> files = new ArrayList<>();
        String title = switch (method) {
            case RANDOM -> "Loss of " + run.dataName() + " around the trained model";
            case PCA -> "Loss of " + run.dataName() + " where training went";
            case LINE -> "Loss of " + run.dataName() + " along a line";
            case INTERPOLATE -> "Loss of " + run.dataName() + " between two models";
        };
        if (landscape.isLine()) {
            pictures(new LinePlot(landscape, title), target, "line", files);
        } else {
            pictures(new ContourPlot(landscape, title), target, "contour", files);
            pictures(new SurfacePlot(landscape, title), target, "surface", files);
        }
        files.add(Files.writeString(target.resolve("landscape.csv"), landscape.csv()));
        if (!landscape.path().isEmpty()) {
            StringBuilder table = new StringBuilder("alpha,beta,loss\n");
            landscape.path().forEach(point -> table.append(point.alpha()).append(',').append(point.beta()).append(',')
                .append(point.loss()).append('\n'));
            files.add(Files.writeString(target.resolve("trajectory.csv"), table));
        }
        return files;
    }

    private static void pictures(Picture picture, Path target, String name, List<Path> files) throws IOException {
        Path png = target.resolve(name + ".png");
        Path svg = target.resolve(name + ".svg");
        picture.writePng(png);
        picture.writeSvg(svg);
        files.add(png);
        files.add(svg);
    }

    private void report(Landscape landscape, List<Path> files) {
        PrintWriter text = spec.commandLine().getOut();
        Point minimum = landscape.minimum();
        if (Double.isNaN(minimum.loss())) {
            text.println("loss    nowhere finite");
        } else {
            text.printf(Locale.ROOT, "loss    %.6g to %.6g, lowest at %.4g%s%n", minimum.loss(), landscape.largest(),
                minimum.alpha(), landscape.isLine() ? "" : String.format(Locale.ROOT, ", %.4g", minimum.beta()));
        }
        if (landscape.nonFinite() > 0) {
            text.printf("        %d points are not finite%n", landscape.nonFinite());
        }
        files.forEach(file -> text.println("saved   " + file));
        text.flush();
    }
}
