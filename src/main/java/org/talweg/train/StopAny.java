package org.talweg.train;

import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** See {@link Stop#anyOf}. */
record StopAny(List<Stop> criteria) implements Stop {

    @Override
    public Watch watch() {
        List<Watch> watches = criteria.stream().map(Stop::watch).toList();
        // All are asked, so that none misses an epoch.
        return now -> watches.stream().map(watch -> watch.check(now)).toList().stream().flatMap(Optional::stream)
            .findFirst();
    }

    @Override
    public long maxSteps() {
        return criteria.stream().mapToLong(Stop::maxSteps).min().orElse(Long.MAX_VALUE);
    }

    @Override
    public Duration maxTime() {
        return criteria.stream().map(Stop::maxTime).filter(Objects::nonNull).min(Comparator.naturalOrder()).orElse(null);
    }

    @Override
    public String restores() {
        return criteria.stream().map(Stop::restores).filter(Objects::nonNull).findFirst().orElse(null);
    }
}
