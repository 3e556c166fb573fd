package org.talweg.train;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.talweg.ops.Device;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** What was opened, to be closed together in reverse order. */
public final class Resources implements AutoCloseable {
    private final List<Runnable> closers = new ArrayList<>();

    public Tensor tensor(Device device, DType dtype, Shape shape, String purpose) {
        Tensor tensor = device.allocate(dtype, shape, purpose);
        closers.add(tensor.buffer()::close);
        return tensor;
    }

    /** @param close how to close {@code resource}, without checked exceptions */
    public <T> T add(T resource, Consumer<T> close) {
        closers.add(() -> close.accept(resource));
        return resource;
    }

    /** To be run after everything else is closed. */
    public void addFirst(Runnable closer) {
        closers.add(0, closer);
    }

    @Override
    public void close() {
        for (int i = closers.size() - 1; i >= 0; i--) {
            closers.get(i).run();
        }
        closers.clear();
    }
}
