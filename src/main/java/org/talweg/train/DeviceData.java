package org.talweg.train;

import org.talweg.data.Dataset;
import org.talweg.data.Rows;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.tape.Loss;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/**
 * A data set on the device, its targets in the form that a loss wants.
 *
 * @param features [rows×model input]
 * @param targets  [rows×target row]
 */
public record DeviceData(Tensor features, Tensor targets) {
    /** Numbers that are uploaded at a time: 4 MiB. */
    private static final int PIECE = 1 << 20;

    /**
     * Uploads into tensors that {@code resources} own.
     *
     * @throws IllegalArgumentException if model, loss and data do not fit together; says what to change
     */
    public static DeviceData upload(Resources resources, Model model, Loss loss, Dataset data) {
        Device device = model.device();
        TargetRows rows = TargetRows.of(model, loss, data);
        Tensor targets = resources.tensor(device, rows.type(), rows.row().batch(data.rows()), data.name() + " targets");
        rows.upload(device, targets);
        Tensor features = resources.tensor(device, DType.FLOAT32, data.inputShape().batch(data.rows()),
            data.name() + " features");
        upload(device, data.source(), features);
        return new DeviceData(features, targets);
    }

    /** Some rows at a time, so that what lies in a file passes through the heap and does not fill it. */
    private static void upload(Device device, Rows rows, Tensor features) {
        int some = Math.max(1, PIECE / rows.columns());
        for (int from = 0; from < rows.count(); from += some) {
            int to = Math.min(rows.count(), from + some);
            float[] piece = new float[(to - from) * rows.columns()];
            for (int row = from; row < to; row++) {
                rows.read(row, piece, (row - from) * rows.columns());
            }
            device.upload(piece, features.rows(from, to));
        }
    }
}
