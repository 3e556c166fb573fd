/**
 * From a forward pass to a training step. {@link org.talweg.tape.Tape} records operations on symbolic values; each
 * kind of node knows how to run forward and how gradients flow back through it. Planning a
 * {@link org.talweg.tape.TrainingProgram} turns both into a flat list of {@link org.talweg.ops.Ops} calls on fixed
 * memory, which the device records.
 *
 * <p>What flows back into a fused dense layer is dZ, the gradient of its pre-activation: consumers apply the
 * derivative of the activation while the values are in registers. A new differentiable operation is a subclass of
 * {@code Node} and a method of {@code Tape}.
 */
package org.talweg.tape;
