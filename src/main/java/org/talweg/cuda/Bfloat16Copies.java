package org.talweg.cuda;

import java.util.ArrayList;
import java.util.List;

/** The bfloat16 copies of a device's buffers, and what recordings do to them. */
final class Bfloat16Copies {
    private final CudaDevice device;
    private final List<CudaRecording> recordings;
    private final List<Bfloat16Copy> copies = new ArrayList<>();
    private List<Bfloat16Copy> read = List.of();
    private List<Bfloat16Copy> spoiled = List.of();

    /** @param recordings the device's, for as long as it has them */
    Bfloat16Copies(CudaDevice device, List<CudaRecording> recordings) {
        this.device = device;
        this.recordings = recordings;
    }

    /** The buffer has one from now on; not if it is first met in a recording, where nothing can be allocated. */
    void keep(CudaBuffer buffer) {
        if (buffer.copy() == null && !device.isRecording()) {
            Bfloat16Copy copy = new Bfloat16Copy(device, buffer);
            buffer.keep(copy);
            copies.add(copy);
            recordings.forEach(made -> made.spoils(copy));
        }
    }

    /** Runs what is to be recorded. */
    void record(Runnable body) {
        copies.forEach(Bfloat16Copy::beginRecording);
        try {
            body.run();
            read = copies.stream().filter(Bfloat16Copy::isRead).toList();
            spoiled = copies.stream().filter(Bfloat16Copy::isStale).toList();
        } finally {
            copies.forEach(Bfloat16Copy::endRecording);
        }
    }

    /** Those that the last recording reads as they are when it begins. */
    List<Bfloat16Copy> read() {
        return read;
    }

    /** Those that are stale after the last recording. */
    List<Bfloat16Copy> spoiled() {
        return spoiled;
    }

    void forget(Bfloat16Copy copy) {
        copies.remove(copy);
        recordings.forEach(made -> made.forget(copy));
    }
}
