package org.talweg.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What was written after a name on the command line, over the defaults of its usage: {@code size=100,gamma=0.5}, or
 * without keys in the order of the usage, {@code 100,0.5}.
 */
final class Settings {
    private final String option;
    private final Map<String, String> values;

    private Settings(String option, Map<String, String> values) {
        this.option = option;
        this.values = values;
    }

    /**
     * @param usage the name with all its keys and their defaults
     * @param text  the name as it was written
     * @param also  keys that every name of the option takes, empty unless written
     * @throws IllegalArgumentException if a key is none of them; names those there are
     */
    static Settings of(String option, String usage, String text, List<String> also) {
        Map<String, String> values = new LinkedHashMap<>();
        for (String pair : pairs(usage)) {
            values.put(pair.substring(0, pair.indexOf('=')), pair.substring(pair.indexOf('=') + 1));
        }
        also.forEach(key -> values.putIfAbsent(key, ""));
        List<String> order = new ArrayList<>(values.keySet());
        int position = 0;
        for (String pair : pairs(text)) {
            int equals = pair.indexOf('=');
            String key = equals >= 0 ? pair.substring(0, equals).strip()
                : position < order.size() ? order.get(position++) : null;
            if (key == null || !values.containsKey(key)) {
                throw new IllegalArgumentException(option + " " + text + ": "
                    + (key == null ? "too many values" : "no setting '" + key + "'") + "; " + usage(usage)
                    + (values.isEmpty() ? " takes none" : " takes " + String.join(", ", order)));
            }
            values.put(key, pair.substring(equals + 1).strip());
        }
        return new Settings(option + " " + text, values);
    }

    private static List<String> pairs(String text) {
        int colon = text.indexOf(':');
        return colon < 0 ? List.of() : Arrays.asList(text.substring(colon + 1).split(",", -1));
    }

    private static String usage(String usage) {
        return usage.split(":")[0];
    }

    boolean has(String key) {
        return !text(key).isEmpty();
    }

    String text(String key) {
        String value = values.get(key);
        if (value == null) {
            throw new IllegalStateException(option + " has no setting " + key);
        }
        return value;
    }

    double number(String key) {
        try {
            return text(key).equals("inf") ? Double.POSITIVE_INFINITY : Double.parseDouble(text(key));
        } catch (NumberFormatException e) {
            throw bad(key, "a number");
        }
    }

    float single(String key) {
        return (float) number(key);
    }

    /** Numbers with strokes between them. */
    float[] singles(String key) {
        String[] parts = text(key).split("/", -1);
        float[] numbers = new float[parts.length];
        try {
            for (int i = 0; i < parts.length; i++) {
                numbers[i] = Float.parseFloat(parts[i]);
            }
        } catch (NumberFormatException e) {
            throw bad(key, "numbers with strokes between them, as 1/2/0.5");
        }
        return numbers;
    }

    int integer(String key) {
        long value = whole(key);
        if (value != (int) value) {
            throw bad(key, "a whole number up to " + Integer.MAX_VALUE);
        }
        return (int) value;
    }

    long whole(String key) {
        try {
            return Long.parseLong(text(key));
        } catch (NumberFormatException e) {
            throw bad(key, "a whole number");
        }
    }

    boolean flag(String key) {
        return switch (text(key)) {
            case "true", "yes" -> true;
            case "false", "no" -> false;
            default -> throw bad(key, "yes or no");
        };
    }

    /** The learning rate where {@code lr} is written, else a number. */
    double rate(String key, double learningRate) {
        return text(key).equals("lr") ? learningRate : number(key);
    }

    IllegalArgumentException bad(String key, String expected) {
        return new IllegalArgumentException(option + ": " + key + " is '" + text(key) + "'; it must be " + expected);
    }
}
