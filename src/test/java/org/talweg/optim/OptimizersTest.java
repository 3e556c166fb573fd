package org.talweg.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.tensor.Shape;

/** Specifications: defaults, what they refuse, and the state they make. Their arithmetic is tested in training. */
class OptimizersTest {

    @Test
    void defaultsArePyTorchs() {
        assertEquals(new Sgd(0.001f, 0, 0, false, false, 0), Optimizers.sgd());
        assertEquals(new Adam(0.001f, 0.9f, 0.999f, 1e-8f, 0, false, false, 0, false), Optimizers.adam());
        assertEquals(new Adam(0.001f, 0.9f, 0.999f, 1e-8f, 0.01f, true, false, 0, false), Optimizers.adamW());
        assertEquals(new Adagrad(0.01f, 0, 0, 0, 1e-10f, false), Optimizers.adagrad());
        assertEquals(new RmsProp(0.01f, 0.99f, 1e-8f, 0, false, 0, false, false, false), Optimizers.rmsProp());
        assertEquals(new Adadelta(1, 0.9f, 1e-6f, 0), Optimizers.adadelta());
        assertEquals(new Adamax(0.002f, 0.9f, 0.999f, 1e-8f, 0), Optimizers.adamax());
        assertEquals(new NAdam(0.002f, 0.9f, 0.999f, 1e-8f, 0, false, 0.004f), Optimizers.nadam());
        assertEquals(new RAdam(0.001f, 0.9f, 0.999f, 1e-8f, 0, false, false), Optimizers.radam());
        assertEquals(new Lion(1e-4f, 0.9f, 0.99f, 0), Optimizers.lion());
    }

    @Test
    void settingsMakeNewSpecifications() {
        Sgd plain = Optimizers.sgd();
        assertEquals(new Sgd(0.5f, 0.9f, 0.25f, true, false, 0.125f),
            plain.learningRate(0.5f).momentum(0.9f).dampening(0.25f).nesterov(true).weightDecay(0.125f));
        assertEquals(Optimizers.sgd(), plain);
        assertEquals(new Adam(0.5f, 0.75f, 0.875f, 0.25f, 0.125f, false, true, 0.0625f, true),
            Optimizers.adam().learningRate(0.5f).betas(0.75f, 0.875f).epsilon(0.25f).weightDecay(0.125f).amsgrad(true)
                .rootEpsilon(0.0625f).correctedMaximum(true));
        assertEquals(new RmsProp(0.5f, 0.75f, 0.25f, 0.125f, true, 0.875f, true, true, true),
            Optimizers.rmsProp().learningRate(0.5f).alpha(0.75f).epsilon(0.25f).weightDecay(0.125f).centered(true)
                .momentum(0.875f).nesterov(true).epsilonInside(true).biasCorrected(true));
        assertEquals(new RAdam(0.5f, 0.75f, 0.875f, 0.25f, 0.125f, true, true),
            Optimizers.radam().learningRate(0.5f).betas(0.75f, 0.875f).epsilon(0.25f).weightDecay(0.125f).decoupled(true)
                .correctedEpsilon(true));
    }

    @Test
    void impossibleSettingsAreRefused() {
        assertMessage("learning rate is -1.0; it must be at least 0", () -> Optimizers.sgd().learningRate(-1));
        assertMessage("learning rate is NaN", () -> Optimizers.adam().learningRate(Float.NaN));
        assertMessage("momentum is -0.5", () -> Optimizers.sgd().momentum(-0.5f));
        assertMessage("dampening is Infinity", () -> Optimizers.sgd().dampening(Float.POSITIVE_INFINITY));
        assertMessage("weight decay is -1.0", () -> Optimizers.adamW().weightDecay(-1));
        assertMessage("beta1 is 1.0; it must be at least 0 and below 1", () -> Optimizers.adam().betas(1, 0.9f));
        assertMessage("beta2 is -0.1", () -> Optimizers.adam().betas(0, -0.1f));
        assertMessage("epsilon is -1.0", () -> Optimizers.adam().epsilon(-1));
        assertMessage("clip norm is 0.0; it must be above 0", () -> Clip.byGlobalNorm(0));
        assertMessage("Nesterov momentum needs a momentum above 0", () -> Optimizers.sgd().nesterov(true).rule());
        assertMessage("no dampening, not 0.9 and 0.5",
            () -> Optimizers.sgd().momentum(0.9f).dampening(0.5f).nesterov(true).rule());
        assertMessage("a corrected maximum is AMSGrad's", () -> Optimizers.adam().correctedMaximum(true).rule());
        assertMessage("root epsilon is -1.0", () -> Optimizers.adam().rootEpsilon(-1));
        assertMessage("momentum decay is NaN", () -> Optimizers.nadam().momentumDecay(Float.NaN));
        assertMessage("a velocity needs a momentum above 0", () -> Optimizers.sgd().velocity(true).rule());
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }

    @Test
    void stateTakesABufferPerMomentAndGivesItBack() {
        try (Device device = Devices.open("reference")) {
            assertEquals(0, bytes(device, Optimizers.sgd()));
            assertEquals(4 * 12, bytes(device, Optimizers.sgd().momentum(0.9f)));
            assertEquals(4 * 12 * 2, bytes(device, Optimizers.adam()));
            assertEquals(0, device.bytesAllocated());
        }
    }

    private static long bytes(Device device, Optimizer optimizer) {
        try (Optimizer.State state = optimizer.newState(device, ParameterLayout.of(Shape.of(12)), Clip.none())) {
            return device.bytesAllocated();
        }
    }
}
