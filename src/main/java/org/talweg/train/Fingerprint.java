package org.talweg.train;

import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;

/** Tells whether data are the same. */
public final class Fingerprint {
    private Fingerprint() {
    }

    /** SHA-256 of names, features and targets, in hexadecimal. */
    public static String of(Dataset data) {
        Sha256 sum = new Sha256().add(data.featureNames() + "\n" + data.targetNames() + "\n" + data.classNames())
            .add(data.features());
        return (data.isClassification() ? sum.add(data.labels()) : sum.add(data.targets())).hex();
    }

    /** Of the data and of the way they are cut into batches. */
    static String of(DataLoader loader) {
        return of(loader.data()) + ", batches of " + loader.batchSize() + ", "
            + (loader.shuffleSeed().isPresent() ? "shuffled by " + loader.shuffleSeed().getAsLong() : "in order");
    }
}
