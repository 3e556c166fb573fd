package org.talweg.examples;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;

/** The examples run, and learn what they say. */
@ResourceLock(Resources.SYSTEM_OUT)
class ExamplesTest {
    private interface Example {
        void main(String... args) throws Exception;
    }

    /** The first number in what it prints after some words. */
    private static double run(Example example, String words) throws Exception {
        PrintStream before = System.out;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            example.main();
        } finally {
            System.setOut(before);
        }
        String output = bytes.toString(StandardCharsets.UTF_8);
        Matcher number = Pattern.compile(words + "(-?[0-9.]+)").matcher(output);
        assertTrue(number.find(), words + " in " + output);
        return Double.parseDouble(number.group(1));
    }

    @Test
    void regression() throws Exception {
        assertTrue(run(Regression::main, "R² ") > 0.4);
    }

    @Test
    void classification() throws Exception {
        assertTrue(run(Classification::main, "") >= 28);
    }

    @Test
    void customLoop() throws Exception {
        assertTrue(run(CustomLoop::main, "loss ") < 1e-3);
    }

    @Test
    void rawOptimizer() throws Exception {
        assertTrue(Math.abs(run(RawOptimizer::main, "minimum at \\(") - 1) < 0.01);
    }

    @Test
    void customLayer() throws Exception {
        assertTrue(run(CustomLayer::main, "accuracy ") > 0.95);
        assertTrue(run(CustomLayer::main, "Bottleneck\\[narrow=") == 16);
    }
}
