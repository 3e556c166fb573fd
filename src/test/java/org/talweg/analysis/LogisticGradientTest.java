package org.talweg.analysis;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.talweg.data.Dataset;
import org.talweg.nn.Dense;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.tensor.Shape;
import org.talweg.testing.Draw;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;

/**
 * Logistic regression by hand: the loss −(1/n) Σ y log σ(x·w) + (1 − y) log(1 − σ(x·w)) is written as a formula,
 * differentiated by the rules of calculus, and found to be (1/n) Xᵀ(σ(Xw) − y), which is what the kernels compute.
 */
class LogisticGradientTest {

    /** A formula in the weights. */
    private interface Formula {
        double at(double[] w);

        /** The partial derivative with respect to weight k. */
        Formula derivative(int k);
    }

    private record Number(double value) implements Formula {
        @Override
        public double at(double[] w) {
            return value;
        }

        @Override
        public Formula derivative(int k) {
            return new Number(0);
        }
    }

    private record Weight(int index) implements Formula {
        @Override
        public double at(double[] w) {
            return w[index];
        }

        @Override
        public Formula derivative(int k) {
            return new Number(k == index ? 1 : 0);
        }
    }

    private record Sum(List<Formula> terms) implements Formula {
        @Override
        public double at(double[] w) {
            return terms.stream().mapToDouble(term -> term.at(w)).sum();
        }

        @Override
        public Formula derivative(int k) {
            return new Sum(terms.stream().map(term -> term.derivative(k)).toList());
        }
    }

    private record Product(Formula a, Formula b) implements Formula {
        @Override
        public double at(double[] w) {
            return a.at(w) * b.at(w);
        }

        @Override
        public Formula derivative(int k) {
            return new Sum(List.of(new Product(a.derivative(k), b), new Product(a, b.derivative(k))));
        }
    }

    private record Inverse(Formula a) implements Formula {
        @Override
        public double at(double[] w) {
            return 1 / a.at(w);
        }

        @Override
        public Formula derivative(int k) {
            return new Product(new Product(new Number(-1), a.derivative(k)), new Product(this, this));
        }
    }

    private record Exponential(Formula a) implements Formula {
        @Override
        public double at(double[] w) {
            return Math.exp(a.at(w));
        }

        @Override
        public Formula derivative(int k) {
            return new Product(a.derivative(k), this);
        }
    }

    private record Logarithm(Formula a) implements Formula {
        @Override
        public double at(double[] w) {
            return Math.log(a.at(w));
        }

        @Override
        public Formula derivative(int k) {
            return new Product(a.derivative(k), new Inverse(a));
        }
    }

    private static Formula sigmoid(Formula z) {
        Formula power = new Exponential(new Product(new Number(-1), z));
        return new Inverse(new Sum(List.of(new Number(1), power)));
    }

    private static Formula dot(float[] features, int row, int columns) {
        List<Formula> terms = new ArrayList<>();
        for (int k = 0; k < columns; k++) {
            terms.add(new Product(new Number(features[row * columns + k]), new Weight(k)));
        }
        return new Sum(terms);
    }

    private static Formula loss(float[] features, float[] targets, int columns) {
        List<Formula> terms = new ArrayList<>();
        for (int row = 0; row < targets.length; row++) {
            Formula p = sigmoid(dot(features, row, columns));
            Formula q = new Sum(List.of(new Number(1), new Product(new Number(-1), p)));
            terms.add(new Product(new Number(targets[row]), new Logarithm(p)));
            terms.add(new Product(new Number(1 - targets[row]), new Logarithm(q)));
        }
        return new Product(new Number(-1.0 / targets.length), new Sum(terms));
    }

    @OnEveryDevice
    void calculusTheFormulaAndTheKernelsAgree(TestDevice on) {
        int rows = 19;
        int columns = 5;
        Draw draw = new Draw(91);
        float[] features = draw.reals(rows * columns, 2);
        float[] targets = new float[rows];
        for (int i = 0; i < rows; i++) {
            targets[i] = draw.below(2);
        }
        Dataset data = Dataset.regression("points", List.of("a", "b", "c", "d", "e"), features, List.of("y"), targets);
        Formula loss = loss(features, targets, columns);
        try (Model model = Sequential.builder(Shape.of(columns)).layer(new Dense(1, Activation.IDENTITY, false))
            .build(on.device());
             ModelObjective kernels = ModelObjective.of(model, Losses.binaryCrossEntropyWithLogits(), data)) {
            SplittableRandom random = new SplittableRandom(92);
            for (int round = 0; round < 5; round++) {
                // Exact in float32, so that all three see the same point.
                double[] w = Vectors.widen(Vectors.narrow(random.doubles(columns, -1, 1).toArray()));
                double[] gradient = kernels.gradient(w);
                assertEquals(loss.at(w), kernels.value(w), 1e-6);
                for (int k = 0; k < columns; k++) {
                    double formula = 0;
                    for (int row = 0; row < rows; row++) {
                        double p = sigmoid(dot(features, row, columns)).at(w);
                        formula += features[row * columns + k] * (p - targets[row]) / rows;
                    }
                    assertEquals(formula, loss.derivative(k).at(w), 1e-12, "by calculus, weight " + k);
                    assertEquals(formula, gradient[k], 1e-6, on + ", weight " + k);
                }
            }
        }
    }
}
