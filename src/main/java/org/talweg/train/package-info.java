/** Fits models to data: the training loop, what it reports, and who listens. */
package org.talweg.train;
