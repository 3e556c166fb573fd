package org.talweg.analysis.plot;

import java.awt.Color;
import java.util.List;
import java.util.Locale;

/** Ratios as bars on a logarithmic axis, in groups: how many times as long as another something takes. */
public final class BarPlot extends Picture {
    private static final int WIDTH = 760;
    private static final int TOP = 62;
    private static final int BAR = 20;
    private static final int GAP = 14;
    private static final int BOTTOM = 34;
    private static final double LEFT = 300;
    private static final double RIGHT = 700;
    private static final double LEAST = 0.5;

    /** @param ratio above 0; at most a half is drawn as a half */
    public record Bar(String label, double ratio) {
    }

    /** Bars that belong together; the first is what the others are measured against. A label has one colour in all groups. */
    public record Group(String name, List<Bar> bars) {
    }

    private final List<Group> groups;
    private final String title;
    private final String subtitle;

    public BarPlot(List<Group> groups, String title, String subtitle) {
        super(WIDTH, TOP + BOTTOM + groups.stream().mapToInt(group -> group.bars().size() * BAR + GAP).sum());
        this.groups = List.copyOf(groups);
        this.title = title;
        this.subtitle = subtitle;
    }

    @Override
    void draw(Canvas canvas) {
        background(canvas, title, subtitle);
        double most = Math.max(2, groups.stream().flatMap(group -> group.bars().stream()).mapToDouble(Bar::ratio).max()
            .orElse(2));
        double end = TOP + groups.stream().mapToInt(group -> group.bars().size() * BAR + GAP).sum();
        for (double tick = LEAST; tick <= most; tick *= 2) {
            canvas.line(x(tick, most), TOP, x(tick, most), end, tick == 1 ? Palette.INK : Palette.FAINT, 1);
            canvas.text(number(tick), x(tick, most), end + 16, 11, Canvas.Anchor.MIDDLE);
        }
        List<String> labels = groups.stream().flatMap(group -> group.bars().stream()).map(Bar::label).distinct().toList();
        double y = TOP;
        for (Group group : groups) {
            canvas.text(group.name(), 12, y + BAR - 5, 12, Canvas.Anchor.START);
            for (Bar bar : group.bars()) {
                Color color = Palette.at(0.15 + 0.7 * labels.indexOf(bar.label()) / labels.size());
                double length = x(bar.ratio(), most) - LEFT;
                canvas.fill(Canvas.rectangle(LEFT, y + 2, Math.max(1, length), BAR - 4), color);
                canvas.text(bar.label(), LEFT - 8, y + BAR - 6, 11, Canvas.Anchor.END);
                canvas.text(number(bar.ratio()), LEFT + Math.max(1, length) + 5, y + BAR - 6, 11, Canvas.Anchor.START);
                y += BAR;
            }
            y += GAP;
        }
    }

    private static double x(double ratio, double most) {
        return LEFT + (RIGHT - LEFT) * Math.log(Math.max(LEAST, ratio) / LEAST) / Math.log(most / LEAST);
    }

    private static String number(double ratio) {
        return ratio == Math.rint(ratio) ? String.valueOf((long) ratio)
            : String.format(Locale.ROOT, ratio < 10 ? "%.2f" : ratio < 100 ? "%.1f" : "%.0f", ratio);
    }
}
