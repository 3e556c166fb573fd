package org.talweg.cpu;

import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.nio.ByteBuffer;
import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.talweg.files.LibraryFile;

/**
 * Matrix products by oneDNN on arrays of the Java heap, each in the thread that asks for it. Of the libraries that can
 * be had from Maven it was the fastest here: on one Zen 4 core 101 to 116 GFLOP/s where OpenBLAS gave 81 to 102 and our
 * own loops 50. Loaded when first needed; where it is missing our own loops do its work.
 */
final class NativeProducts {
    private static final Logger LOG = LoggerFactory.getLogger(NativeProducts.class);
    /** Columns of a panel: what oneDNN's AVX-512 kernels multiply together. */
    static final int PANEL = 64;
    private static final String LIBRARY = "native/linux-x86_64/libtalweg-cpu.so";
    /** Each needs the one before it. */
    private static final List<String> ONEDNN = List.of("/org/bytedeco/dnnl/linux-x86_64/libgomp.so.1",
        "/org/bytedeco/dnnl/linux-x86_64/libdnnl.so.3");
    /** Multiplications and additions below which calling out of Java costs more than it saves. */
    private static final long SMALLEST = 1 << 17;
    private static final long SMALLEST_IN_PANELS = 1 << 29;
    private static final long MOST_IN_PANELS = 1 << 28;
    private static final int CACHE_LINE = 64;

    private NativeProducts() {
    }

    /** Whether {@link #multiply} is here and faster than loops for so large a product. */
    static boolean pays(int rows, int columns, int depth) {
        return 2L * rows * columns * depth >= SMALLEST && missing() == null;
    }

    /**
     * Whether the right operand goes into panels: from where on, as measured on Zen 4, it pays to do that apart, as long as
     * one buffer holds them.
     */
    static boolean packs(int rows, int columns, int depth) {
        return rows >= 4 * PANEL && columns >= PANEL && 2L * rows * columns * depth >= SMALLEST_IN_PANELS
            && (long) columns * depth <= MOST_IN_PANELS && pays(rows, columns, depth) && Library.PANELS;
    }

    /** Bytes of a matrix [depth×columns] in panels, with room to move their start to a line of the cache. */
    static int panelBytes(int columns, int depth) {
        long floats = (long) (columns + PANEL - 1) / PANEL * PANEL * ((depth + 15) / 16 * 16);
        return Math.toIntExact(floats * Float.BYTES + CACHE_LINE);
    }

    /** Why products of every size run in Java, and what to do about it; null if oneDNN is here. */
    static String missing() {
        return Library.MISSING;
    }

    /** Its own class, so that nothing is loaded for a model of small products. */
    private static final class Library {
        static final String MISSING = load();
        static final boolean PANELS = MISSING == null && hasPanels();

        static {
            if (MISSING != null) {
                LOG.debug("no oneDNN: {}", MISSING);
            }
        }

        private static String load() {
            URL resource = NativeProducts.class.getResource(LIBRARY);
            if (resource == null) {
                return LIBRARY + " was not built: it needs Linux on x86-64 and a C++ compiler (apt-get install g++) when"
                    + " the project is built";
            }
            try {
                for (String library : ONEDNN) {
                    File file = Loader.cacheResource(NativeProducts.class, library);
                    if (file == null) {
                        return library + " is not on the class path; it is in org.bytedeco:dnnl with the classifier"
                            + " linux-x86_64";
                    }
                    System.load(file.getPath());
                }
                System.load(LibraryFile.of(resource).toString());
                return bind() ? null : "the library that was loaded lacks its matrix product; use the version of the pom";
            } catch (IOException | LinkageError e) {
                return "it does not load (" + e + "); check that the temporary folder is writable and not mounted noexec";
            }
        }
    }

    /** Finds oneDNN in this process. */
    private static native boolean bind();

    /**
     * C = op(A) op(B), added to what C holds if asked to; row-major: op(A) [rows×depth], op(B) [depth×columns].
     *
     * @param aWidth elements from one row of A as it is stored to the next; likewise for B and C
     */
    static native void multiply(boolean transposeA, boolean transposeB, int rows, int columns, int depth, float[] a,
                                int aStart, int aWidth, float[] b, int bStart, int bWidth, boolean add, float[] c,
                                int cStart, int cWidth);

    /** Whether this machine has products with the right operand in panels. */
    private static native boolean hasPanels();

    /**
     * Panels {@code first} to {@code last}, of {@value #PANEL} columns, of op(B) [depth×columns].
     *
     * @param panels has room for all of them: {@link #panelBytes}
     */
    static native void pack(boolean transposeB, int columns, int depth, float[] b, int bStart, int bWidth, int first,
                            int last, ByteBuffer panels);

    /**
     * C = op(A) B, added to what C holds if asked to, B [depth×columns] in panels. False if oneDNN has no such product, with nothing done.
     */
    static native boolean multiplyPanels(boolean transposeA, int rows, int columns, int depth, float[] a, int aStart,
                                         int aWidth, ByteBuffer panels, boolean add, float[] c, int cStart,
                                         int cWidth);

    /** Rows of C, {@code width} apart: c + bias, then max(c, 0) if asked for. */
    static native void addBias(float[] bias, int biasStart, boolean relu, float[] c, int cStart, int width, int rows,
                               int columns);

    /** Zero wherever {@code saved} is not positive; rows of both {@code width} apart. */
    static native void maskByRelu(float[] saved, int savedStart, float[] gradient, int start, int width, int rows,
                                  int columns);

    /** Sum of squares of each row of C [rows×columns]. */
    static native void rowSquares(float[] c, int cStart, int rows, int columns, double[] squares, int start);

    /** Sum of each column of A [rows×columns], whose rows are {@code width} elements apart. */
    static native void columnSums(float[] a, int aStart, int width, int rows, int columns, double[] sums, int start);
}
