package org.talweg.tensor;

/**
 * Memory of one device, of one element type. Whoever allocates it closes it; closing twice is harmless,
 * using it afterwards is an {@link IllegalStateException}.
 */
public interface Buffer extends AutoCloseable {
    DType dtype();

    /** Number of elements. */
    long length();

    @Override
    void close();
}
