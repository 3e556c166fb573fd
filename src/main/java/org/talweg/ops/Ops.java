package org.talweg.ops;

/**
 * The contract: one method per primitive, in families, the same on every backend. A new primitive is a method of its
 * family, a loop in {@code reference}, one in {@code cpu}, a kernel, and a gradient rule in {@code tape}; its contract
 * test then runs on every backend. Calls are ordered; on a GPU they are asynchronous until {@link Device#synchronize}
 * or a download.
 *
 * <p>Tensors are dense row-major and of {@code FLOAT32} unless a method says otherwise. Outputs are overwritten
 * without being read, except where {@code accumulate} says so. Reductions have a fixed order: the same inputs give
 * the same bits.
 */
public record Ops(DenseOps dense, ActivationOps activation, NormalisationOps normalisation, LossOps loss, UpdateOps update,
                  DataOps data, RandomOps random, FusedMlpOps fusedMlp) {
}
