package org.talweg.optim;

/** The optimizers, with PyTorch's defaults. */
public final class Optimizers {
    private Optimizers() {
    }

    /** Learning rate 0.001, nothing else; {@link Sgd#momentum} is usually wanted. */
    public static Sgd sgd() {
        return new Sgd(1e-3f, 0, 0, false, false, 0);
    }

    /** Learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-8, no weight decay. */
    public static Adam adam() {
        return new Adam(1e-3f, 0.9f, 0.999f, 1e-8f, 0, false, false, 0, false);
    }

    /** As {@link #adam} with a decoupled weight decay of 0.01. */
    public static Adam adamW() {
        return new Adam(1e-3f, 0.9f, 0.999f, 1e-8f, 1e-2f, true, false, 0, false);
    }

    /** As {@link #sgd} with a momentum of 0.9. */
    public static Sgd momentum() {
        return sgd().momentum(0.9f);
    }

    /** As {@link #momentum}, in Nesterov's form. */
    public static Sgd nesterov() {
        return momentum().nesterov(true);
    }

    /** As {@link #adam}, dividing by the largest second moment so far. */
    public static Adam amsgrad() {
        return adam().amsgrad(true);
    }

    /** Learning rate 0.01, epsilon 1e-10. */
    public static Adagrad adagrad() {
        return new Adagrad(1e-2f, 0, 0, 0, 1e-10f, false);
    }

    /** Learning rate 0.01, alpha 0.99, epsilon 1e-8. */
    public static RmsProp rmsProp() {
        return new RmsProp(1e-2f, 0.99f, 1e-8f, 0, false, 0, false, false, false);
    }

    /** Learning rate 1, rho 0.9, epsilon 1e-6. */
    public static Adadelta adadelta() {
        return new Adadelta(1, 0.9f, 1e-6f, 0);
    }

    /** Learning rate 0.002, betas 0.9 and 0.999, epsilon 1e-8. */
    public static Adamax adamax() {
        return new Adamax(2e-3f, 0.9f, 0.999f, 1e-8f, 0);
    }

    /** Learning rate 0.002, betas 0.9 and 0.999, epsilon 1e-8, momentum decay 0.004. */
    public static NAdam nadam() {
        return new NAdam(2e-3f, 0.9f, 0.999f, 1e-8f, 0, false, 4e-3f);
    }

    /** Learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-8. */
    public static RAdam radam() {
        return new RAdam(1e-3f, 0.9f, 0.999f, 1e-8f, 0, false, false);
    }

    /** Learning rate 1e-4, betas 0.9 and 0.99, no weight decay. */
    public static Lion lion() {
        return new Lion(1e-4f, 0.9f, 0.99f, 0);
    }

    /** Learning rate 0.0025, betas 0.9 and 0.999, epsilon 1e-8, no weight decay. */
    public static ScheduleFree scheduleFree() {
        return new ScheduleFree(2.5e-3f, 0.9f, 0.999f, 1e-8f, 0);
    }

    /** Learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-6, weight decay 0.01. */
    public static Lamb lamb() {
        return new Lamb(1e-3f, 0.9f, 0.999f, 1e-6f, 1e-2f);
    }

    /** Betas 0.9 and 0.999, epsilon 1e-8, no weight decay, first step size 1e-6. */
    public static Prodigy prodigy() {
        return new Prodigy(1, 0.9f, 0.999f, 1e-8f, 0, 1e-6f, 1);
    }

    /** Learning rate 0.001, momentum 0.95 in Nesterov's form, weight decay 0.1; AdamW's betas 0.9 and 0.999. */
    public static Muon muon() {
        return new Muon(1e-3f, 0.95f, true, 0.1f, 1e-7f, 5, true, false, 1, 0.9f, 0.999f);
    }

    /** For full batches: learning rate 1, 20 iterations and 25 evaluations a call, 100 pairs of history, line search. */
    public static Lbfgs lbfgs() {
        return new Lbfgs(1, 20, 25, 1e-7, 1e-9, 100, true);
    }
}
