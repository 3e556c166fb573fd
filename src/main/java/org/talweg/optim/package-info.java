/** Optimizers, learning-rate schedules and clipping: immutable specifications, with separate state. */
package org.talweg.optim;
