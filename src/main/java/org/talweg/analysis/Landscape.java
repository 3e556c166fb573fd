package org.talweg.analysis;

import java.util.List;

/**
 * Losses on a line or a grid through the space of parameters.
 *
 * @param firstLabel  what a step of 1 in α means
 * @param secondLabel likewise in β; empty for a line
 * @param alphas      rising
 * @param betas       rising; just 0 for a line
 * @param losses      [i][j] at α<sub>i</sub>, β<sub>j</sub>; may be infinite or NaN
 * @param path        where training went, projected onto the plane; empty if unknown
 */
public record Landscape(String firstLabel, String secondLabel, double[] alphas, double[] betas, double[][] losses,
                        List<Point> path) {

    /**
     * A place on the landscape.
     *
     * @param loss of the model there; on a path that of the model itself, not of its projection
     */
    public record Point(double alpha, double beta, double loss) {
    }

    public Landscape {
        path = List.copyOf(path);
        if (losses.length != alphas.length) {
            throw new IllegalArgumentException(losses.length + " rows of losses for " + alphas.length + " alphas");
        }
        for (double[] row : losses) {
            if (row.length != betas.length) {
                throw new IllegalArgumentException(row.length + " losses in a row for " + betas.length + " betas");
            }
        }
    }

    public Landscape withPath(List<Point> points) {
        return new Landscape(firstLabel, secondLabel, alphas, betas, losses, points);
    }

    public boolean isLine() {
        return betas.length == 1;
    }

    /** The point with the smallest loss, the first of equals; NaN coordinates if no loss is finite. */
    public Point minimum() {
        Point best = new Point(Double.NaN, Double.NaN, Double.NaN);
        for (int i = 0; i < alphas.length; i++) {
            for (int j = 0; j < betas.length; j++) {
                if (Double.isFinite(losses[i][j]) && !(losses[i][j] >= best.loss)) {
                    best = new Point(alphas[i], betas[j], losses[i][j]);
                }
            }
        }
        return best;
    }

    /** The largest finite loss; NaN if none is finite. */
    public double largest() {
        double largest = Double.NaN;
        for (double[] row : losses) {
            for (double loss : row) {
                largest = Double.isFinite(loss) && !(loss <= largest) ? loss : largest;
            }
        }
        return largest;
    }

    /** Points at which the loss is infinite or NaN. */
    public int nonFinite() {
        int count = 0;
        for (double[] row : losses) {
            for (double loss : row) {
                count += Double.isFinite(loss) ? 0 : 1;
            }
        }
        return count;
    }

    /** A table {@code alpha,beta,loss}, or {@code alpha,loss} of a line. */
    public String csv() {
        StringBuilder table = new StringBuilder(isLine() ? "alpha,loss\n" : "alpha,beta,loss\n");
        for (int i = 0; i < alphas.length; i++) {
            for (int j = 0; j < betas.length; j++) {
                table.append(alphas[i]).append(',');
                if (!isLine()) {
                    table.append(betas[j]).append(',');
                }
                table.append(losses[i][j]).append('\n');
            }
        }
        return table.toString();
    }
}
