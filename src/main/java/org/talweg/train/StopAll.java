package org.talweg.train;

import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;

/** See {@link Stop#allOf}. */
record StopAll(List<Stop> criteria) implements Stop {

    StopAll {
        if (criteria.isEmpty()) {
            throw new IllegalArgumentException("all of no criteria would end training at once; give at least one");
        }
    }

    @Override
    public Watch watch() {
        List<Watch> watches = criteria.stream().map(Stop::watch).toList();
        return now -> {
            List<Optional<String>> reasons = watches.stream().map(watch -> watch.check(now)).toList();
            return reasons.stream().allMatch(Optional::isPresent)
                ? Optional.of(reasons.stream().map(Optional::orElseThrow).collect(Collectors.joining(", and ")))
                : Optional.empty();
        };
    }

    @Override
    public long maxSteps() {
        return criteria.stream().mapToLong(Stop::maxSteps).max().orElseThrow();
    }

    @Override
    public Duration maxTime() {
        return criteria.stream().anyMatch(stop -> stop.maxTime() == null) ? null
            : criteria.stream().map(Stop::maxTime).max(Comparator.naturalOrder()).orElseThrow();
    }

    @Override
    public String restores() {
        return criteria.stream().map(Stop::restores).filter(Objects::nonNull).findFirst().orElse(null);
    }
}
