package org.talweg.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;
import org.talweg.train.Listener;
import org.talweg.train.StepMetrics;

/** Lets a training run report groups of steps, and keeps the counters at the end of each and the second one's launches. */
final class CountedSteps implements Listener {
    private final int[] groups;
    private final List<SoftwareDriver.Counters> counters = new ArrayList<>();
    private List<KernelProfile> second = List.of();

    /** @param groups steps of each; beyond them one by one */
    CountedSteps(int... groups) {
        this.groups = groups;
    }

    @Override
    public int stepsUntilReport() {
        return counters.size() < groups.length ? groups[counters.size()] : 1;
    }

    @Override
    public void onSteps(List<StepMetrics> steps) {
        counters.add(SoftwareDriver.counters());
        List<KernelProfile> counted = SoftwareDriver.profile();
        SoftwareDriver.count(counters.size() == 1);
        second = counters.size() == 2 ? counted : second;
    }

    /** Launches of the second group. */
    List<KernelProfile> second() {
        return second;
    }

    /** What was counted during a group; not for the first, before which nobody looked. */
    long during(int group, ToLongFunction<SoftwareDriver.Counters> count) {
        return count.applyAsLong(counters.get(group)) - count.applyAsLong(counters.get(group - 1));
    }
}
