/** Data sets in host memory: readers, splits, scaling, and the cutting into batches. */
package org.talweg.data;
