package org.talweg.ops;

import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.talweg.tensor.Buffer;
import org.talweg.tensor.DType;
import org.talweg.tensor.HostBuffer;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** A device whose memory is the Java heap and whose operations run at once in the calling thread. */
public final class HostDevice implements Device {
    private static final Logger LOG = LoggerFactory.getLogger(HostDevice.class);

    private final String name;
    private final String description;
    private final Ops ops;
    private final DType floatType;
    private final AllocationLedger ledger = new AllocationLedger();
    private final List<HostBuffer> buffers = new ArrayList<>();
    private Thread owner = Thread.currentThread();
    private boolean closed;

    /**
     * @param floatType how FLOAT32 is stored: FLOAT64 makes a device that computes in double, for finite differences
     */
    public HostDevice(String name, String description, Ops ops, DType floatType) {
        this.name = name;
        this.description = description;
        this.ops = ops;
        this.floatType = floatType;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String description() {
        return description;
    }

    @Override
    public Ops ops() {
        return ops;
    }

    @Override
    public Buffer allocate(DType dtype, long length, String purpose) {
        check();
        DType stored = dtype == DType.FLOAT32 ? floatType : dtype;
        if (length > HostBuffer.LONGEST) {
            throw new DeviceMemoryException("a Java array holds at most " + HostBuffer.LONGEST + " elements, and "
                + purpose + " has " + length);
        }
        long ticket = ledger.enter(purpose, length * stored.bytes());
        try {
            HostBuffer[] self = new HostBuffer[1];
            self[0] = new HostBuffer(stored, length, () -> {
                ledger.settle(ticket);
                buffers.remove(self[0]);
            });
            buffers.add(self[0]);
            return self[0];
        } catch (OutOfMemoryError e) {
            ledger.settle(ticket);
            throw new DeviceMemoryException("not enough Java heap for " + purpose + " (" + length * stored.bytes()
                + " bytes); give the JVM more with -Xmx", e);
        }
    }

    @Override
    public void upload(float[] source, Tensor destination) {
        HostBuffer buffer = transfer(destination, source.length);
        if (buffer.dtype() == DType.FLOAT32) {
            System.arraycopy(source, 0, buffer.floats(), buffer.start() + (int) destination.offset(),
                (int) destination.elements());
        } else {
            for (int i = 0; i < destination.elements(); i++) {
                buffer.set(destination.offset() + i, source[i]);
            }
        }
    }

    @Override
    public void upload(int[] source, Tensor destination) {
        System.arraycopy(source, 0, transfer(destination, source.length).ints(), (int) destination.offset(),
            (int) destination.elements());
    }

    @Override
    public void download(Tensor source, float[] destination) {
        HostBuffer buffer = transfer(source, destination.length);
        if (buffer.dtype() == DType.FLOAT32) {
            System.arraycopy(buffer.floats(), buffer.start() + (int) source.offset(), destination, 0,
                (int) source.elements());
        } else {
            for (int i = 0; i < source.elements(); i++) {
                destination[i] = (float) buffer.get(source.offset() + i);
            }
        }
    }

    @Override
    public void download(Tensor source, int[] destination) {
        System.arraycopy(transfer(source, destination.length).ints(), (int) source.offset(), destination, 0,
            (int) source.elements());
    }

    @Override
    public Recording record(Runnable body) {
        check();
        return new Recording() {
            @Override
            public void replay() {
                check();
                body.run();
            }

            @Override
            public void close() {
                // Nothing was captured.
            }
        };
    }

    @Override
    public void synchronize() {
        check();
    }

    @Override
    public void adopt() {
        owner = Thread.currentThread();
    }

    @Override
    public long bytesAllocated() {
        return ledger.bytes();
    }

    @Override
    public List<String> liveAllocations() {
        return ledger.lines();
    }

    @Override
    public void close() {
        if (!closed) {
            liveAllocations().forEach(line -> LOG.warn("{} closed with a live buffer: {}", name, line));
            List.copyOf(buffers).forEach(HostBuffer::close);
            closed = true;
        }
    }

    private void check() {
        if (closed) {
            throw new IllegalStateException("device " + name + " is closed");
        }
        if (Thread.currentThread() != owner) {
            throw new IllegalStateException("device " + name + " belongs to thread " + owner.getName()
                + " and was called from " + Thread.currentThread().getName() + "; hand it over with adopt()");
        }
    }

    private HostBuffer transfer(Tensor tensor, int arrayLength) {
        check();
        if (arrayLength < tensor.elements()) {
            throw new IllegalArgumentException("an array of " + arrayLength + " elements for a tensor "
                + Shape.of(tensor.shape().toArray()) + " of " + tensor.elements());
        }
        return (HostBuffer) tensor.buffer();
    }
}
