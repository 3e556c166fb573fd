package org.talweg.report;

import java.util.Locale;

/** Numbers as a person writes them. */
final class Words {
    private Words() {
    }

    /** Four digits that matter. */
    static String number(double value) {
        if (!Double.isFinite(value)) {
            return Double.isNaN(value) ? "not a number" : value > 0 ? "infinite" : "−infinite";
        }
        double size = Math.abs(value);
        String text;
        if (value == 0) {
            return "0";
        } else if (size < 1e-4 || size >= 1e7) {
            text = String.format(Locale.ROOT, "%.2e", value).replaceAll("e([-+])0*(\\d)", "e$1$2").replace("e+", "e");
        } else if (size >= 1000) {
            text = String.format(Locale.ROOT, "%,.0f", value);
        } else {
            int decimals = Math.max(0, 3 - (int) Math.floor(Math.log10(size)));
            text = String.format(Locale.ROOT, "%." + Math.min(decimals, 6) + "f", value);
        }
        return text.replace('-', '−');
    }

    /** A number as it was given, such as a feature's: without zeros at its end. */
    static String plain(float value) {
        String text = value == Math.rint(value) && Math.abs(value) < 1e7 ? String.format(Locale.ROOT, "%.0f", value)
            : Double.isFinite(value) ? Float.toString(value).replaceAll("E(-?)", "e$1") : number(value);
        return text.equals("-0") ? "0" : text.replace('-', '−');
    }

    static String share(double value) {
        if (Double.isNaN(value)) {
            return "not a number";
        }
        double percent = 100 * value;
        // Never 100 % of all but one.
        return percent == 0 || percent == 100 ? String.format(Locale.ROOT, "%.0f\u00a0%%", percent)
            : percent > 99.95 ? ">\u00a099.9\u00a0%" : percent < 0.05 ? "<\u00a00.1\u00a0%" : String.format(Locale.ROOT, "%.1f\u00a0%%", percent);
    }

    static String count(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    static String time(double seconds) {
        if (seconds < 60) {
            return String.format(Locale.ROOT, seconds < 10 ? "%.1f s" : "%.0f s", seconds);
        }
        long whole = Math.round(seconds);
        return whole < 3600 ? whole / 60 + " min " + whole % 60 + " s" : whole / 3600 + " h " + whole / 60 % 60 + " min";
    }

    /** {@code val_top_k} as {@code validation top k}. */
    static String metric(String name) {
        String words = name.replace('_', ' ').replace("f1", "F1").replace("auc", "AUC").replace("r2", "R²");
        return words.startsWith("val ") ? "validation " + words.substring(4) : words;
    }
}
