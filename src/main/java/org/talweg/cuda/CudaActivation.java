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

    @Override
    public void softmax(Tensor input, boolean log, Tensor output) {
        Shapes.expectRank("softmax input", input, 2);
        Shapes.expect("softmax output", output, input.shape());
        CudaElementwise.expectFloats("softmax", input, output);
        CudaRows.launch(device, FAMILY, "softmax", input.dim(0), input.dim(1),
            device.arguments().tensor(input).tensor(output).int32(log ? 1 : 0));
    }

    @Override
    public void softmaxBackward(Tensor gradient, Tensor output, boolean log, boolean accumulate,
                                Tensor inputGradient) {
        Shapes.expectRank("softmax output", output, 2);
        Shapes.expect("softmax gradient", gradient, output.shape());
        Shapes.expect("softmax input gradient", inputGradient, output.shape());
        CudaElementwise.expectFloats("softmax gradient", gradient, output, inputGradient);
        CudaRows.launch(device, FAMILY, "softmax_backward", output.dim(0), output.dim(1), device.arguments()
            .tensor(gradient).tensor(output).int32(log ? 1 : 0).int32(accumulate ? 1 : 0).tensor(inputGradient));
    }
}
