package org.talweg.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.talweg.analysis.StepFloor;
import org.talweg.cuda.KernelProfile;

/** The launches of one step, each with its floor where one is known, summed up by kernel in the order they first ran. */
final class StepProfile {
    private final List<Row> rows = new ArrayList<>();

    /** Launches of one kernel, or of all. */
    record Row(String kernel, List<KernelProfile> launches, OptionalLong floor) {
        long bytes() {
            return launches.stream().mapToLong(KernelProfile::bytes).sum();
        }

        /** NaN where no floor is known. */
        double ratio() {
            return floor.isPresent() ? (double) bytes() / floor.getAsLong() : Double.NaN;
        }

        double sectorsPerRequest() {
            return perRequest(launches.stream().mapToLong(l -> l.loads().sectors() + l.stores().sectors()).sum());
        }

        double idealSectorsPerRequest() {
            return perRequest(launches.stream()
                .mapToLong(l -> l.loads().idealSectors() + l.stores().idealSectors()).sum());
        }

        private double perRequest(long sectors) {
            long requests = launches.stream().mapToLong(l -> l.loads().count() + l.stores().count()).sum();
            return requests == 0 ? 0 : (double) sectors / requests;
        }

        long conflicts() {
            return launches.stream().mapToLong(l -> l.shared().conflicts()).sum();
        }

        long instructions() {
            return launches.stream().mapToLong(KernelProfile::instructions).sum();
        }
    }

    /** @param expected in their order; launches of other kernels may come between them, or in place of some */
    StepProfile(List<KernelProfile> step, List<StepFloor.Launch> expected) {
        Map<String, List<KernelProfile>> byKernel = new LinkedHashMap<>();
        Map<String, OptionalLong> floors = new LinkedHashMap<>();
        int next = 0;
        for (KernelProfile launch : step) {
            OptionalLong bytes = OptionalLong.empty();
            for (int i = next; i < expected.size() && bytes.isEmpty(); i++) {
                if (expected.get(i).is(launch.kernel())) {
                    bytes = OptionalLong.of(expected.get(i).bytes());
                    next = i + 1;
                }
            }
            byKernel.computeIfAbsent(launch.kernel(), name -> new ArrayList<>()).add(launch);
            floors.merge(launch.kernel(), bytes, StepProfile::sum);
        }
        byKernel.forEach((kernel, list) -> rows.add(new Row(kernel, list, floors.get(kernel))));
    }

    private static OptionalLong sum(OptionalLong a, OptionalLong b) {
        return a.isPresent() && b.isPresent() ? OptionalLong.of(a.getAsLong() + b.getAsLong()) : OptionalLong.empty();
    }

    List<Row> rows() {
        return rows;
    }

    /** The whole step; without a floor if one of its kernels has none. */
    Row total() {
        OptionalLong floor = rows.stream().map(Row::floor).reduce(OptionalLong.of(0), StepProfile::sum);
        return new Row("one step", rows.stream().flatMap(row -> row.launches().stream()).toList(), floor);
    }
}
