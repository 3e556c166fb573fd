package org.talweg.data;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.talweg.testing.Mutation;

/** Files that something has happened to: an error that says so, or numbers; never a hang, and no memory on credit. */
@Timeout(value = 30, unit = TimeUnit.MINUTES)
class ReaderFuzzTest {
    /** Of each kind of file: {@code -Dtalweg.fuzz=10000} for a long run. */
    private static final int MUTATIONS = Integer.getInteger("talweg.fuzz", 2_000);
    /** A small file must not make a reader allocate more than this. */
    private static final long MOST_MEMORY = 16 << 20;
    @TempDir
    Path directory;

    @Test
    void tables() throws IOException {
        fuzz("t.csv", "colour,size,\"a, b\",y\nred,1.5,3,0\n\"bl\"\"ue\",2e3,-4,1\ngreen,NA,0,2\n"
            .getBytes(StandardCharsets.UTF_8), SourceOptions.usual());
        fuzz("t.csv.gz", ArrayFiles.gzip("a\tb\n1\t2\n\t4\n5\t6\n".getBytes(StandardCharsets.UTF_8)),
            new SourceOptions("b", List.of(), List.of(), List.of(), Task.AUTO, Missing.FILL,
                Encoding.INDEX, null, null, Map.of()));
    }

    @Test
    void arraysOfNumPy() throws IOException {
        double[] values = IntStream.range(0, 24).mapToDouble(i -> i).toArray();
        fuzz("a.npy", ArrayFiles.numbers("<f4", values, "(6, 4)"), SourceOptions.usual());
        Map<String, byte[]> arrays = Map.of("x", ArrayFiles.numbers("<f8", values, "(6, 2, 2)"),
            "y", ArrayFiles.numbers("<i4", Arrays.copyOf(values, 6), "(6,)"));
        fuzz("a.npz", ArrayFiles.npz(arrays), SourceOptions.usual());
        fuzz("b.npz", ArrayFiles.stored(arrays), SourceOptions.usual());
    }

    @Test
    void idxFiles() throws IOException {
        Files.write(directory.resolve("train-labels-idx1-ubyte"), ArrayFiles.idx(8, new byte[] {0, 1, 2}, 3));
        byte[] images = ArrayFiles.idx(8, new byte[12], 3, 2, 2);
        fuzz("train-images-idx3-ubyte", images, SourceOptions.usual());
        fuzz("train-images-idx3-ubyte.gz", ArrayFiles.gzip(images), SourceOptions.usual());
    }

    @Test
    void safetensors() throws IOException {
        fuzz("a.safetensors", ArrayFiles.safetensors("{'__metadata__':{'a':'b'},'x':{'dtype':'F32','shape':[2,2],"
            + "'data_offsets':[0,16]},'y':{'dtype':'I64','shape':[2],'data_offsets':[16,32]}}", new byte[32]),
            SourceOptions.usual());
    }

    private void fuzz(String name, byte[] good, SourceOptions options) throws IOException {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        SplittableRandom random = new SplittableRandom(name.hashCode());
        boolean folder = name.contains("idx");
        int read = 0;
        int refused = 0;
        for (int i = 0; i < MUTATIONS; i++) {
            byte[] bad = Mutation.of(good, random);
            // A file of its own each time: the last one may still be mapped.
            Path path = directory.resolve(folder ? name : i + name);
            Files.write(path, bad);
            long before = threads.getCurrentThreadAllocatedBytes();
            try {
                Loaded loaded = Datasets.open((folder ? directory : path).toString(), options);
                loaded.rows().features();
                read++;
            } catch (IOException | IllegalArgumentException e) {
                assertTrue(folder || String.valueOf(e.getMessage()).contains(path.getFileName().toString()), "which file? "
                    + e.getMessage());
                refused++;
            } catch (RuntimeException | Error e) {
                throw new AssertionError(name + ", mutation " + i + ": " + Arrays.toString(bad), e);
            }
            long allocated = threads.getCurrentThreadAllocatedBytes() - before;
            assertTrue(allocated < MOST_MEMORY, name + ", mutation " + i + " allocates " + allocated + " bytes: "
                + Arrays.toString(bad));
            Files.delete(path);
        }
        assertTrue(read > 0 && refused > 0, name + ": " + read + " read, " + refused + " refused");
    }
}
