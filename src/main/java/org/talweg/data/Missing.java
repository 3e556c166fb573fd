package org.talweg.data;

/** What to do where a row has no value for a feature: an empty cell, NA, N/A, NaN, null, None or ?, or a NaN of an array. */
public enum Missing {
    /** An error that names the place. */
    ERROR,
    /** The whole row is left out. */
    DROP,
    /** It stays NaN in the data set, for a {@link Scaler} that was fitted with a {@link Scaler.Fill}. */
    FILL
}
