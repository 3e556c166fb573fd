package org.talweg.cli;

import java.util.List;
import org.talweg.cli.Choices.Choice;
import org.talweg.optim.Optimizer;
import org.talweg.optim.Optimizers;

/** {@code --optimizer}; learning rates suit the built-in data sets. */
final class OptimizerChoices {
    /** Every optimizer can climb: {@code maximize=yes}. */
    static final Choices<Optimizer> ALL = new Choices<>("--optimizer", "optimizer", List.of("maximize"), List.of(
        new Choice<>("sgd:lr=0.1,momentum=0,dampening=0,nesterov=no,velocity=no,weight_decay=0",
            "gradient descent as it is", OptimizerChoices::sgd),
        new Choice<>("momentum:lr=0.01,momentum=0.9,dampening=0,nesterov=no,velocity=no,weight_decay=0",
            "gradient descent with momentum", OptimizerChoices::sgd),
        new Choice<>("nesterov:lr=0.01,momentum=0.9,dampening=0,nesterov=yes,velocity=no,weight_decay=0",
            "gradient descent with Nesterov's momentum", OptimizerChoices::sgd),
        new Choice<>("adagrad:lr=0.03,rate_decay=0,initial=0,eps=1e-10,eps_inside=no,weight_decay=0",
            "divides by the root of the sum of squared gradients",
            s -> Optimizers.adagrad().learningRate(s.single("lr")).rateDecay(s.single("rate_decay"))
                .initialValue(s.single("initial")).epsilon(s.single("eps")).epsilonInside(s.flag("eps_inside"))
                .weightDecay(s.single("weight_decay"))),
        new Choice<>("rmsprop:lr=0.001,alpha=0.99,momentum=0,nesterov=no,centered=no,eps=1e-8,eps_inside=no,"
            + "bias_corrected=no,weight_decay=0", "divides by the root of the mean of squared gradients",
            s -> Optimizers.rmsProp().learningRate(s.single("lr")).alpha(s.single("alpha"))
                .momentum(s.single("momentum")).nesterov(s.flag("nesterov")).centered(s.flag("centered"))
                .epsilon(s.single("eps")).epsilonInside(s.flag("eps_inside")).biasCorrected(s.flag("bias_corrected"))
                .weightDecay(s.single("weight_decay"))),
        new Choice<>("adadelta:lr=1,rho=0.9,eps=1e-6,weight_decay=0", "finds the unit of its steps by itself",
            s -> Optimizers.adadelta().learningRate(s.single("lr")).rho(s.single("rho")).epsilon(s.single("eps"))
                .weightDecay(s.single("weight_decay"))),
        new Choice<>("adam:lr=0.003,beta1=0.9,beta2=0.999,eps=1e-8,weight_decay=0,amsgrad=no,root_eps=0",
            "Adam; weight decay is an L2 penalty", s -> Optimizers.adam().learningRate(s.single("lr"))
            .betas(s.single("beta1"), s.single("beta2")).epsilon(s.single("eps"))
            .weightDecay(s.single("weight_decay")).amsgrad(s.flag("amsgrad"))
            .rootEpsilon(s.single("root_eps"))),
        new Choice<>("amsgrad:lr=0.003,beta1=0.9,beta2=0.999,eps=1e-8,weight_decay=0,root_eps=0,corrected_maximum=no",
            "Adam that divides by the largest second moment so far",
            s -> Optimizers.amsgrad().learningRate(s.single("lr")).betas(s.single("beta1"), s.single("beta2"))
                .epsilon(s.single("eps")).weightDecay(s.single("weight_decay")).rootEpsilon(s.single("root_eps"))
                .correctedMaximum(s.flag("corrected_maximum"))),
        new Choice<>("adamw:lr=0.003,beta1=0.9,beta2=0.999,eps=1e-8,weight_decay=0.01,amsgrad=no,root_eps=0",
            "Adam with decoupled weight decay", s -> Optimizers.adamW().learningRate(s.single("lr"))
            .betas(s.single("beta1"), s.single("beta2")).epsilon(s.single("eps"))
            .weightDecay(s.single("weight_decay")).amsgrad(s.flag("amsgrad"))
            .rootEpsilon(s.single("root_eps"))),
        new Choice<>("adamax:lr=0.003,beta1=0.9,beta2=0.999,eps=1e-8,weight_decay=0",
            "Adam by the infinity norm", s -> Optimizers.adamax().learningRate(s.single("lr"))
            .betas(s.single("beta1"), s.single("beta2")).epsilon(s.single("eps"))
            .weightDecay(s.single("weight_decay"))),
        new Choice<>("nadam:lr=0.003,beta1=0.9,beta2=0.999,eps=1e-8,momentum_decay=4e-3,weight_decay=0,decoupled=no",
            "Adam with Nesterov's momentum", s -> Optimizers.nadam().learningRate(s.single("lr"))
            .betas(s.single("beta1"), s.single("beta2")).epsilon(s.single("eps"))
            .momentumDecay(s.single("momentum_decay")).weightDecay(s.single("weight_decay"))
            .decoupled(s.flag("decoupled"))),
        new Choice<>("radam:lr=0.003,beta1=0.9,beta2=0.999,eps=1e-8,weight_decay=0,decoupled=no,corrected_eps=no",
            "Adam that rectifies its first steps", s -> Optimizers.radam().learningRate(s.single("lr"))
            .betas(s.single("beta1"), s.single("beta2")).epsilon(s.single("eps"))
            .weightDecay(s.single("weight_decay")).decoupled(s.flag("decoupled"))
            .correctedEpsilon(s.flag("corrected_eps"))),
        new Choice<>("lion:lr=3e-4,beta1=0.9,beta2=0.99,weight_decay=0", "steps by the sign of a mixed momentum",
            s -> Optimizers.lion().learningRate(s.single("lr")).betas(s.single("beta1"), s.single("beta2"))
                .weightDecay(s.single("weight_decay"))),
        new Choice<>("schedule_free:lr=0.005,beta1=0.9,beta2=0.999,eps=1e-8,weight_decay=0",
            "AdamW that averages instead of lowering its rate; with --schedule constant",
            s -> Optimizers.scheduleFree().learningRate(s.single("lr")).betas(s.single("beta1"), s.single("beta2"))
                .epsilon(s.single("eps")).weightDecay(s.single("weight_decay"))),
        new Choice<>("lamb:lr=0.003,beta1=0.9,beta2=0.999,eps=1e-6,weight_decay=0.01",
            "AdamW with a step as long as each parameter, for large batches",
            s -> Optimizers.lamb().learningRate(s.single("lr")).betas(s.single("beta1"), s.single("beta2"))
                .epsilon(s.single("eps")).weightDecay(s.single("weight_decay"))),
        new Choice<>("prodigy:lr=1,beta1=0.9,beta2=0.999,eps=1e-8,weight_decay=0,initial=1e-6,coefficient=1",
            "Adam that finds its learning rate itself; lr multiplies it",
            s -> Optimizers.prodigy().learningRate(s.single("lr")).betas(s.single("beta1"), s.single("beta2"))
                .epsilon(s.single("eps")).weightDecay(s.single("weight_decay")).initial(s.single("initial"))
                .coefficient(s.single("coefficient"))),
        new Choice<>("muon:lr=0.003,momentum=0.95,nesterov=yes,weight_decay=0.1,eps=1e-7,steps=5,match_rms=yes,"
            + "bias_corrected=no,rest=1,beta1=0.9,beta2=0.999",
            "momentum made orthogonal, matrix by matrix; AdamW at rest times the rate for the others",
            s -> Optimizers.muon().learningRate(s.single("lr")).momentum(s.single("momentum"))
                .nesterov(s.flag("nesterov")).weightDecay(s.single("weight_decay")).epsilon(s.single("eps"))
                .steps(s.integer("steps")).matchRms(s.flag("match_rms")).biasCorrected(s.flag("bias_corrected"))
                .restRate(s.single("rest")).betas(s.single("beta1"), s.single("beta2"))),
        new Choice<>("lbfgs:lr=1,iterations=20,history=100,gradient_tolerance=1e-7,change_tolerance=1e-9,line_search=yes",
            "curvature from the last steps, on all rows at once; up to so many iterations an epoch",
            s -> Optimizers.lbfgs().learningRate(s.single("lr")).maxIterations(s.integer("iterations"))
                .history(s.integer("history")).lineSearch(s.flag("line_search"))
                .tolerances(s.number("gradient_tolerance"), s.number("change_tolerance")))));

    private OptimizerChoices() {
    }

    static Optimizer parse(String text) {
        Settings settings = ALL.settings(text);
        Optimizer optimizer = ALL.parse(text);
        return settings.has("maximize") && settings.flag("maximize") ? optimizer.maximize() : optimizer;
    }

    private static Optimizer sgd(Settings s) {
        return Optimizers.sgd().learningRate(s.single("lr")).momentum(s.single("momentum"))
            .dampening(s.single("dampening")).nesterov(s.flag("nesterov")).velocity(s.flag("velocity"))
            .weightDecay(s.single("weight_decay"));
    }
}
