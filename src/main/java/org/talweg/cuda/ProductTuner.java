package org.talweg.cuda;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.DeviceMemoryException;
import org.talweg.ops.Precision;

/**
 * Measures the ways in which a device could compute a shape's products, and keeps what was fastest in a
 * {@link TuningCache}, so that a machine keeps its choice and with it its bits. What cannot be kept is not measured. A way
 * must be faster than the usual one by a margin, so that noise alone changes nothing.
 */
final class ProductTuner {
    private static final Logger LOG = LoggerFactory.getLogger(ProductTuner.class);
    private static final double MARGIN = 0.97;
    private static final int WARM_UPS = 3;
    private static final int MEASUREMENTS = 15;

    /** How long launches take; a test has its own. */
    @FunctionalInterface
    interface Stopwatch {
        /** @param what such as {@code forward 64}; {@code weights 64 / 128} is in shares of 128 rows */
        double microseconds(String what, Runnable launches);
    }

    /** Which of a shape's products are the library's. */
    record ByLibrary(boolean forward, boolean input, boolean weights) {
        static final ByLibrary NONE = new ByLibrary(false, false, false);
    }

    private final CudaDevice device;
    private final Map<String, TuningCache> caches = new HashMap<>();
    /** Null where times mean nothing: then nothing is measured. */
    private Stopwatch stopwatch;
    private Path folder = TuningCache.folder();
    private boolean on;
    private boolean readOnlySaid;

    /** @param measures false where times mean nothing */
    ProductTuner(CudaDevice device, boolean measures) {
        this.device = device;
        stopwatch = measures ? this::median : null;
        on = measures;
    }

    /** Whether tiles are measured from now on. */
    void on(boolean tune) {
        on = tune;
    }

    boolean canMeasure() {
        return stopwatch != null;
    }

    /** For tests: another clock, and another folder for what it says. */
    void measureWith(Stopwatch other, Path elsewhere) {
        stopwatch = other;
        folder = elsewhere;
        caches.clear();
    }

    /** Measured once and kept, where that is on and possible; else by shape and chip. */
    DensePlan plan(CudaDense dense, DenseShape shape) {
        DensePlan usual = dense.planner().plan(shape);
        if (!on || !mayMeasure(shape)) {
            return usual;
        }
        String name = "tiles " + name(dense.precision(), shape);
        TuningCache cache = cache(dense);
        ObjectNode known = cache.get(name);
        DensePlan kept = known == null ? null : tiles(known);
        if (kept != null && dense.planner().isPossible(kept, shape)) {
            return kept;
        }
        if (known != null) {
            LOG.warn("{}: '{}' is no plan and measured anew", cache.file(), name);
        }
        Map<String, Double> times = new TreeMap<>();
        DensePlan fastest;
        try {
            fastest = fastest(dense, shape, usual, times);
        } catch (DeviceMemoryException e) {
            LOG.info("{}: no memory to measure {}; tiles by shape and chip", device.name(), shape);
            return usual;
        }
        ObjectNode entry = JsonNodeFactory.instance.objectNode().put("forward", fastest.forward())
            .put("input", fastest.input()).put("weights", fastest.weights()).put("share", fastest.share())
            .put("beside", fastest.beside());
        ObjectNode now = keep(cache, name, entry, times, known != null);
        return now == null ? usual : now == entry ? fastest : tiles(now);
    }

