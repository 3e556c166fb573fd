package org.talweg.cuda;

import org.talweg.ops.Shapes;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateOps;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Launches {@code kernels/update.cu}. */
final class CudaUpdate implements UpdateOps {
    private static final String FAMILY = "update";
    private static final int PREPARE_BLOCK = 1024;
    /** Elements of a partial sum of squares, while there are few; a multiple of 4. */
    private static final long SMALLEST_PART = 4096;
    private static final int MAX_PARTS = 1024;

    private final CudaDevice device;

    CudaUpdate(CudaDevice device) {
        this.device = device;
    }

    @Override
    public void sumOfSquares(Tensor x, Tensor partials) {
        CudaElementwise.expectFloats("sum of squares", x, partials);
        Shapes.expect("square partials", partials, Shape.of(squarePartials(x.elements())));
        device.launch(device.kernel(FAMILY, "sum_of_squares"), partials.dim(0), CudaElementwise.BLOCK,
            device.arguments().tensor(x).int64(x.elements()).int64(part(x.elements())).tensor(partials));
    }

    @Override
    public int squarePartials(long elements) {
        return Math.toIntExact(Math.max(1, (elements + part(elements) - 1) / part(elements)));
    }

    @Override
    public void prepareStep(StepState state, Tensor rowLosses, Tensor rowHits, Tensor squarePartials, float maxNorm,
                            float beta1, float beta2) {
        Shapes.expectSameLength("row hits", rowLosses, rowHits);
        CudaElementwise.expectFloats("losses, hits or square partials", rowLosses, rowHits, squarePartials);
        device.launch(device.kernel(FAMILY, "prepare_step"), 1, PREPARE_BLOCK, device.arguments()
            .tensor(state.counters()).tensor(state.control()).tensor(state.learningRates()).tensor(state.log())
            .tensor(rowLosses).tensor(rowHits).int32(Math.toIntExact(rowLosses.elements())).tensor(squarePartials)
            .int64(squarePartials.elements()).float32(maxNorm).float32(beta1).float32(beta2));
    }

    @Override
    public void sgd(Tensor parameters, Tensor gradients, Tensor momentumBuffer, StepState state, float momentum,
                    float dampening, boolean nesterov, float weightDecay) {
        Shapes.expectSameLength("gradients or momentum", parameters, gradients, momentumBuffer);
        CudaElementwise.expectFloats("parameters, gradients or momentum", parameters, gradients, momentumBuffer);
        if ((momentumBuffer == null) != (momentum == 0)) {
            throw new IllegalArgumentException("momentum " + momentum + " with "
                + (momentumBuffer == null ? "no" : "a") + " momentum buffer; pass one if and only if it is not 0");
        }
        long length = parameters.elements();
        LaunchArguments arguments = device.arguments().tensor(parameters).tensor(gradients);
        if (momentumBuffer == null) {
            CudaElementwise.launch(device, device.kernel(FAMILY, "sgd"), length,
                arguments.tensor(state.control()).float32(weightDecay).int64(length));
        } else {
            CudaElementwise.launch(device, device.kernel(FAMILY, "sgd_momentum"), length,
                arguments.tensor(momentumBuffer).tensor(state.control()).float32(momentum)
                    .float32((float) (1 - (double) dampening)).int32(nesterov ? 1 : 0).float32(weightDecay)
                    .int64(length));
        }
    }

    @Override
    public void adam(Tensor parameters, Tensor gradients, Tensor firstMoment, Tensor secondMoment, StepState state,
                     float beta1, float beta2, float epsilon, float weightDecay, boolean decoupled) {
        Shapes.expectSameLength("gradients or moments", parameters, gradients, firstMoment, secondMoment);
        CudaElementwise.expectFloats("parameters, gradients or moments", parameters, gradients, firstMoment,
            secondMoment);
        long length = parameters.elements();
        CudaElementwise.launch(device, device.kernel(FAMILY, "adam"), length, device.arguments().tensor(parameters)
            .tensor(gradients).tensor(firstMoment).tensor(secondMoment).tensor(state.control()).float32(beta1)
            .float32((float) (1 - (double) beta1)).float32(beta2).float32((float) (1 - (double) beta2))
            .float32(epsilon).float32(weightDecay).int32(decoupled ? 1 : 0).int64(length));
    }

    /** Elements that one block of the sum of squares takes, a multiple of 4. */
    private static long part(long elements) {
        long even = (elements + MAX_PARTS - 1) / MAX_PARTS;
        return Math.max(SMALLEST_PART, (even + 3) / 4 * 4);
    }
}
