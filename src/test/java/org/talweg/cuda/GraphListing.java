package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.LongByReference;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import jcuda.NativePointerObject;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphNode;
import jcuda.driver.CUresult;

/**
 * Nodes and edges of a graph, as handles, asked of the software device itself: JCuda 12.6 leaves it to what lies on the
 * stack how many of them the driver may list.
 */
final class GraphListing {
    private static final int MOST = 100;

    /** The second node waits for the first. */
    record Edge(long from, long to) {
    }

    private GraphListing() {
    }

    static List<Long> nodes(CUgraph graph) throws IOException {
        return list("cuGraphGetNodes", graph);
    }

    static List<Long> roots(CUgraph graph) throws IOException {
        return list("cuGraphGetRootNodes", graph);
    }

    static List<Edge> edges(CUgraph graph) throws IOException {
        long[] from = new long[MOST];
        long[] to = new long[MOST];
        int count = call("cuGraphGetEdges", new Pointer(handle(graph)), from, to);
        return IntStream.range(0, count).mapToObj(i -> new Edge(from[i], to[i])).toList();
    }

    /** What a node waits for. */
    static List<Long> dependencies(CUgraphNode node) throws IOException {
        return list("cuGraphNodeGetDependencies", node);
    }

    /** What waits for a node. */
    static List<Long> dependents(CUgraphNode node) throws IOException {
        return list("cuGraphNodeGetDependentNodes", node);
    }

    /** Which JCuda shows nowhere but in its text. */
    static long handle(NativePointerObject object) {
        String text = object.toString();
        return Long.decode(text.substring(text.indexOf("0x"), text.indexOf(']')));
    }

    private static List<Long> list(String function, NativePointerObject of) throws IOException {
        long[] found = new long[MOST];
        int count = call(function, new Pointer(handle(of)), found);
        return Arrays.stream(found).limit(count).boxed().toList();
    }

    /** @return how many it has listed in arrays of {@link #MOST} */
    private static int call(String function, Object... arguments) throws IOException {
        NativeLibrary driver = NativeLibrary.getInstance(SoftwareDriver.library(SoftwareDriver.DRIVER).toString());
        LongByReference count = new LongByReference(MOST);
        Object[] all = Arrays.copyOf(arguments, arguments.length + 1, Object[].class);
        all[arguments.length] = count;
        assertEquals(CUresult.stringFor(CUresult.CUDA_SUCCESS),
            CUresult.stringFor(driver.getFunction(function).invokeInt(all)), function);
        return Math.toIntExact(count.getValue());
    }
}
