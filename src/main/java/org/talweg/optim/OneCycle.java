package org.talweg.optim;

/**
 * One cycle over the whole run (Smith and Topin 2018, "Super-Convergence"): from peak / divisor up to the peak in the
 * first {@code rise} of the steps, then down to peak / divisor / finalDivisor in the last step; in three phases, down to
 * peak / divisor in as many steps as it took to rise, then on to the end. PyTorch's {@code OneCycleLR}: the corners are
 * at steps rise · T − 1, 2 · rise · T − 2 and T − 1. optax puts the first at ⌊rise · T⌋, which {@link Schedule#then}
 * makes of two halves.
 *
 * @param rise         share of the steps, above 0 and at most 1, or ½ with three phases
 * @param lowMomentum  at the peak rate; NaN for the optimizer's own momentum throughout
 * @param highMomentum at the start and at the end
 */
public record OneCycle(double peak, double rise, double divisor, double finalDivisor, Anneal anneal,
                       boolean threePhases, double lowMomentum, double highMomentum) implements Schedule {

    /** The line between two corners. */
    public enum Anneal {
        COSINE, LINEAR
    }

    public OneCycle {
        Schedules.check("peak learning rate", peak);
        if (!(rise > 0 && rise <= (threePhases ? 0.5 : 1))) {
            throw new IllegalArgumentException("the rate rises for a share of " + rise
                + " of the steps; it must be above 0 and at most " + (threePhases ? "0.5 with three phases" : "1"));
        }
        if (!(divisor > 0 && finalDivisor > 0)) {
            throw new IllegalArgumentException("divisors of the peak rate are " + divisor + " and " + finalDivisor
                + "; both must be above 0");
        }
        Schedules.momenta(lowMomentum, highMomentum);
    }

    /** Share of the steps in which the rate rises; 0.3 unless set. */
    public OneCycle rise(double share) {
        return new OneCycle(peak, share, divisor, finalDivisor, anneal, threePhases, lowMomentum, highMomentum);
    }

    /** The first rate is peak / {@code first}, the last that / {@code last}; 25 and 10000 unless set. */
    public OneCycle divisors(double first, double last) {
        return new OneCycle(peak, rise, first, last, anneal, threePhases, lowMomentum, highMomentum);
    }

    public OneCycle linear() {
        return new OneCycle(peak, rise, divisor, finalDivisor, Anneal.LINEAR, threePhases, lowMomentum, highMomentum);
    }

    public OneCycle inThreePhases() {
        return new OneCycle(peak, rise, divisor, finalDivisor, anneal, true, lowMomentum, highMomentum);
    }

    /** Momentum falls to {@code low} as the rate rises; PyTorch's defaults are 0.85 and 0.95. */
    public OneCycle momentum(double low, double high) {
        return new OneCycle(peak, rise, divisor, finalDivisor, anneal, threePhases, low, high);
    }

    @Override
    public double rate(At at) {
        double start = peak / divisor;
        return cycle(at, start, peak, start, start / finalDivisor);
    }

    @Override
    public double momentum(At at) {
        return cycle(at, highMomentum, lowMomentum, highMomentum, highMomentum);
    }

    private double cycle(At at, double first, double top, double middle, double last) {
        double end = at.steps() - 1;
        double corner = rise * at.steps() - 1;
        double second = threePhases ? 2 * corner : corner;
        double t = Math.min(at.step(), end);
        if (t <= corner) {
            return line(first, top, t, 0, corner);
        }
        return t <= second ? line(top, middle, t, corner, second)
            : line(threePhases ? middle : top, last, t, second, end);
    }

    private double line(double from, double to, double t, double begin, double end) {
        double share = end > begin ? (t - begin) / (end - begin) : 1;
        return anneal == Anneal.LINEAR ? from + (to - from) * share : Schedules.between(from, to, share);
    }
}
