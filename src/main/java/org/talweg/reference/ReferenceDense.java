package org.talweg.reference;

import org.talweg.ops.Activation;
import org.talweg.ops.BatchRows;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Precision;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Matrix products as three nested loops, each sum in double and in natural order. */
final class ReferenceDense implements DenseOps {
    private final Precision precision;

    ReferenceDense(Precision precision) {
        this.precision = precision;
    }

    @Override
    public DenseOps at(Precision other) {
        return new ReferenceDense(other);
    }

    @Override
    public void forward(Tensor x, BatchRows rows, Tensor weights, Tensor bias, Activation activation,
                             Tensor preActivation, Tensor output) {
        DenseShape shape = DenseShape.forward(x, rows, weights, bias, activation, preActivation, output);
        int outputs = shape.outputs();
        int inputs = shape.inputs();
        Values xs = Values.of(x);
        Values w = Values.of(weights);
        Values a = Values.of(output);
        for (int i = 0; i < shape.batch(); i++) {
            long row = Values.sourceRow(rows, i);
            for (int o = 0; o < outputs; o++) {
                double z = bias == null ? 0 : Values.of(bias).get(o);
                for (int k = 0; k < inputs; k++) {
                    z += product(xs.get(row * inputs + k), w.get((long) o * inputs + k));
                }
                long at = (long) i * outputs + o;
                if (preActivation != null) {
                    Values.of(preActivation).set(at, z);
                }
                a.set(at, ReferenceActivation.apply(activation, z));
            }
        }
    }

    @Override
    public void backwardInput(Tensor gradient, Tensor weights, Activation below, Tensor saved,
                                   boolean accumulate, Tensor inputGradient) {
        DenseShape shape = DenseShape.backwardInput(gradient, weights, below, saved, inputGradient);
        int outputs = shape.outputs();
        int inputs = shape.inputs();
        Values dz = Values.of(gradient);
        Values w = Values.of(weights);
        Values dx = Values.of(inputGradient);
        for (int i = 0; i < shape.batch(); i++) {
            for (int k = 0; k < inputs; k++) {
                double sum = 0;
                for (int o = 0; o < outputs; o++) {
                    sum += product(dz.get((long) i * outputs + o), w.get((long) o * inputs + k));
                }
                long at = (long) i * inputs + k;
                double s = saved == null ? 0 : Values.of(saved).get(at);
                dx.put(at, ReferenceActivation.differentiate(below, sum, s), accumulate);
            }
        }
    }

    @Override
    public void backwardWeights(Tensor x, BatchRows rows, Tensor gradient, boolean accumulate,
                                     Tensor weightGradient, Tensor biasGradient, Tensor squarePartials,
                                     Tensor workspace) {
        DenseShape shape = DenseShape.backwardWeights(x, rows, gradient, weightGradient, biasGradient);
        int outputs = shape.outputs();
        int inputs = shape.inputs();
        Values xs = Values.of(x);
        Values dz = Values.of(gradient);
        Values dw = Values.of(weightGradient);
        double squares = 0;
        for (int o = 0; o < outputs; o++) {
            for (int k = 0; k < inputs; k++) {
                double sum = 0;
                for (int i = 0; i < shape.batch(); i++) {
                    sum += product(dz.get((long) i * outputs + o), xs.get(Values.sourceRow(rows, i) * inputs + k));
                }
                long at = (long) o * inputs + k;
                dw.put(at, sum, accumulate);
                squares += dw.get(at) * dw.get(at);
            }
        }
        for (int o = 0; biasGradient != null && o < outputs; o++) {
            double sum = 0;
            for (int i = 0; i < shape.batch(); i++) {
                sum += dz.get((long) i * outputs + o);
            }
            Values db = Values.of(biasGradient);
            db.put(o, sum, accumulate);
            squares += db.get(o) * db.get(o);
        }
        if (squarePartials != null) {
            Shapes.expect("square partials", squarePartials, squarePartials(shape));
            Values.of(squarePartials).set(0, squares);
        }
    }

    private double product(double a, double b) {
        return precision.round(a) * precision.round(b);
    }

    @Override
    public int squarePartials(DenseShape shape) {
        return 1;
    }

    @Override
    public long workspace(DenseShape shape) {
        return 0;
    }
}