    /** Measured once and kept; {@link ByLibrary#NONE} where that is impossible. */
    ByLibrary compare(CudaDense own, CublasDense library, DenseShape shape) {
        if (!mayMeasure(shape)) {
            return ByLibrary.NONE;
        }
        own.plan(shape, null);
        String name = "library " + name(library.precision(), shape);
        TuningCache cache = cache(own);
        ObjectNode known = cache.get(name);
        if (known != null) {
            return byLibrary(known);
        }
        Map<String, Double> times = new TreeMap<>();
        ByLibrary faster;
        try (MeasuredLayer layer = new MeasuredLayer(device, own, shape, Math.max(own.workspace(shape),
            library.workspace(shape)))) {
            faster = faster(layer, own, library, times);
        } catch (DeviceMemoryException e) {
            LOG.info("{}: no memory to measure {}; the products are talweg's own", device.name(), shape);
            return ByLibrary.NONE;
        }
        ObjectNode entry = JsonNodeFactory.instance.objectNode().put("forward", faster.forward())
            .put("input", faster.input()).put("weights", faster.weights());
        ObjectNode now = keep(cache, name, entry, times, false);
        return now == null ? ByLibrary.NONE : byLibrary(now);
    }

    private boolean mayMeasure(DenseShape shape) {
        return stopwatch != null && !device.isRecording() && shape.batch() > 0 && shape.outputs() > 0 && shape.inputs() > 0;
    }

    private DensePlan fastest(CudaDense dense, DenseShape shape, DensePlan usual, Map<String, Double> times) {
        long workspace = 0;
        int[] tiles = dense.kernels().tiles();
        for (int tile : tiles) {
            for (int share : shares(dense, shape, tile)) {
                dense.use(shape, usual.withWeights(tile, share));
                workspace = Math.max(workspace, dense.workspace(shape));
            }
        }
        try (MeasuredLayer layer = new MeasuredLayer(device, dense, shape, workspace)) {
            Race<DensePlan> forward = new Race<>(usual);
            Race<DensePlan> input = new Race<>(usual);
            Race<DensePlan> weights = new Race<>(usual.withBeside(0));
            for (int tile : tiles) {
                DensePlan plan = usual.withForward(tile);
                dense.use(shape, plan);
                forward.enter(plan, time(times, "forward " + tile, () -> layer.forward(dense)));
                plan = usual.withInput(tile);
                dense.use(shape, plan);
                input.enter(plan, time(times, "input " + tile, () -> layer.backwardInput(dense)));
                for (int share : shares(dense, shape, tile)) {
                    plan = usual.withWeights(tile, share);
                    dense.use(shape, plan);
                    weights.enter(plan, time(times, "weights " + tile + " / " + share, () -> layer.backwardWeights(dense)));
                }
            }
            DensePlan separate = new DensePlan(forward.winner().forward(), input.winner().input(),
                weights.winner().weights(), weights.winner().share(), 0);
            boolean usualWeights = separate.weights() == usual.weights() && separate.share() == usual.share();
            Race<DensePlan> together = new Race<>(usualWeights ? separate.withBeside(usual.beside()) : separate);
            for (int tile : new int[] {0, 32, 64, 128}) {
                DensePlan plan = separate.withBeside(tile);
                if (dense.planner().isPossible(plan, shape)) {
                    dense.use(shape, plan);
                    String what = tile == 0 ? "both, in their own launches" : "both, " + separate.weights() + " and " + tile;
                    together.enter(plan, time(times, what, () -> layer.backward(dense)));
                }
            }
            return together.winner();
        }
    }

    /** The whole batch, what fills the chip by count, and twice and half as many. */
    private static int[] shares(CudaDense dense, DenseShape shape, int tile) {
        int batch = shape.batch();
        int usual = dense.planner().share(shape, tile);
        int splits = CudaElementwise.ceilDivide(batch, usual);
        boolean mayNotSplit = !dense.planner().isPossible(new DensePlan(tile, tile, tile,
            DensePlanner.share(batch, 2), 0), shape);
        return mayNotSplit ? new int[] {batch} : IntStream.of(1, splits, 2 * splits, Math.max(1, splits / 2))
            .map(count -> count == 1 ? batch : DensePlanner.share(batch, count)).distinct().toArray();
    }

