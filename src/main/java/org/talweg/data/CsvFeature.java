package org.talweg.data;

import java.util.List;

/** What a column of a table becomes among the features. */
sealed interface CsvFeature {
    List<String> names();

    /** Writes its features from column {@code first} on into rows of {@code columns}. */
    void fill(float[] values, int first, int columns);

    record Number(CsvColumn column) implements CsvFeature {
        @Override
        public List<String> names() {
            return List.of(column.name());
        }

        @Override
        public void fill(float[] values, int first, int columns) {
            for (int row = 0; row < column.count(); row++) {
                values[row * columns + first] = column.number(row);
            }
        }
    }

    record Index(String column, CsvColumn.Categories categories) implements CsvFeature {
        @Override
        public List<String> names() {
            return List.of(column);
        }

        @Override
        public void fill(float[] values, int first, int columns) {
            for (int row = 0; row < categories.index().length; row++) {
                int index = categories.index()[row];
                values[row * columns + first] = index < 0 ? Float.NaN : index;
            }
        }
    }

    record OneHot(String column, CsvColumn.Categories categories) implements CsvFeature {
        @Override
        public List<String> names() {
            return categories.names().stream().map(category -> column + "=" + category).toList();
        }

        @Override
        public void fill(float[] values, int first, int columns) {
            for (int row = 0; row < categories.index().length; row++) {
                if (categories.index()[row] >= 0) {
                    values[row * columns + first + categories.index()[row]] = 1;
                }
            }
        }
    }
}
