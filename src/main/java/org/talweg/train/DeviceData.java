package org.talweg.train;

import org.talweg.data.Dataset;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.tape.Loss;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * A data set on the device, its targets in the form that a loss wants.
 *
 * @param features [rows×model input]
 * @param targets  [rows×target row]
 */
public record DeviceData(Tensor features, Tensor targets) {

    /**
     * Uploads into tensors that {@code resources} own.
     *
     * @throws IllegalArgumentException if model, loss and data do not fit together; says what to change
     */
    public static DeviceData upload(Resources resources, Model model, Loss loss, Dataset data) {
        Device device = model.device();
        if (!data.inputShape().equals(model.inputShape())) {
            throw new IllegalArgumentException(data.name() + " has rows of " + data.inputShape() + ", the model takes "
                + model.inputShape());
        }
        Shape targetRow = loss.targetRow(model.outputShape());
        Tensor targets;
        if (loss.targetType() == DType.INT32) {
            int[] labels = labels(data, loss, model.outputShape());
            targets = resources.tensor(device, DType.INT32, targetRow.batch(data.rows()), data.name() + " labels");
            device.upload(labels, targets);
        } else {
            float[] values = numbers(data, loss, targetRow);
            targets = resources.tensor(device, DType.FLOAT32, targetRow.batch(data.rows()), data.name() + " targets");
            device.upload(values, targets);
        }
        Tensor features = resources.tensor(device, DType.FLOAT32, data.inputShape().batch(data.rows()),
            data.name() + " features");
        device.upload(data.features(), features);
        return new DeviceData(features, targets);
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