    private ByLibrary faster(MeasuredLayer layer, CudaDense own, DenseOps library, Map<String, Double> times) {
        boolean forward = faster(time(times, "talweg forward", () -> layer.forward(own)),
            time(times, "cuBLAS forward", () -> layer.forward(library)));
        double ownInput = time(times, "talweg input", () -> layer.backwardInput(own));
        double itsInput = time(times, "cuBLAS input", () -> layer.backwardInput(library));
        double ownWeights = time(times, "talweg weights", () -> layer.backwardWeights(own));
        double itsWeights = time(times, "cuBLAS weights", () -> layer.backwardWeights(library));
        double together = time(times, "talweg both", () -> layer.backward(own));
        boolean input = faster(ownInput, itsInput);
        boolean weights = faster(ownWeights, itsWeights);
        boolean apart = faster(together, Math.min(ownInput, itsInput) + Math.min(ownWeights, itsWeights))
            || faster(together, time(times, "cuBLAS both", () -> layer.backward(library)));
        return new ByLibrary(forward, apart && input, apart && weights);
    }

    /** Whether the other is faster. */
    private static boolean faster(double usual, double other) {
        return other < MARGIN * usual;
    }

    private double time(Map<String, Double> times, String what, Runnable launches) {
        double time = stopwatch.microseconds(what, launches);
        times.put(what, time);
        return time;
    }

    /** Of a few runs, after some to warm up. */
    private double median(String what, Runnable launches) {
        double[] times = new double[MEASUREMENTS];
        for (int i = -WARM_UPS; i < MEASUREMENTS; i++) {
            double time = device.microseconds(launches);
            if (i >= 0) {
                times[i] = time;
            }
        }
        Arrays.sort(times);
        return times[MEASUREMENTS / 2];
    }

    /** What is kept now; null if nothing can be. */
    private ObjectNode keep(TuningCache cache, String name, ObjectNode entry, Map<String, Double> times, boolean replace) {
        ObjectNode written = entry.putObject("microseconds");
        times.forEach((what, time) -> written.put(what, Math.round(time * 10) / 10.0));
        try {
            ObjectNode kept = cache.put(name, entry, replace);
            LOG.info("{}: measured {}: {}", device.name(), name, entry);
            return kept;
        } catch (IOException e) {
            if (!readOnlySaid) {
                readOnlySaid = true;
                LOG.warn("{}: what is measured cannot be kept in {} ({}), and would differ from run to run; tiles by shape"
                    + " and chip, products talweg's own", device.name(), cache.file(), e.toString());
            }
            return null;
        }
    }

    private static DensePlan tiles(ObjectNode entry) {
        return new DensePlan(entry.path("forward").asInt(), entry.path("input").asInt(), entry.path("weights").asInt(),
            entry.path("share").asInt(), entry.path("beside").asInt());
    }

    private static ByLibrary byLibrary(ObjectNode entry) {
        return new ByLibrary(entry.path("forward").asBoolean(), entry.path("input").asBoolean(),
            entry.path("weights").asBoolean());
    }

    private static String name(Precision precision, DenseShape shape) {
        return precision + " " + shape.batch() + "×" + shape.outputs() + "×" + shape.inputs();
    }

    private TuningCache cache(CudaDense dense) {
        String family = dense.kernels().family();
        return caches.computeIfAbsent(family, name -> {
            dense.kernels().forward(dense.kernels().tiles()[0]);
            return new TuningCache(folder, device.identity(name));
        });
    }

    /** Keeps the fastest; the usual one unless another is faster by the margin. */
    private static final class Race<T> {
        private final T usual;
        private T best;
        private double bestTime = Double.POSITIVE_INFINITY;
        private double usualTime = Double.POSITIVE_INFINITY;

        Race(T usual) {
            this.usual = usual;
            best = usual;
        }

        void enter(T candidate, double time) {
            if (candidate.equals(usual)) {
                usualTime = time;
            }
            if (time < bestTime) {
                bestTime = time;
                best = candidate;
            }
        }

        T winner() {
            return bestTime < MARGIN * usualTime ? best : usual;
        }
    }
}
