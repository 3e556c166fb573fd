package org.talweg.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ErrorFunctionTest {
    /** x and erfc x to 20 digits, from a computation with 40. */
    private static final double[][] KNOWN = {
        {0, 1.0},
        {1e-8, 0.99999998871620832904},
        {0.1, 0.8875370839817151016},
        {0.5, 0.47950012218695346232},
        {1, 0.15729920705028513066},
        {1.5, 0.033894853524689272933},
        {1.9, 0.0072095707647425327628},
        {2, 0.0046777349810472658379},
        {2.1, 0.0029794666563329842857},
        {3, 0.000022090496998585441373},
        {4.5, 1.9661604415428874763e-10},
        {6, 2.1519736712498913117e-17},
        {9, 4.1370317465138102381e-37},
        {15, 7.2129941724512066666e-100},
        {26, 5.6631924088561428465e-296},
        {-0.3, 1.3286267594591274162},
        {-1, 1.8427007929497148693},
        {-2, 1.9953222650189527342},
        {-4, 1.9999999845827420997},
    };

    @Test
    void agreesWithKnownValues() {
        for (double[] pair : KNOWN) {
            assertEquals(pair[1], ErrorFunction.erfc(pair[0]), pair[1] * 1e-13, "erfc(" + pair[0] + ")");
        }
    }

    @Test
    void isMonotoneAcrossTheSeam() {
        double before = ErrorFunction.erfc(1.99);
        for (double x = 1.9901; x < 2.01; x += 1e-4) {
            double value = ErrorFunction.erfc(x);
            assertTrue(value < before, "erfc(" + x + ") = " + value + " is not below " + before);
            before = value;
        }
    }

    @Test
    void limits() {
        assertEquals(0, ErrorFunction.erfc(Double.POSITIVE_INFINITY));
        assertEquals(2, ErrorFunction.erfc(Double.NEGATIVE_INFINITY));
        assertTrue(Double.isNaN(ErrorFunction.erfc(Double.NaN)));
    }
}
