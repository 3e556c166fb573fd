package org.talweg.optim;

import org.talweg.ops.Device;
import org.talweg.ops.UpdateRule;

/** An optimizer that is one {@link UpdateRule}: a single launch over all parameters. */
public interface FusedOptimizer extends Optimizer {

    /**
     * @throws IllegalArgumentException if the settings contradict one another
     */
    UpdateRule rule();

    @Override
    default State newState(Device device, ParameterLayout layout, Clip clip) {
        return new FusedState(device, rule(), layout, clip);
    }
}
