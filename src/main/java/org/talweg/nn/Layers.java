package org.talweg.nn;

import java.util.Map;
import org.talweg.ops.Activation;

/** Layers from their settings: the other direction of {@link Layer#settings}. */
public final class Layers {
    private Layers() {
    }

    /**
     * @throws IllegalArgumentException if the type is unknown, or a setting is missing or of the wrong kind
     */
    public static Layer of(String type, Map<String, Object> settings) {
        return switch (type) {
            case "dense" -> new Dense(setting(settings, "units", Integer.class), activation(settings),
                setting(settings, "bias", Boolean.class));
            case "activation" -> new ActivationLayer(activation(settings));
            default -> throw new IllegalArgumentException("unknown layer type '" + type
                + "'; there are activation and dense");
        };
    }

    private static Activation activation(Map<String, Object> settings) {
        return Activation.parse(setting(settings, "activation", String.class));
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
