/** Files of numbers, and data sets made of them: readers, splits, scaling, and the cutting into batches. */
package org.talweg.data;
