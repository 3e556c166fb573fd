package org.talweg.cli;

import java.util.Arrays;
import java.util.List;
import org.talweg.cli.Choices.Choice;
import org.talweg.optim.Cyclical;
import org.talweg.optim.OneCycle;
import org.talweg.optim.ReduceOnPlateau;
import org.talweg.optim.Schedule;
import org.talweg.optim.Schedules;
import org.talweg.train.Metrics;

/** {@code --schedule}, once or several times one after another. */
final class ScheduleChoices {

    /** A schedule still without its learning rate and what follows it. */
    @FunctionalInterface
    interface Part {
        /** @param rest what follows, or null */
        Schedule build(double rate, Schedule rest);
    }

    static final Choices<Part> ALL = new Choices<>("--schedule", "schedule", List.of("for"), List.of(
        choice("constant:rate=lr", "always the same rate", (s, lr) -> Schedules.constant(s.rate("rate", lr))),
        choice("step:size=100,gamma=0.5,rate=lr", "times gamma after every size steps",
            (s, lr) -> Schedules.step(s.rate("rate", lr), s.whole("size"), s.number("gamma"))),
        choice("multi_step:at=100/200,gamma=0.1,rate=lr", "times gamma at each of these steps",
            (s, lr) -> Schedules.multiStep(s.rate("rate", lr), s.number("gamma"), milestones(s))),
        choice("exponential:gamma=0.99,every=1,rate=lr", "times gamma every so many steps, smoothly",
            (s, lr) -> Schedules.exponential(s.rate("rate", lr), s.number("gamma"), s.number("every"))),
        choice("sweep:from=1e-6,to=1", "exponentially from one rate to another, to see which works",
            (s, lr) -> Schedules.exponentialTo(s.number("from"), s.number("to"))),
        choice("linear:from=lr,to=0,over=0", "in a line, over so many steps or (0) all of them",
            (s, lr) -> Schedules.linear(s.rate("from", lr), s.rate("to", lr), s.whole("over"))),
        choice("polynomial:power=2,to=0,over=0,rate=lr", "to + (rate - to) (1 - t / over)^power",
            (s, lr) -> Schedules.polynomial(s.rate("rate", lr), s.number("to"), s.number("power"), s.whole("over"))),
        choice("inverse_time:decay=0.01,rate=lr", "rate / (1 + decay t)",
            (s, lr) -> Schedules.inverseTime(s.rate("rate", lr), s.number("decay"))),
        choice("inverse_square_root:warmup=100,peak=lr", "up in a line, then as 1 / sqrt(t)",
            (s, lr) -> Schedules.inverseSquareRoot(s.rate("peak", lr), s.whole("warmup"))),
        choice("cosine:floor=0,over=0,peak=lr", "half a cosine wave down, over so many steps or (0) all of them",
            (s, lr) -> Schedules.cosine(s.rate("peak", lr), s.number("floor"), s.whole("over"))),
        choice("cosine_wave:half=100,floor=0,peak=lr", "a cosine wave, down and up again",
            (s, lr) -> Schedules.cosineWave(s.rate("peak", lr), s.number("floor"), s.whole("half"))),
        choice("warm_restarts:first=100,growth=2,floor=0,peak=lr", "cosine waves that start anew, each growth times longer",
            (s, lr) -> Schedules.warmRestarts(s.rate("peak", lr), s.number("floor"), s.whole("first"),
                s.integer("growth"))),
        choice("cyclical:up=100,down=100,base=1e-4,max=lr,shape=triangular,gamma=0.999,low=own,high=own",
            "triangles between base and max; shape triangular, triangular2 or exp_range; momentum from high to low",
            ScheduleChoices::cyclical),
        choice("one_cycle:max=lr,pct=0.3,div=25,final_div=10000,anneal=cosine,phases=2,low=own,high=own",
            "up to max in a share pct of the run, then to nearly nothing; momentum from high to low and back",
            ScheduleChoices::oneCycle),
        choice("plateau:metric=val_loss,factor=0.1,patience=10,threshold=1e-4,relative=yes,mode=auto,cooldown=0,min=0,"
            + "eps=1e-8,signed=no,rate=lr", "times factor when the metric has not improved for more than patience epochs",
            ScheduleChoices::plateau),
        new Choice<>("warmup:for=100,start=0", "up in a line from start times what the next --schedule begins with",
            s -> (lr, rest) -> {
                if (rest == null) {
                    throw new IllegalArgumentException("--schedule warmup is followed by nothing; add what comes after "
                        + "it, such as --schedule cosine");
                }
                return Schedules.warmup(s.whole("for"), s.number("start"), rest);
            })));

