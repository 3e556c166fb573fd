package org.talweg.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;
import org.talweg.data.Protobuf;

/**
 * Writes an epoch's metrics for TensorBoard, under the names of {@link EpochMetrics#values} and over the steps done:
 * {@code tensorboard --logdir FOLDER} shows them while training runs. A file is a sequence of TFRecords (length, its
 * checksum, an Event in protobuf, its checksum).
 *
 * @see <a href="https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details">TFRecord</a>
 */
public final class TensorBoard implements Listener {
    private static final String NAME = "events.out.tfevents.";
    private static final int MASK = 0xa282ead8;

    private final Path folder;
    private Path file;
    private long steps;

    private TensorBoard(Path folder) {
        this.folder = folder;
    }

    public static TensorBoard in(Path folder) {
        return new TensorBoard(folder);
    }

    /** Replaces the events of a run before. */
    @Override
    public void onTrainBegin(Trainer trainer, int epochs, int stepsPerEpoch) {
        steps = 0;
        try {
            Files.createDirectories(folder);
            try (DirectoryStream<Path> old = Files.newDirectoryStream(folder, NAME + "*")) {
                for (Path events : old) {
                    Files.delete(events);
                }
            }
            file = folder.resolve(String.format("%s%010d.talweg", NAME, System.currentTimeMillis() / 1000));
            Files.write(file, record(new Protobuf().number(1, seconds()).text(3, "brain.Event:2")));
        } catch (IOException e) {
            throw failed(e);
        }
    }

    /** In a new file, with the epochs before the checkpoint. */
    @Override
    public void onResume(Trainer trainer, int epochs, int stepsPerEpoch, RunState run) {
        onTrainBegin(trainer, epochs, stepsPerEpoch);
        run.history().forEach(this::onEpochEnd);
    }

    @Override
    public void onEpochEnd(EpochMetrics metrics) {
        steps += metrics.steps();
        Protobuf summary = new Protobuf();
        metrics.values().forEach((name, value) ->
            summary.message(1, new Protobuf().text(1, name).single(2, value.floatValue())));
        try {
            Files.write(file, record(new Protobuf().number(1, seconds()).whole(2, steps).message(5, summary)),
                StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw failed(e);
        }
    }

    private UncheckedIOException failed(IOException e) {
        return new UncheckedIOException("events cannot be written to " + folder, e);
    }

    private static double seconds() {
        return System.currentTimeMillis() / 1e3;
    }

    private static byte[] record(Protobuf event) {
        byte[] data = event.bytes();
        ByteBuffer record = ByteBuffer.allocate(Long.BYTES + 2 * Integer.BYTES + data.length)
            .order(ByteOrder.LITTLE_ENDIAN);
        record.putLong(data.length);
        record.putInt(checksum(record.array(), Long.BYTES));
        return record.put(data).putInt(checksum(data, data.length)).array();
    }

    private static int checksum(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return Integer.rotateRight((int) crc.getValue(), 15) + MASK;
    }
}
