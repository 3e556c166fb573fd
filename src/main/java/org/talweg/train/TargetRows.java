package org.talweg.train;

import java.nio.ByteBuffer;
import org.talweg.data.Dataset;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.tape.Loss;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * The targets of a data set in the form that a loss wants.
 *
 * @param labels  or null
 * @param numbers row-major; null with labels
 * @param row     shape of one row
 */
record TargetRows(int[] labels, float[] numbers, Shape row) {

    /**
     * @throws IllegalArgumentException if model, loss and data do not fit together; says what to change
     */
    static TargetRows of(Model model, Loss loss, Dataset data) {
        if (!data.inputShape().equals(model.inputShape())) {
            throw new IllegalArgumentException(data.name() + " has rows of " + data.inputShape() + ", the model takes "
                + model.inputShape());
        }
        Shape row = loss.targetRow(model.outputShape());
        return loss.targetType() == DType.INT32 ? new TargetRows(labels(data, loss, model.outputShape()), null, row)
            : new TargetRows(null, numbers(data, loss, row), row);
    }

    DType type() {
        return labels != null ? DType.INT32 : DType.FLOAT32;
    }

    /** Bytes of one row. */
    int bytes() {
        return Math.toIntExact(row.elements() * type().bytes());
    }

    /** All rows. */
    void upload(Device device, Tensor destination) {
        if (labels != null) {
            device.upload(labels, destination);
        } else {
            device.upload(numbers, destination);
        }
    }

    /** One row, to the buffer's position. */
    void write(int index, ByteBuffer destination) {
        if (labels != null) {
            destination.putInt(labels[index]);
            return;
        }
        int width = (int) row.elements();
        for (int i = index * width; i < (index + 1) * width; i++) {
            destination.putFloat(numbers[i]);
        }
    }

    private static int[] labels(Dataset data, Loss loss, Shape output) {
        if (!data.isClassification()) {
            throw new IllegalArgumentException("loss " + loss.name() + " needs classes, and " + data.name()
                + " has the numbers " + data.targetNames() + "; use squared error, or read the column as label");
        }
        if (data.classes() > output.dim(0)) {
            throw new IllegalArgumentException(data.name() + " has " + data.classes()
                + " classes, the model's last layer " + output.dim(0) + " units; give it one unit per class");
        }
        return data.labels();
    }

    private static float[] numbers(Dataset data, Loss loss, Shape targetRow) {
        float[] values = data.targets();
        if (data.isClassification()) {
            if (data.classes() != 2) {
                throw new IllegalArgumentException("loss " + loss.name() + " needs numbers or two classes, and "
                    + data.name() + " has " + data.classes() + " classes; use softmax cross-entropy");
            }
            values = new float[data.rows()];
            for (int i = 0; i < values.length; i++) {
                values[i] = data.labels()[i];
            }
        }
        if (values.length != data.rows() * targetRow.elements()) {
            throw new IllegalArgumentException(data.name() + " has " + values.length / data.rows()
                + " target values a row, the model's last layer " + targetRow.elements() + " units; make them equal");
        }
        return values;
    }
}
