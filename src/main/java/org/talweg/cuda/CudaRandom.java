package org.talweg.cuda;

import org.talweg.ops.RandomOps;
import org.talweg.ops.Shapes;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Launches {@code kernels/random.cu}. */
final class CudaRandom implements RandomOps {
    private static final String FAMILY = "random";

    private final CudaDevice device;

    CudaRandom(CudaDevice device) {
        this.device = device;
    }

    @Override
    public void fillUniform(Tensor tensor, long seed, long stream, float low, float high) {
        launch("fill_uniform", tensor, seed, stream, low, high - low);
    }

    @Override
    public void fillNormal(Tensor tensor, long seed, long stream, float mean, float standardDeviation) {
        launch("fill_normal", tensor, seed, stream, mean, standardDeviation);
    }

    @Override
    public void dropout(Tensor x, float rate, long seed, int layer, long firstElement, Tensor steps,
                        boolean accumulate, Tensor output) {
        Shapes.expectSameLength("dropout output", x, output);
        Shapes.expect("steps", steps, 2);
        Shapes.expectType("steps", steps, DType.INT32);
        CudaElementwise.expectFloats("dropout", x, output);
        CudaElementwise.launch(device, device.kernel(FAMILY, "dropout"), x.elements() + 3, device.arguments().tensor(x)
            .tensor(output).int64(x.elements()).int64(seed).int32(layer).int64(firstElement).tensor(steps).float32(rate)
            .float32(RandomOps.dropoutScale(rate)).int32(accumulate ? 1 : 0));
    }

    private void launch(String kernel, Tensor tensor, long seed, long stream, float first, float second) {
        CudaElementwise.expectFloats("random fill", tensor);
        CudaElementwise.launch(device, device.kernel(FAMILY, kernel), tensor.elements(), device.arguments()
            .tensor(tensor).int64(tensor.elements()).int64(seed).int64(stream).float32(first).float32(second));
    }
}
