package org.talweg.analysis.plot;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where a function on a grid takes a value: marching squares (Lorensen and Cline's cubes in the plane), with crossings
 * interpolated along the edges of the cells and saddles decided by the mean of the four corners. Positions are in cells:
 * node (i, j) lies at x = i, y = j. Values that are not finite count as below everything.
 */
final class Isolines {
    private static final double BELOW = Double.NEGATIVE_INFINITY;

    private final double[][] values;
    private final double level;
    private final int border;
    private final Map<Long, double[]> points = new LinkedHashMap<>();
    private final Map<Long, List<Long>> neighbours = new LinkedHashMap<>();

    private Isolines(double[][] values, double level, int border) {
        this.values = values;
        this.level = level;
        this.border = border;
        for (int i = 0; i + 1 < values.length; i++) {
            for (int j = 0; j + 1 < values[0].length; j++) {
                cell(i, j);
            }
        }
    }

    /** The lines themselves, closed or from edge to edge; cells with a corner that is not finite have none. */
    static List<List<double[]>> lines(double[][] values, double level) {
        return new Isolines(values, level, 0).join();
    }

    /** Closed rings around all that is at least {@code level}, along the edge of the grid too; odd-even filled. */
    static List<List<double[]>> rings(double[][] values, double level) {
        double[][] padded = new double[values.length + 2][values[0].length + 2];
        for (double[] row : padded) {
            Arrays.fill(row, BELOW);
        }
        for (int i = 0; i < values.length; i++) {
            for (int j = 0; j < values[0].length; j++) {
                padded[i + 1][j + 1] = Double.isFinite(values[i][j]) ? values[i][j] : BELOW;
            }
        }
        return new Isolines(padded, level, 1).join();
    }

    private void cell(int i, int j) {
        double[] corners = {values[i][j], values[i + 1][j], values[i + 1][j + 1], values[i][j + 1]};
        if (border == 0 && !Arrays.stream(corners).allMatch(Double::isFinite)) {
            return;
        }
        // Edge k joins corners k and k + 1.
        long[] edges = {along(i, j), across(i + 1, j), along(i, j + 1), across(i, j)};
        boolean[] above = new boolean[4];
        List<Integer> crossed = new ArrayList<>();
        for (int k = 0; k < 4; k++) {
            above[k] = corners[k] >= level;
        }
        for (int k = 0; k < 4; k++) {
            if (above[k] != above[(k + 1) % 4]) {
                crossed.add(k);
                points.computeIfAbsent(edges[k], new Crossing(i, j, k, corners)::point);
            }
        }
        if (crossed.size() == 2) {
            connect(edges[crossed.get(0)], edges[crossed.get(1)]);
        } else if (crossed.size() == 4) {
            boolean middleAbove = Arrays.stream(corners).sum() / 4 >= level;
            for (int k = 0; k < 4; k++) {
                if (above[k] != middleAbove) {
                    connect(edges[(k + 3) % 4], edges[k]);
                }
            }
        }
    }

    /** The crossing of edge k of cell (i, j). */
    private final class Crossing {
        private final int i;
        private final int j;
        private final int edge;
        private final double[] corners;

        Crossing(int i, int j, int edge, double[] corners) {
            this.i = i;
            this.j = j;
            this.edge = edge;
            this.corners = corners;
        }

        double[] point(long key) {
            int next = (edge + 1) % 4;
            double from = corners[edge];
            double to = corners[next];
            double share = from == BELOW ? 1 : to == BELOW ? 0 : (level - from) / (to - from);
            double x = x(edge) + share * (x(next) - x(edge));
            double y = y(edge) + share * (y(next) - y(edge));
            return new double[] {x, y};
        }

        private double x(int corner) {
            return node(i + (corner == 1 || corner == 2 ? 1 : 0), values.length);
        }

        private double y(int corner) {
            return node(j + (corner >= 2 ? 1 : 0), values[0].length);
        }
    }

    /** Nodes of the border lie on those next to them, so that rings close along the edge of the grid. */
    private double node(int index, int count) {
        return border == 0 ? index : Math.min(Math.max(index - 1, 0), count - 3);
    }

    private long along(int i, int j) {
        return 2L * ((long) i * values[0].length + j);
    }

    private long across(int i, int j) {
        return along(i, j) + 1;
    }

    private void connect(long a, long b) {
        neighbours.computeIfAbsent(a, key -> new ArrayList<>(2)).add(b);
        neighbours.computeIfAbsent(b, key -> new ArrayList<>(2)).add(a);
    }

    private List<List<double[]>> join() {
        List<List<double[]>> lines = new ArrayList<>();
        // Open lines from their ends first; what is left then is closed.
        for (boolean ends : new boolean[] {true, false}) {
            for (Long start : List.copyOf(neighbours.keySet())) {
                List<Long> next = neighbours.get(start);
                if (next != null && (next.size() == 1 || !ends)) {
                    lines.add(follow(start, !ends));
                }
            }
        }
        return lines;
    }

    private List<double[]> follow(long start, boolean closed) {
        List<double[]> line = new ArrayList<>();
        Long at = start;
        while (at != null) {
            line.add(points.get(at));
            Long from = at;
            List<Long> nexts = neighbours.remove(at);
            at = nexts.stream().filter(neighbours::containsKey).findFirst().orElse(null);
            if (at != null) {
                neighbours.get(at).remove(from);
            }
        }
        if (closed) {
            line.add(line.get(0));
        }
        return line;
    }
}
