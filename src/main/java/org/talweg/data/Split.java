package org.talweg.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A data set cut in up to three parts; {@code validation} and {@code test} may have no rows. */
public record Split(Dataset train, Dataset validation, Dataset test) {

    static Split of(Dataset data, double train, double validation) {
        if (!(train > 0 && validation >= 0 && train + validation <= 1 + 1e-9)) {
            throw new IllegalArgumentException("shares of " + train + " for training and " + validation
                + " for validation; the first must be above 0, the second at least 0, and both together at most 1");
        }
        int rows = data.rows();
        int[] part = new int[rows];
        // Shares of each class are rounded on the running total, so that the parts have the right size as well.
        int seen = 0;
        int trained = 0;
        int validated = 0;
        for (List<Integer> group : groups(data)) {
            seen += group.size();
            int trainEnd = (int) Math.round(train * seen) - trained;
            int validEnd = (int) Math.min(seen, Math.round((train + validation) * seen)) - trained - validated;
            for (int i = 0; i < group.size(); i++) {
                part[group.get(i)] = i < trainEnd ? 0 : i < validEnd ? 1 : 2;
            }
            trained += trainEnd;
            validated += validEnd - trainEnd;
        }
        if (trained == 0) {
            throw new IllegalArgumentException("a share of " + train + " of " + rows
                + " rows leaves nothing to train on");
        }
        return new Split(select(data, part, 0), select(data, part, 1), select(data, part, 2));
    }

    static List<Split> folds(Dataset data, int count) {
        if (count < 2 || count > data.rows()) {
            throw new IllegalArgumentException(count + " folds of " + data.rows() + " rows of " + data.name()
                + "; there must be at least 2, and a row in each");
        }
        int[] part = new int[data.rows()];
        int seen = 0;
        for (List<Integer> group : groups(data)) {
            for (int row : group) {
                part[row] = seen++ % count;
            }
        }
        List<Split> folds = new ArrayList<>();
        for (int fold = 0; fold < count; fold++) {
            int held = fold;
            int[] others = Arrays.stream(part).map(own -> own == held ? 1 : 0).toArray();
            folds.add(new Split(select(data, others, 0), select(data, others, 1), data.select()));
        }
        return folds;
    }

    /** Row numbers of each class in order; all of them in one group without classes. */
    private static List<List<Integer>> groups(Dataset data) {
        List<List<Integer>> groups = new ArrayList<>();
        for (int i = 0; i < Math.max(1, data.classes()); i++) {
            groups.add(new ArrayList<>());
        }
        for (int row = 0; row < data.rows(); row++) {
            groups.get(data.isClassification() ? data.labels()[row] : 0).add(row);
        }
        return groups;
    }

    private static Dataset select(Dataset data, int[] part, int wanted) {
        int[] rows = new int[part.length];
        int count = 0;
        for (int row = 0; row < part.length; row++) {
            if (part[row] == wanted) {
                rows[count++] = row;
            }
        }
        return data.select(Arrays.copyOf(rows, count));
    }
}
