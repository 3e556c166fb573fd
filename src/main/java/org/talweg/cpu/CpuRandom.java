package org.talweg.cpu;

import org.talweg.ops.RandomOps;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Philox;
import org.talweg.tensor.Tensor;

/** Random fills, four elements for each Philox block. */
final class CpuRandom implements RandomOps {
    /** For a block of four, roughly. */
    private static final long DROPOUT_OPERATIONS = 120;

    private final Parallel parallel;
    private final int[] words = new int[4];
    private final Dropout dropout;

    CpuRandom(Parallel parallel) {
        this.parallel = parallel;
        dropout = new Dropout(parallel.threads());
    }

    @Override
    public void fillUniform(Tensor tensor, long seed, long stream, float low, float high) {
        float[] values = Heap.floats(tensor);
        int start = Heap.start(tensor);
        int length = (int) tensor.elements();
        for (int i = 0; i < length; i += 4) {
            Philox.words(seed, stream, i / 4, words);
            for (int j = 0; j < 4 && i + j < length; j++) {
                values[start + i + j] = Math.fma(high - low, Philox.uniform(words[j]), low);
            }
        }
    }

    @Override
    public void dropout(Tensor x, float rate, long seed, int layer, long firstElement, Tensor steps,
                        boolean accumulate, Tensor output) {
        Shapes.expectSameLength("dropout output", x, output);
        int[] counts = Heap.ints(steps);
        dropout.x = x;
        dropout.output = output;
        dropout.rate = rate;
        dropout.seed = seed;
        dropout.stream = RandomOps.dropoutStream(layer, counts[Heap.start(steps)], counts[Heap.start(steps) + 1]);
        dropout.firstElement = firstElement;
        dropout.accumulate = accumulate;
        // Blocks of four start at multiples of four of the batch, wherever x does.
        dropout.before = (int) (firstElement % 4);
        int blocks = ((int) x.elements() + dropout.before + 3) / 4;
        parallel.run(blocks, DROPOUT_OPERATIONS * blocks, dropout);
    }

    private static final class Dropout implements Parallel.Body {
        private final int[][] words;
        private Tensor x;
        private Tensor output;
        private float rate;
        private long seed;
        private long stream;
        private long firstElement;
        private boolean accumulate;
        private int before;

        Dropout(int threads) {
            words = new int[threads][4];
        }

        @Override
        public void run(int slot, int firstBlock, int lastBlock) {
            int[] own = words[slot];
            float scale = RandomOps.dropoutScale(rate);
            float[] from = Heap.floats(x);
            float[] to = Heap.floats(output);
            int start = Heap.start(x);
            int out = Heap.start(output);
            int length = (int) x.elements();
            for (int block = firstBlock; block < lastBlock; block++) {
                int i = 4 * block - before;
                Philox.words(seed, stream, (firstElement + i) / 4, own);
                for (int j = Math.max(i, 0); j < i + 4 && j < length; j++) {
                    float value = Philox.uniform(own[j - i]) >= rate ? from[start + j] * scale : 0;
                    to[out + j] = accumulate ? to[out + j] + value : value;
                }
            }
        }
    }

    @Override
    public void fillNormal(Tensor tensor, long seed, long stream, float mean, float standardDeviation) {
        float[] values = Heap.floats(tensor);
        int start = Heap.start(tensor);
        int length = (int) tensor.elements();
        for (int i = 0; i < length; i += 4) {
            Philox.words(seed, stream, i / 4, words);
            for (int j = 0; j < 4 && i + j < length; j += 2) {
                double radius = Math.sqrt(-2 * Math.log(Philox.uniformAboveZero(words[j])));
                double angle = 2 * Math.PI * Philox.uniform(words[j + 1]);
                values[start + i + j] = (float) (mean + standardDeviation * (radius * Math.cos(angle)));
                if (i + j + 1 < length) {
                    values[start + i + j + 1] = (float) (mean + standardDeviation * (radius * Math.sin(angle)));
                }
            }
        }
    }
}
