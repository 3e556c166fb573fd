package org.talweg.analysis.plot;

import java.awt.Color;

/** Colours: a scale that rises evenly in lightness, so that it also reads in grey and to the colour-blind. */
final class Palette {
    static final Color INK = new Color(0x22, 0x22, 0x22);
    static final Color FAINT = new Color(0xd9, 0xd9, 0xd9);
    static final Color PAPER = Color.WHITE;
    static final Color PATH = new Color(0xd6, 0x27, 0x28);
    /** Where the loss is not finite. */
    static final Color NOTHING = new Color(0xbd, 0xbd, 0xbd);
    /** Viridis, by Nathaniel Smith and Stéfan van der Walt, at nine equal steps. */
    private static final int[] VIRIDIS = {0x440154, 0x472d7b, 0x3b528b, 0x2c728e, 0x21918c, 0x28ae80, 0x5ec962, 0xaddc30,
        0xfde725};

    private Palette() {
    }

    /** @param position 0 for the lowest, 1 for the highest; anything outside is taken as its nearer end */
    static Color at(double position) {
        double place = Math.min(Math.max(position, 0), 1) * (VIRIDIS.length - 1);
        int below = Math.min((int) place, VIRIDIS.length - 2);
        double share = place - below;
        return new Color(mix(below, share, 16), mix(below, share, 8), mix(below, share, 0));
    }

    private static int mix(int below, double share, int shift) {
        int from = VIRIDIS[below] >> shift & 255;
        int to = VIRIDIS[below + 1] >> shift & 255;
        return (int) Math.round(from + share * (to - from));
    }

    /** @param factor 0 for black, 1 for the colour itself */
    static Color shade(Color color, double factor) {
        return new Color((int) (color.getRed() * factor), (int) (color.getGreen() * factor),
            (int) (color.getBlue() * factor));
    }

    static Color fade(Color color, double opacity) {
        return new Color(color.getRed(), color.getGreen(), color.getBlue(), (int) Math.round(255 * opacity));
    }
}
