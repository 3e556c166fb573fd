package org.talweg.nn;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.talweg.ops.Activation;

/** Layers from their settings: the other direction of {@link Layer#settings}. */
public final class Layers {
    private static final Map<String, String> TYPES = new LinkedHashMap<>();
    /** Types that are not built in. */
    private static final Map<String, Function<Map<String, Object>, Layer>> REGISTERED = new LinkedHashMap<>();

    static {
        TYPES.put("dense", "fully connected, with an activation");
        TYPES.put("activation", "an activation on its own");
        TYPES.put("softmax", "softmax over the last dimension, or its logarithm");
        TYPES.put("dropout", "drops values in training");
        TYPES.put("layer_norm", "each row to mean 0 and variance 1");
        TYPES.put("rms_norm", "each row to a mean square of 1");
        TYPES.put("batch_norm", "each column to mean 0 and variance 1, with running statistics");
        TYPES.put("residual", "its input plus a stack of layers");
    }

    private Layers() {
    }

    /** Every layer type with a line that says what it is. */
    public static synchronized Map<String, String> types() {
        return new LinkedHashMap<>(TYPES);
    }

    /**
     * Makes models with a layer of one's own readable from their files. The same type may be registered again.
     *
     * @param type   what its {@link Layer#type} says
     * @param line   what it is, in a few words
     * @param layer  from its {@link Layer#settings}; numbers come as {@link Integer} or {@link Double}
     * @throws IllegalArgumentException if a built-in layer has this type
     */
    public static synchronized void register(String type, String line, Function<Map<String, Object>, Layer> layer) {
        if (TYPES.containsKey(type) && !REGISTERED.containsKey(type)) {
            throw new IllegalArgumentException("layer type '" + type + "' is built in; choose another name");
        }
        TYPES.put(type, line);
        REGISTERED.put(type, layer);
    }

    /**
     * @throws IllegalArgumentException if the type is unknown (then it lists those there are, one a line), or a setting
     *                                  is missing or of the wrong kind
     */
    public static synchronized Layer of(String type, Map<String, Object> settings) {
        Function<Map<String, Object>, Layer> registered = REGISTERED.get(type);
        return registered != null ? registered.apply(settings) : builtIn(type, settings);
    }

    private static Layer builtIn(String type, Map<String, Object> settings) {
        return switch (type) {
            case "dense" -> new Dense(setting(settings, "units", Integer.class), activation(settings),
                setting(settings, "bias", Boolean.class));
            case "activation" -> new ActivationLayer(activation(settings));
            case "softmax" -> new Softmax(setting(settings, "log", Boolean.class));
            case "dropout" -> new Dropout(number(settings, "rate"));
            case "layer_norm" -> new LayerNorm(number(settings, "epsilon"), setting(settings, "affine", Boolean.class));
            case "rms_norm" -> new RmsNorm(number(settings, "epsilon"), setting(settings, "affine", Boolean.class));
            case "batch_norm" -> new BatchNorm(number(settings, "epsilon"), number(settings, "momentum"),
                setting(settings, "affine", Boolean.class), setting(settings, "frozen", Boolean.class));
            case "residual" -> new Residual(layers(settings));
            default -> {
                StringBuilder message = new StringBuilder("unknown layer type '" + type + "'; there are");
                TYPES.forEach((name, line) -> message.append("\n  ").append(name).append(": ").append(line));
                throw new IllegalArgumentException(message.toString());
            }
        };
    }

    /** Type and settings, as {@link #of(Map)} reads them. */
    static Map<String, Object> describe(Layer layer) {
        Map<String, Object> description = new LinkedHashMap<>();
        description.put("type", layer.type());
        description.put("settings", layer.settings());
        return description;
    }

    /** From what {@link #describe} gives. */
    static Layer of(Map<?, ?> description) {
        if (description.get("type") instanceof String type && description.get("settings") instanceof Map<?, ?> map) {
            Map<String, Object> settings = new LinkedHashMap<>();
            map.forEach((name, value) -> settings.put(name.toString(), value));
            return of(type, settings);
        }
        throw new IllegalArgumentException("a layer is described by its type and its settings, not by " + description);
    }

    private static List<Layer> layers(Map<String, Object> settings) {
        List<Layer> layers = new ArrayList<>();
        for (Object layer : setting(settings, "layers", List.class)) {
            if (!(layer instanceof Map<?, ?> description)) {
                throw new IllegalArgumentException("a layer is described by its type and its settings, not by " + layer);
            }
            layers.add(of(description));
        }
        return layers;
    }

    private static Activation activation(Map<String, Object> settings) {
        return Activation.parse(setting(settings, "activation", String.class));
    }

    private static float number(Map<String, Object> settings, String name) {
        return setting(settings, name, Number.class).floatValue();
    }

    private static <T> T setting(Map<String, Object> settings, String name, Class<T> type) {
        Object value = settings.get(name);
        if (!type.isInstance(value)) {
            throw new IllegalArgumentException("layer setting '" + name + "' is " + value + ", expected "
                + type.getSimpleName() + "; settings are " + settings);
        }
        return type.cast(value);
    }
}