    private ScheduleChoices() {
    }

    /** All of them, one after another. */
    static Schedule parse(List<String> texts, double rate, boolean perEpoch) {
        Schedule schedule = null;
        for (int i = texts.size() - 1; i >= 0; i--) {
            schedule = ALL.parse(texts.get(i)).build(rate, schedule);
        }
        return perEpoch ? schedule.perEpoch() : schedule;
    }

    private interface Maker {
        Schedule make(Settings settings, double rate);
    }

    private static Choice<Part> choice(String usage, String description, Maker maker) {
        return new Choice<>(usage, description, s -> (rate, rest) -> {
            Schedule schedule = maker.make(s, rate);
            if (rest == null) {
                if (s.has("for")) {
                    throw s.bad("for", "left out of the last --schedule, which lasts to the end");
                }
                return schedule;
            }
            if (!s.has("for")) {
                throw s.bad("for", "given where another --schedule follows: for how many steps is this one?");
            }
            return schedule.then(s.whole("for"), rest);
        });
    }

    private static long[] milestones(Settings s) {
        try {
            return Arrays.stream(s.text("at").split("/")).mapToLong(Long::parseLong).toArray();
        } catch (NumberFormatException e) {
            throw s.bad("at", "steps with strokes between them, as 100/200");
        }
    }

    private static Schedule cyclical(Settings s, double lr) {
        Cyclical cyclical = Schedules.cyclical(s.rate("base", lr), s.rate("max", lr), s.whole("up")).down(s.whole("down"));
        cyclical = switch (s.text("shape")) {
            case "triangular" -> cyclical;
            case "triangular2" -> cyclical.triangular2();
            case "exp_range" -> cyclical.expRange(s.number("gamma"));
            default -> throw s.bad("shape", "triangular, triangular2 or exp_range");
        };
        return cyclical.momentum(momentum(s, "low"), momentum(s, "high"));
    }

    private static Schedule oneCycle(Settings s, double lr) {
        OneCycle cycle = Schedules.oneCycle(s.rate("max", lr)).rise(s.number("pct"))
            .divisors(s.number("div"), s.number("final_div")).momentum(momentum(s, "low"), momentum(s, "high"));
        cycle = switch (s.text("anneal")) {
            case "cosine" -> cycle;
            case "linear" -> cycle.linear();
            default -> throw s.bad("anneal", "cosine or linear");
        };
        return switch (s.text("phases")) {
            case "2" -> cycle;
            case "3" -> cycle.inThreePhases();
            default -> throw s.bad("phases", "2 or 3");
        };
    }

    private static Schedule plateau(Settings s, double lr) {
        String metric = s.text("metric");
        ReduceOnPlateau plateau = Schedules.reduceOnPlateau(s.rate("rate", lr)).factor(s.number("factor"))
            .patience(s.integer("patience")).cooldown(s.integer("cooldown")).minimum(s.number("min"))
            .epsilon(s.number("eps"));
        plateau = switch (s.text("mode")) {
            case "auto" -> Metrics.higherIsBetter(metric) ? plateau.maximise(metric)
                : plateau.minimise(metric);
            case "min" -> plateau.minimise(metric);
            case "max" -> plateau.maximise(metric);
            default -> throw s.bad("mode", "auto, min or max");
        };
        double threshold = s.number("threshold");
        plateau = s.flag("relative") ? plateau.relativeThreshold(threshold) : plateau.absoluteThreshold(threshold);
        return s.flag("signed") ? plateau.signedThreshold() : plateau;
    }

    private static double momentum(Settings s, String key) {
        return s.text(key).equals("own") ? Double.NaN : s.number(key);
    }
}
