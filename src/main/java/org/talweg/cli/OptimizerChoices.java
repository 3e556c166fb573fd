package org.talweg.cli;

import org.talweg.cli.Choices.Choice;
import org.talweg.optim.Optimizer;
import org.talweg.optim.Optimizers;

/** {@code --optimizer}. */
final class OptimizerChoices {
    static final Choices<Optimizer> ALL = Choices.of("--optimizer", "optimizer",
        new Choice<>("sgd:lr=0.1,momentum=0,dampening=0,nesterov=no,weight_decay=0", "gradient descent as it is",
            OptimizerChoices::sgd),
        new Choice<>("momentum:lr=0.01,momentum=0.9,dampening=0,nesterov=no,weight_decay=0",
            "gradient descent with momentum", OptimizerChoices::sgd),
        new Choice<>("nesterov:lr=0.01,momentum=0.9,dampening=0,nesterov=yes,weight_decay=0",
            "gradient descent with Nesterov's momentum", OptimizerChoices::sgd),
        new Choice<>("adam:lr=0.003,beta1=0.9,beta2=0.999,eps=1e-8,weight_decay=0",
            "Adam; weight decay is an L2 penalty", s -> Optimizers.adam().learningRate(s.single("lr"))
            .betas(s.single("beta1"), s.single("beta2")).epsilon(s.single("eps"))
            .weightDecay(s.single("weight_decay"))),
        new Choice<>("adamw:lr=0.003,beta1=0.9,beta2=0.999,eps=1e-8,weight_decay=0.01",
            "Adam with decoupled weight decay", s -> Optimizers.adamW().learningRate(s.single("lr"))
            .betas(s.single("beta1"), s.single("beta2")).epsilon(s.single("eps"))
            .weightDecay(s.single("weight_decay"))));

    private OptimizerChoices() {
    }

    private static Optimizer sgd(Settings s) {
        return Optimizers.sgd().learningRate(s.single("lr")).momentum(s.single("momentum"))
            .dampening(s.single("dampening")).nesterov(s.flag("nesterov")).weightDecay(s.single("weight_decay"));
    }
}
