package org.talweg.train;

import org.talweg.data.Dataset;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.tape.Loss;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** The training rows as programs see them: all of them on the device, or those of a {@link RowStream}. */
final class TrainingRows implements AutoCloseable {
    private final Resources resources = new Resources();
    private final Device device;
    private final DeviceData data;
    private final Tensor order;
    /** Null with all rows on the device. */
    private final RowStream stream;

    /**
     * @param batches of {@code batch} rows in a window; 0 for all rows on the device
     * @throws org.talweg.ops.DeviceMemoryException if they do not fit
     */
    TrainingRows(Model model, Loss loss, Dataset rows, int batch, int batches) {
        device = model.device();
        try {
            order = resources.tensor(device, DType.INT32, Shape.of(rows.rows()), "epoch order");
            if (batches == 0) {
                stream = null;
                data = DeviceData.upload(resources, model, loss, rows);
                return;
            }
            stream = resources.add(new RowStream(device, rows, TargetRows.of(model, loss, rows), batch, batches),
                RowStream::close);
            data = new DeviceData(stream.features(), stream.targets());
            int[] slots = new int[rows.rows()];
            for (int i = 0; i < slots.length; i++) {
                slots[i] = i % stream.slots();
            }
            device.upload(slots, order);
        } catch (RuntimeException e) {
            resources.close();
            throw e;
        }
    }

    DeviceData data() {
        return data;
    }

    /** INT32 [rows]: where each row of an epoch lies. */
    Tensor order() {
        return order;
    }

    boolean isStreamed() {
        return stream != null;
    }

    /**
     * @param epochOrder row numbers
     * @param first      batch of the epoch to start with
     */
    void begin(int[] epochOrder, int first) {
        if (stream != null) {
            stream.begin(epochOrder, first);
        } else {
            device.upload(epochOrder, order);
        }
    }

    /** To be called before each batch, in order. */
    void before(int batch) {
        if (stream != null) {
            stream.before(batch);
        }
    }

    @Override
    public void close() {
        resources.close();
    }
}
