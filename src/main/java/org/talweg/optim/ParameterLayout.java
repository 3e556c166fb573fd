package org.talweg.optim;

import java.util.List;
import org.talweg.ops.Segment;
import org.talweg.tape.Tape;
import org.talweg.tensor.Shape;

/**
 * Where parameters lie in the flat buffers, and how each is treated.
 *
 * @param length   elements of a flat buffer, padding included
 * @param segments one for each parameter, in order
 */
public record ParameterLayout(long length, List<Segment> segments) {

    public ParameterLayout {
        segments = List.copyOf(segments);
        for (Segment segment : segments) {
            if (segment.offset() + segment.length() > length) {
                throw new IllegalArgumentException("parameter " + segment.name() + " with elements "
                    + segment.offset() + " to " + (segment.offset() + segment.length()) + " does not fit a buffer of "
                    + length);
            }
        }
    }

    /** One parameter that fills the buffer. */
    public static ParameterLayout of(Shape parameter) {
        return new ParameterLayout(parameter.elements(), List.of(Segment.whole(parameter)));
    }

    /** The parameters of a model's tape, each treated as its group says. */
    public static ParameterLayout of(Tape tape, ParameterGroups groups) {
        return new ParameterLayout(tape.parameterLength(), groups.segments(tape.parameters()));
    }

    /** Whether no parameter is treated in a way of its own. */
    boolean isUniform() {
        return segments.stream().allMatch(s -> s.learningRate() == 1 && s.weightDecay() == 1 && !s.frozen());
    }

    /** Whether those that are not frozen are treated alike. */
    boolean hasOneTreatment() {
        return segments.stream().allMatch(s -> s.frozen() || s.learningRate() == 1 && s.weightDecay() == 1);
    }

    boolean hasFrozen() {
        return segments.stream().anyMatch(Segment::frozen);
    }
}
