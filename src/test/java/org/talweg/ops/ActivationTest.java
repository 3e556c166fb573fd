package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Activations by name. */
class ActivationTest {

    @Test
    void everyKindIsThereAndReadsBack() {
        assertEquals(Set.of(Activation.Kind.values()),
            Activation.all().stream().map(Activation::kind).collect(Collectors.toSet()));
        for (Activation f : Activation.all()) {
            assertEquals(f, Activation.parse(f.toString()));
            assertEquals(f, Activation.parse(f.name().toUpperCase()));
        }
    }

    @Test
    void parametersReadBack() {
        for (Activation f : new Activation[] {Activation.leakyRelu(0.3f), Activation.elu(1e-7f),
            Activation.softplus(0.1f, 5)}) {
            assertEquals(f, Activation.parse(f.toString()));
        }
        assertEquals(Activation.softplus(3, 20), Activation.parse("softplus:3"));
        assertEquals("leaky_relu:0.01", Activation.LEAKY_RELU.toString());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "swish | unknown activation 'swish'; there are",
        "relu:1 | activation 'relu:1' has 1 parameters; relu takes 0",
        "elu:1,2 | activation 'elu:1,2' has 2 parameters; elu takes 1",
        "elu: | activation 'elu:': '' is no number",
        "leaky_relu:-0.1 | leaky_relu with slope -0.1; it must not be negative",
        "elu:-1 | elu with alpha -1.0 and scale 1.0; alpha must not be negative",
        "softplus:0 | softplus with beta 0.0 and threshold 20.0; beta must be above 0"})
    void whatIsWrongIsSaid(String text, String message) {
        String actual = assertThrows(IllegalArgumentException.class, () -> Activation.parse(text)).getMessage();
        assertTrue(actual.startsWith(message), actual);
    }

    @Test
    void anUnknownNameListsAllWithALineEach() {
        String message = assertThrows(IllegalArgumentException.class, () -> Activation.parse("x")).getMessage();
        assertEquals(1 + Activation.Kind.values().length, message.lines().count());
        for (Activation f : Activation.all()) {
            assertTrue(message.contains("\n  " + f.name() + ": " + f.kind().formula()), f.name());
        }
    }
}
