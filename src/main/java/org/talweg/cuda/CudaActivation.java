package org.talweg.cuda;

import org.talweg.ops.Activation;
import org.talweg.ops.ActivationOps;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Tensor;

/** Launches {@code kernels/activation.cu}. */
final class CudaActivation implements ActivationOps {
    private static final String FAMILY = "activation";

    private final CudaDevice device;

    CudaActivation(CudaDevice device) {
        this.device = device;
    }

    @Override
    public void forward(Tensor input, Activation activation, Tensor output) {
        Shapes.expectSameLength("activation output", input, output);
        CudaElementwise.expectFloats("activation", input, output);
        CudaElementwise.launch(device, device.kernel(FAMILY, "activation_forward"), input.elements(),
            device.arguments().tensor(input).tensor(output)
                .activation(activation).int64(input.elements()));
    }

    @Override
    public void backward(Tensor gradient, Activation activation, Tensor saved, boolean accumulate,
                                   Tensor inputGradient) {
        Shapes.expectSameLength("input gradient or saved activation", gradient, saved, inputGradient);
        CudaElementwise.expectFloats("activation gradient", gradient, saved, inputGradient);
        CudaElementwise.launch(device, device.kernel(FAMILY, "activation_backward"), gradient.elements(),
            device.arguments().tensor(gradient).tensor(saved).tensor(inputGradient).activation(activation)
                .int32(accumulate ? 1 : 0).int64(gradient.elements()));
    }
}
