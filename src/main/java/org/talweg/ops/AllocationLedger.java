package org.talweg.ops;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The books of one device: every live allocation, its size, its purpose and the place in the code that made it. */
public final class AllocationLedger {
    private record Entry(String purpose, long bytes, String place) {
    }

    private final Map<Long, Entry> live = new LinkedHashMap<>();
    private long nextTicket;
    private long bytes;

    /** Enters an allocation; the ticket settles it. */
    public synchronized long enter(String purpose, long size) {
        String place = StackWalker.getInstance().walk(frames -> frames
            .filter(frame -> !frame.getClassName().matches("org\\.talweg\\.(ops|cuda|cpu|reference)\\..*"))
            .findFirst().map(Object::toString).orElse("unknown place"));
        live.put(nextTicket, new Entry(purpose, size, place));
        bytes += size;
        return nextTicket++;
    }

    public synchronized void settle(long ticket) {
        Entry entry = live.remove(ticket);
        if (entry != null) {
            bytes -= entry.bytes;
        }
    }

    public synchronized long bytes() {
        return bytes;
    }

    /** One line per live allocation. */
    public synchronized List<String> lines() {
        return live.values().stream()
            .map(entry -> entry.purpose + ": " + entry.bytes + " bytes, allocated at " + entry.place).toList();
    }
}
