package org.talweg.reference;

import org.talweg.ops.RandomOps;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Philox;
import org.talweg.tensor.Tensor;

/** Random fills, one element at a time; the logarithm and the angle in double. */
final class ReferenceRandom implements RandomOps {

    @Override
    public void fillUniform(Tensor tensor, long seed, long stream, float low, float high) {
        Values values = Values.of(tensor);
        int[] words = new int[4];
        for (long i = 0; i < values.length(); i++) {
            Philox.words(seed, stream, i / 4, words);
            values.set(i, Math.fma(high - low, Philox.uniform(words[(int) (i % 4)]), low));
        }
    }

    @Override
    public void dropout(Tensor x, float rate, long seed, int layer, long firstElement, Tensor steps,
                        boolean accumulate, Tensor output) {
        Shapes.expectSameLength("dropout output", x, output);
        Values from = Values.of(x);
        Values to = Values.of(output);
        Values counts = Values.of(steps);
        long stream = RandomOps.dropoutStream(layer, (int) counts.get(0), (int) counts.get(1));
        int[] words = new int[4];
        for (long i = 0; i < from.length(); i++) {
            long number = firstElement + i;
            Philox.words(seed, stream, number / 4, words);
            boolean kept = Philox.uniform(words[(int) (number % 4)]) >= rate;
            to.put(i, kept ? from.get(i) * RandomOps.dropoutScale(rate) : 0, accumulate);
        }
    }

    @Override
    public void fillNormal(Tensor tensor, long seed, long stream, float mean, float standardDeviation) {
        Values values = Values.of(tensor);
        int[] words = new int[4];
        for (long i = 0; i < values.length(); i++) {
            Philox.words(seed, stream, i / 4, words);
            int pair = (int) (i % 4) / 2 * 2;
            double radius = Math.sqrt(-2 * Math.log(Philox.uniformAboveZero(words[pair])));
            double angle = 2 * Math.PI * Philox.uniform(words[pair + 1]);
            double normal = radius * (i % 2 == 0 ? Math.cos(angle) : Math.sin(angle));
            values.set(i, mean + standardDeviation * normal);
        }
    }
}
