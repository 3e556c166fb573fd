package org.talweg.cuda;

import org.talweg.ops.BatchRows;
import org.talweg.ops.DataOps;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Tensor;

/** Launches {@code kernels/data.cu}; fills and copies are the driver's own. */
final class CudaData implements DataOps {
    private static final int BLOCK = 256;
    private static final int WARPS = BLOCK / 32;
    private static final int MAX_GRID = 1 << 20;

    private final CudaDevice device;

    CudaData(CudaDevice device) {
        this.device = device;
    }

    @Override
    public void gatherRows(Tensor source, BatchRows rows, Tensor destination) {
        Shapes.expectType("gathered rows", destination, source.dtype());
        Shapes.expect("gathered rows", destination, source.shape().row().batch(destination.dim(0)));
        long count = destination.dim(0);
        long width = source.shape().row().elements();
        if (count == 0 || width == 0) {
            return;
        }
        device.launch(device.kernel("data", "gather_rows"), (int) Math.min((count + WARPS - 1) / WARPS, MAX_GRID), BLOCK,
            device.arguments().tensor(source).tensor(rows.order()).tensor(rows.cursor()).tensor(destination)
                .int64(count).int64(width));
    }

    @Override
    public void zero(Tensor tensor) {
        device.zero(tensor);
    }

    @Override
    public void copy(Tensor source, Tensor destination) {
        Shapes.expectSameLength("destination of a copy", source, destination);
        Shapes.expectType("destination of a copy", destination, source.dtype());
        device.copy(source, destination);
    }

    @Override
    public void combine(Tensor centre, float a, Tensor first, float b, Tensor second, Tensor result) {
        Shapes.expectSameLength("direction or result", centre, first, second, result);
        CudaElementwise.expectFloats("centre, direction or result", centre, first, second, result);
        CudaElementwise.launch(device, device.kernel("data", "combine"), centre.elements(),
            device.arguments().input(centre).float32(a).input(first).float32(b).input(second).tensor(result)
                .int64(centre.elements()));
    }
}
