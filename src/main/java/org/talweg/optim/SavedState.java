package org.talweg.optim;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What an optimizer remembers, in host memory: from it another one of the same settings goes on bit for bit.
 *
 * @param vectors such as moments, by name
 * @param numbers such as counters, by name
 */
public record SavedState(Map<String, float[]> vectors, Map<String, Double> numbers) {

    public SavedState {
        vectors = Collections.unmodifiableMap(new LinkedHashMap<>(vectors));
        numbers = Collections.unmodifiableMap(new LinkedHashMap<>(numbers));
    }

    /**
     * @throws IllegalArgumentException if there is no vector of this name and length
     */
    float[] vector(String name, long length) {
        float[] vector = vectors.get(name);
        if (vector == null || vector.length != length) {
            throw new IllegalArgumentException("the saved state has " + (vector == null ? "no vector '" + name
                + "', only " + vectors.keySet() : vector.length + " values of '" + name + "', expected " + length)
                + "; it is of another optimizer or model");
        }
        return vector;
    }

    /**
     * @throws IllegalArgumentException if there is no number of this name
     */
    double number(String name) {
        Double number = numbers.get(name);
        if (number == null) {
            throw new IllegalArgumentException("the saved state has no number '" + name + "', only "
                + numbers.keySet() + "; it is of another optimizer");
        }
        return number;
    }

    /** This and the words of a {@link org.talweg.ops.StepState}. */
    SavedState withWords(int[] words) {
        Map<String, Double> all = new LinkedHashMap<>(numbers);
        for (int i = 0; i < words.length; i++) {
            all.put("word " + i, (double) words[i]);
        }
        return new SavedState(vectors, all);
    }

    int[] words(int count) {
        int[] words = new int[count];
        for (int i = 0; i < count; i++) {
            words[i] = (int) number("word " + i);
        }
        return words;
    }
}
