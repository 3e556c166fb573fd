package org.talweg.optim;

/**
 * Cyclical learning rates (Smith 2017, "Cyclical Learning Rates for Training Neural Networks"). With c the cycle from 0
 * and x the position in it, which rises from 0 to 1 in {@code up} steps and falls to 0 in {@code down}:
 * base + (peak − base) x · s, where s is 1, 2⁻ᶜ or γᵗ. PyTorch's {@code CyclicLR}.
 *
 * @param gamma        of {@link Shape#EXP_RANGE}, per step
 * @param lowMomentum  at the peak rate; NaN for the optimizer's own momentum throughout
 * @param highMomentum at the base rate: high − (high − low) x · s, Smith's inverse momentum
 */
public record Cyclical(double base, double peak, long up, long down, Shape shape, double gamma, double lowMomentum,
                       double highMomentum) implements Schedule {

    /** How the peak changes from cycle to cycle. */
    public enum Shape {
        /** Not at all. */
        TRIANGULAR,
        /** Half as high above the base each time. */
        TRIANGULAR2,
        /** By γ in every step. */
        EXP_RANGE
    }

    public Cyclical {
        Schedules.check("base learning rate", base);
        Schedules.check("peak learning rate", peak);
        Schedules.check("gamma", gamma);
        Schedules.length("a rise", up);
        Schedules.length("a fall", down);
        Schedules.momenta(lowMomentum, highMomentum);
    }

    /** Steps from the peak back to the base; as many as the rise unless set. */
    public Cyclical down(long steps) {
        return new Cyclical(base, peak, up, steps, shape, gamma, lowMomentum, highMomentum);
    }

    public Cyclical triangular2() {
        return new Cyclical(base, peak, up, down, Shape.TRIANGULAR2, gamma, lowMomentum, highMomentum);
    }

    public Cyclical expRange(double value) {
        return new Cyclical(base, peak, up, down, Shape.EXP_RANGE, value, lowMomentum, highMomentum);
    }

    /** Momentum falls to {@code low} as the rate rises; PyTorch's defaults are 0.8 and 0.9. */
    public Cyclical momentum(double low, double high) {
        return new Cyclical(base, peak, up, down, shape, gamma, low, high);
    }

    @Override
    public double rate(At at) {
        return base + (peak - base) * height(at.step());
    }

    @Override
    public double momentum(At at) {
        return highMomentum - (highMomentum - lowMomentum) * height(at.step());
    }

    private double height(long step) {
        long position = step % (up + down);
        double x = position <= up ? position / (double) up : (up + down - position) / (double) down;
        return x * switch (shape) {
            case TRIANGULAR -> 1;
            case TRIANGULAR2 -> Math.pow(0.5, step / (up + down));
            case EXP_RANGE -> Math.pow(gamma, step);
        };
    }
}
