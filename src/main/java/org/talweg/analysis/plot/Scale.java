package org.talweg.analysis.plot;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.talweg.analysis.Landscape;

/**
 * Numbers along an axis, evenly or by their logarithms.
 *
 * @param low  finite, below {@code high}; above 0 if logarithmic
 */
record Scale(double low, double high, boolean logarithmic) {
    /** Losses whose largest is so many times the smallest are shown by their logarithms. */
    private static final double WIDE = 30;
    /** A logarithm ends at the smallest loss above 0, or at this share of the largest; what is below counts as that. */
    private static final double SMALLEST = 1e-8;
    private static final double[] ROUND = {1, 2, 5, 10};
    private static final double[][] PER_DECADE = {{1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8}, {1, 1.5, 2, 3, 5, 7}, {1, 2, 5},
        {1, 3}, {1}};

    /** An even scale; a range of no width gets some. */
    static Scale even(double low, double high) {
        double room = low < high ? 0 : low == 0 ? 1 : Math.abs(low) / 2;
        return new Scale(low - room, high + room, false);
    }

    /** For the losses of a landscape; 0 to 1 if none is finite. */
    static Scale of(Landscape landscape) {
        return of(Arrays.stream(landscape.losses()).flatMapToDouble(Arrays::stream).toArray());
    }

    /** For losses or norms, those that are finite; 0 to 1 if none is. */
    static Scale of(double[] values) {
        double[] finite = Arrays.stream(values).filter(Double::isFinite).sorted().toArray();
        if (finite.length == 0) {
            return new Scale(0, 1, false);
        }
        double low = finite[0];
        double high = finite[finite.length - 1];
        double floor = Math.max(Arrays.stream(finite).filter(value -> value > 0).findFirst().orElse(0), high * SMALLEST);
        return low >= 0 && high > WIDE * floor ? new Scale(floor, high, true) : even(low, high);
    }

    /** With room at both ends, as a share of the whole. */
    Scale widened(double share) {
        if (logarithmic) {
            double factor = Math.pow(high / low, share);
            return new Scale(low / factor, high * factor, true);
        }
        double room = share * (high - low);
        return new Scale(low - room, high + room, false);
    }

    /** 0 at the low end, 1 at the high one. */
    double position(double value) {
        return logarithmic ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low);
    }

    /** Round numbers inside the scale, about {@code count} of them. */
    List<Double> ticks(int count) {
        return logarithmic ? logarithmicTicks(count) : evenTicks(count);
    }

    private List<Double> evenTicks(int count) {
        double exact = (high - low) / count;
        int power = (int) Math.floor(Math.log10(exact));
        double mantissa = 1;
        for (double round : ROUND) {
            mantissa = round;
            if (round * Math.pow(10, power) >= exact * (1 - 1e-9)) {
                break;
            }
        }
        // Divided by a whole number where the step is below 1, so that the third tick of 0.1 is 0.3.
        double times = power < 0 ? mantissa : mantissa * Math.pow(10, power);
        double over = power < 0 ? Math.pow(10, -power) : 1;
        List<Double> ticks = new ArrayList<>();
        long first = (long) Math.ceil(low * over / times - 1e-9);
        for (long i = first; i * times / over <= high + 1e-9 * times / over; i++) {
            ticks.add(i * times / over);
        }
        return ticks;
    }

    private List<Double> logarithmicTicks(int count) {
        int first = (int) Math.floor(Math.log10(low));
        int last = (int) Math.ceil(Math.log10(high));
        List<Double> ticks = new ArrayList<>();
        for (double[] mantissas : PER_DECADE) {
            ticks.clear();
            for (int power = first; power <= last; power++) {
                for (double mantissa : mantissas) {
                    double tick = Double.parseDouble(mantissa + "e" + power);
                    if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) {
                        ticks.add(tick);
                    }
                }
            }
            if (ticks.size() <= count) {
                return ticks;
            }
        }
        int stride = (ticks.size() + count - 1) / count;
        List<Double> fewer = new ArrayList<>();
        for (int i = 0; i < ticks.size(); i += stride) {
            fewer.add(ticks.get(i));
        }
        return fewer;
    }

    /** A tick as text, with no more digits than it needs. */
    static String label(double tick) {
        double size = Math.abs(tick);
        if (size != 0 && (size < 1e-3 || size >= 1e5)) {
            return String.format(Locale.ROOT, "%.2e", tick).replaceAll("\\.?0*e", "e").replaceAll("e([-+])0", "e$1")
                .replace("e+", "e");
        }
        String text = String.format(Locale.ROOT, "%.4f", tick);
        text = text.replaceAll("\\.?0+$", "");
        return text.equals("-0") ? "0" : text.replace('-', '\u2212');
    }
}
