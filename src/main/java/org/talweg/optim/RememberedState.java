package org.talweg.optim;

import org.talweg.ops.Device;

/** A state that is what its {@link StateMemory} remembers. */
abstract class RememberedState implements Optimizer.State {
    final StateMemory memory;

    RememberedState(Device device) {
        memory = new StateMemory(device);
    }

    @Override
    public SavedState save() {
        return memory.save();
    }

    @Override
    public void restore(SavedState saved) {
        memory.restore(saved);
    }

    @Override
    public void close() {
        memory.close();
    }
}
