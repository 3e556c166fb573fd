package org.talweg.train;

import org.talweg.nn.Model;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/** Room on the device for a model's parameters and states, to come back to. */
final class ModelCopy {
    private final Model model;
    private final Tensor parameters;
    private final Tensor states;

    ModelCopy(Resources resources, Model model, String purpose) {
        this.model = model;
        this.parameters = like(resources, model.parameters(), purpose);
        this.states = model.states() == null ? null : like(resources, model.states(), purpose);
    }

    private Tensor like(Resources resources, Tensor tensor, String purpose) {
        return resources.tensor(model.device(), DType.FLOAT32, tensor.shape(), purpose);
    }

    Tensor parameters() {
        return parameters;
    }

    /** Null if the model has none. */
    Tensor states() {
        return states;
    }

    void save() {
        copy(model.parameters(), parameters);
        copy(model.states(), states);
    }

    void restore() {
        copy(parameters, model.parameters());
        copy(states, model.states());
    }

    private void copy(Tensor from, Tensor to) {
        if (from != null) {
            model.device().ops().data().copy(from, to);
        }
    }
}
