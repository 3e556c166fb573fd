package org.talweg.optim;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.talweg.ops.Segment;
import org.talweg.tape.Parameter;

/**
 * Parameters that are treated in ways of their own: {@code ParameterGroups.none().decayMatricesOnly()
 * .learningRate("dense_1", 0.1f).freeze("embedding*")}. A pattern is the name of a parameter, {@code dense_1.weight}, of a
 * layer, {@code dense_1}, or of what is called so in every layer, {@code bias}; {@code *} stands for any characters. Where
 * several rules set the same thing for a parameter, the last counts.
 *
 * @param rules in order
 */
public record ParameterGroups(List<Rule> rules) {

    /**
     * One rule; what is null it leaves alone.
     *
     * @param pattern      null for all parameters of rank below 2
     * @param learningRate multiplies the learning rate
     * @param weightDecay  multiplies the weight decay
     */
    public record Rule(String pattern, Float learningRate, Float weightDecay, boolean frozen) {

        private boolean matches(Parameter parameter) {
            String name = parameter.name();
            return pattern == null ? parameter.shape().rank() < 2
                : Stream.of(name, layer(name), name.substring(name.lastIndexOf('.') + 1)).anyMatch(part ->
                    Pattern.matches("\\Q" + pattern.replace("*", "\\E.*\\Q") + "\\E", part));
        }
    }

    public ParameterGroups {
        rules = List.copyOf(rules);
    }

    /** All parameters alike. */
    public static ParameterGroups none() {
        return new ParameterGroups(List.of());
    }

    /**
     * No weight decay for biases and the scales of normalisations, which is every parameter of rank below 2: they are
     * few, and pulling them to 0 does not make a function simpler.
     */
    public ParameterGroups decayMatricesOnly() {
        return with(new Rule(null, null, 0f, false));
    }

    /** Multiplies the weight decay; 0 for none. */
    public ParameterGroups weightDecay(String pattern, float multiplier) {
        return with(new Rule(pattern, null, multiplier, false));
    }

    /** Multiplies the learning rate, whatever the schedule says. */
    public ParameterGroups learningRate(String pattern, float multiplier) {
        return with(new Rule(pattern, multiplier, null, false));
    }

    /**
     * Leaves parameters as they are. As with PyTorch's {@code requires_grad=False} they have no gradient: it has no part in
     * the gradient norm, in the log and in clipping, and where all parameters of a layer are frozen it is not computed, nor
     * is what would flow through layers below which nothing is trained. Running statistics of batch normalisation move on.
     */
    public ParameterGroups freeze(String pattern) {
        return with(new Rule(pattern, null, null, true));
    }

    private ParameterGroups with(Rule rule) {
        List<Rule> more = new ArrayList<>(rules);
        more.add(rule);
        return new ParameterGroups(more);
    }

    /** Those that are frozen. */
    public Set<Parameter> frozen(List<Parameter> parameters) {
        return parameters.stream().filter(parameter -> segment(parameter).frozen()).collect(Collectors.toSet());
    }

    /**
     * @throws IllegalArgumentException if a pattern matches no parameter; lists layers and parameters
     */
    List<Segment> segments(List<Parameter> parameters) {
        for (Rule rule : rules) {
            if (rule.pattern != null && parameters.stream().noneMatch(rule::matches)) {
                List<String> names = parameters.stream().map(Parameter::name).toList();
                throw new IllegalArgumentException("no layer or parameter is called '" + rule.pattern + "'; there are "
                    + String.join(", ", names.stream().map(ParameterGroups::layer).distinct().toList()) + " with "
                    + String.join(", ", names));
            }
        }
        return parameters.stream().map(this::segment).toList();
    }

    private static String layer(String parameter) {
        int dot = parameter.lastIndexOf('.');
        return dot < 0 ? parameter : parameter.substring(0, dot);
    }

    private Segment segment(Parameter parameter) {
        float rate = 1;
        float decay = 1;
        boolean frozen = false;
        for (Rule rule : rules) {
            if (rule.matches(parameter)) {
                rate = rule.learningRate == null ? rate : rule.learningRate;
                decay = rule.weightDecay == null ? decay : rule.weightDecay;
                frozen |= rule.frozen;
            }
        }
        return new Segment(parameter.name(), parameter.offset(), parameter.shape(), rate, decay, frozen);
    }
}
