package org.talweg.nn;

import java.util.Map;
import org.talweg.tape.Tape;
import org.talweg.tape.Value;

/** One layer of a model: forward code only, the tape derives the rest. */
public interface Layer {

    /** What it is called in names and files: {@code dense}. */
    String type();

    /** Its settings for the model's file, in order; {@link Layers#of} reads them back. */
    Map<String, Object> settings();

    /**
     * Records this layer.
     *
     * @param name unique in the model; parameters are called {@code name.weight} and so on
     */
    Value forward(Tape tape, String name, Value input);
}
