package org.talweg.cuda;

import static jcuda.driver.CUkernelNodeAttrID.CU_KERNEL_NODE_ATTRIBUTE_COOPERATIVE;
import static jcuda.driver.CUresult.CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
import static jcuda.driver.CUresult.CUDA_ERROR_ILLEGAL_ADDRESS;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_HANDLE;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_VALUE;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import jcuda.Pointer;
import jcuda.driver.CUDA_HOST_NODE_PARAMS;
import jcuda.driver.CUDA_KERNEL_NODE_PARAMS;
import jcuda.driver.CUDA_MEMCPY3D;
import jcuda.driver.CUDA_MEMSET_NODE_PARAMS;
import jcuda.driver.CUaccessPolicyWindow;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUgraphNode;
import jcuda.driver.CUgraphNodeType;
import jcuda.driver.CUkernelNodeAttrValue;
import jcuda.driver.CUmemorytype;
import jcuda.driver.CUstream;
import org.junit.jupiter.api.Test;

/** Graphs that are built node by node. */
class DriverGraphTest extends DriverFixture {

    private static CUgraph graph() {
        CUgraph graph = new CUgraph();
        ok(cuGraphCreate(graph, 0));
        return graph;
    }

    private static CUgraphExec instantiate(CUgraph graph) {
        CUgraphExec executable = new CUgraphExec();
        ok(cuGraphInstantiate(executable, graph, 0));
        return executable;
    }

    private static void launch(CUgraphExec executable) {
        CUstream stream = stream(0);
        ok(cuGraphLaunch(executable, stream));
        ok(cuStreamSynchronize(stream));
    }

    private static CUDA_KERNEL_NODE_PARAMS adding(CUfunction kernel, CUdeviceptr data, int value) {
        CUDA_KERNEL_NODE_PARAMS params = new CUDA_KERNEL_NODE_PARAMS();
        params.func = kernel;
        params.gridDimX = params.gridDimY = params.gridDimZ = 1;
        params.blockDimX = params.blockDimY = params.blockDimZ = 1;
        params.kernelParams = Pointer.to(Pointer.to(data), Pointer.to(new int[] {value}), Pointer.to(new int[] {1}));
        return params;
    }

    private static CUDA_MEMSET_NODE_PARAMS filling(CUdeviceptr data, int value, int words) {
        CUDA_MEMSET_NODE_PARAMS params = new CUDA_MEMSET_NODE_PARAMS();
        params.dst = data;
        params.value = value;
        params.elementSize = 4;
        params.width = words;
        params.height = 1;
        return params;
    }

    private static CUDA_MEMCPY3D copying(CUdeviceptr from, CUdeviceptr to, int bytes) {
        CUDA_MEMCPY3D params = new CUDA_MEMCPY3D();
        params.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
        params.srcDevice = from;
        params.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
        params.dstDevice = to;
        params.WidthInBytes = bytes;
        params.Height = 1;
        params.Depth = 1;
        return params;
    }

    private CUgraphNode fill(CUgraph graph, CUdeviceptr data, int value, CUgraphNode... after) {
        CUgraphNode node = new CUgraphNode();
        ok(cuGraphAddMemsetNode(node, graph, after, after.length, filling(data, value, 1), context));
        return node;
    }

    private static CUgraphNode kernel(CUgraph graph, CUDA_KERNEL_NODE_PARAMS params, CUgraphNode... after) {
        CUgraphNode node = new CUgraphNode();
        ok(cuGraphAddKernelNode(node, graph, after, after.length, params));
        return node;
    }

    private CUgraphNode copy(CUgraph graph, CUdeviceptr from, CUdeviceptr to, CUgraphNode... after) {
        CUgraphNode node = new CUgraphNode();
        ok(cuGraphAddMemcpyNode(node, graph, after, after.length, copying(from, to, 4), context));
        return node;
    }

    private static List<Long> handles(CUgraphNode... nodes) {
        return Stream.of(nodes).map(GraphListing::handle).toList();
    }

    private static GraphListing.Edge edge(CUgraphNode from, CUgraphNode to) {
        return new GraphListing.Edge(GraphListing.handle(from), GraphListing.handle(to));
    }

    @Test
    void nodesRunAfterWhatTheyDependOn() throws IOException {
        CUfunction add = function(module(), "add_to");
        DeviceAddress data = memory(2);
        ok(cuMemsetD32(data, 99, 2));
        CUgraph graph = graph();
        // Added in the wrong order; the edges put it right.
        CUgraphNode copy = copy(graph, data, data.withByteOffset(4));
        CUgraphNode sum = kernel(graph, adding(add, data, 5));
        CUgraphNode fill = fill(graph, data, 10);
        CUgraphNode empty = new CUgraphNode();
        ok(cuGraphAddEmptyNode(empty, graph, new CUgraphNode[] {fill}, 1));
        ok(cuGraphAddDependencies(graph, new CUgraphNode[] {empty, sum}, new CUgraphNode[] {sum, copy}, 2));
        launch(instantiate(graph));
        assertArrayEquals(new int[] {15, 15}, words(data, 2));

        assertEquals(handles(fill), GraphListing.roots(graph));
        assertEquals(Set.of(edge(fill, empty), edge(empty, sum), edge(sum, copy)), Set.copyOf(GraphListing.edges(graph)));
        int[] type = new int[1];
        ok(cuGraphNodeGetType(sum, type));
        assertEquals(CUgraphNodeType.CU_GRAPH_NODE_TYPE_KERNEL, type[0]);
        assertEquals(handles(sum), GraphListing.dependencies(copy));
        assertEquals(handles(empty), GraphListing.dependents(fill));

        ok(cuGraphRemoveDependencies(graph, new CUgraphNode[] {sum}, new CUgraphNode[] {copy}, 1));
        expect(CUDA_ERROR_INVALID_VALUE,
            cuGraphRemoveDependencies(graph, new CUgraphNode[] {sum}, new CUgraphNode[] {copy}, 1));
        ok(cuGraphDestroyNode(sum));
        expect(CUDA_ERROR_INVALID_HANDLE, cuGraphDestroyNode(sum));
        assertEquals(3, nodes(graph));
        launch(instantiate(graph));
        assertEquals(10, word(data));
    }

    @Test
    void aCycleIsRefused() {
        DeviceAddress data = memory(1);
        CUgraph graph = graph();
        CUgraphNode first = fill(graph, data, 1);
        CUgraphNode second = fill(graph, data, 2, first);
        expect(CUDA_ERROR_INVALID_VALUE,
            cuGraphAddDependencies(graph, new CUgraphNode[] {first}, new CUgraphNode[] {first}, 1));
        expect(CUDA_ERROR_INVALID_VALUE,
            cuGraphAddDependencies(graph, new CUgraphNode[] {first}, new CUgraphNode[] {second}, 1));
        ok(cuGraphAddDependencies(graph, new CUgraphNode[] {second}, new CUgraphNode[] {first}, 1));
        expect(CUDA_ERROR_INVALID_VALUE, cuGraphInstantiate(new CUgraphExec(), graph, 0));
    }

    @Test
    void anInstantiatedGraphTakesNewParametersAndTheGraphKeepsItsOwn() throws IOException {
        CUfunction add = function(module(), "add_to");
        DeviceAddress data = memory(3);
        CUgraph graph = graph();
        CUgraphNode fill = fill(graph, data, 1);
        CUgraphNode sum = kernel(graph, adding(add, data, 1), fill);
        CUgraphNode copy = copy(graph, data, data.withByteOffset(4), sum);
        CUgraphExec executable = instantiate(graph);
        ok(cuGraphExecKernelNodeSetParams(executable, sum, adding(add, data, 7)));
        ok(cuGraphExecMemsetNodeSetParams(executable, fill, filling(data, 20, 1), context));
        ok(cuGraphExecMemcpyNodeSetParams(executable, copy, copying(data, data.withByteOffset(8), 4), context));
        ok(cuMemsetD32(data, 0, 3));
        launch(executable);
        assertArrayEquals(new int[] {27, 0, 27}, words(data, 3));
        launch(instantiate(graph));
        assertArrayEquals(new int[] {2, 2, 27}, words(data, 3));
        expect(CUDA_ERROR_INVALID_VALUE, cuGraphExecKernelNodeSetParams(executable, fill, adding(add, data, 7)));

        ok(cuGraphKernelNodeSetParams(sum, adding(add, data, 100)));
        CUDA_KERNEL_NODE_PARAMS params = new CUDA_KERNEL_NODE_PARAMS();
        ok(cuGraphKernelNodeGetParams(sum, params));
        assertEquals(add, params.func);
        assertEquals(1, params.gridDimX);
        CUDA_MEMSET_NODE_PARAMS filled = new CUDA_MEMSET_NODE_PARAMS();
        ok(cuGraphMemsetNodeGetParams(fill, filled));
        assertEquals(1, filled.value);
        assertEquals(4, filled.elementSize);
        ok(cuGraphMemcpyNodeSetParams(copy, copying(data.withByteOffset(4), data.withByteOffset(8), 4)));
        launch(instantiate(graph));
        assertArrayEquals(new int[] {101, 2, 2}, words(data, 3));
        expect(CUDA_ERROR_INVALID_VALUE,
            cuGraphMemcpyNodeSetParams(copy, copying(data, data.withByteOffset(8), 8)));
    }

    @Test
    void clonesAndChildrenAreGraphsOfTheirOwn() throws IOException {
        CUfunction add = function(module(), "add_to");
        DeviceAddress data = memory(1);
        CUgraph child = graph();
        CUgraphNode sum = kernel(child, adding(add, data, 3));
        CUgraph parent = graph();
        CUgraphNode fill = fill(parent, data, 1);
        CUgraphNode first = new CUgraphNode();
        CUgraphNode second = new CUgraphNode();
        ok(cuGraphAddChildGraphNode(first, parent, new CUgraphNode[] {fill}, 1, child));
        ok(cuGraphAddChildGraphNode(second, parent, new CUgraphNode[] {first}, 1, child));
        ok(cuGraphKernelNodeSetParams(sum, adding(add, data, 50)));
        CUgraphExec executable = instantiate(parent);
        launch(executable);
        assertEquals(7, word(data), "children were copied as they were added");
        ok(cuGraphExecChildGraphNodeSetParams(executable, second, child));
        launch(executable);
        assertEquals(54, word(data));

        CUgraph inner = new CUgraph();
        ok(cuGraphChildGraphNodeGetGraph(first, inner));
        assertEquals(1, nodes(inner));
        expect(CUDA_ERROR_INVALID_VALUE, cuGraphDestroy(inner));

        CUgraph clone = new CUgraph();
        CUgraphNode cloned = new CUgraphNode();
        ok(cuGraphClone(clone, child));
        ok(cuGraphNodeFindInClone(cloned, sum, clone));
        ok(cuGraphKernelNodeSetParams(cloned, adding(add, data, 1000)));
        ok(cuGraphDestroy(child));
        expect(CUDA_ERROR_INVALID_HANDLE, cuGraphGetNodes(child, null, new long[1]));
        ok(cuMemsetD32(data, 0, 1));
        launch(instantiate(clone));
        assertEquals(1000, word(data));
        ok(cuGraphDestroy(parent));
        expect(CUDA_ERROR_INVALID_HANDLE, cuGraphGetNodes(inner, null, new long[1]));
    }

    @Test
    void hostFunctionsAndEventsAreNodesToo() {
        DeviceAddress data = memory(1);
        AtomicInteger calls = new AtomicInteger();
        CUDA_HOST_NODE_PARAMS params = new CUDA_HOST_NODE_PARAMS();
        params.fn = object -> calls.addAndGet((Integer) object);
        params.userData = 5;
        CUevent reached = event(0);
        CUgraph graph = graph();
        CUgraphNode host = new CUgraphNode();
        CUgraphNode record = new CUgraphNode();
        CUgraphNode wait = new CUgraphNode();
        ok(cuGraphAddHostNode(host, graph, null, 0, params));
        ok(cuGraphAddEventRecordNode(record, graph, new CUgraphNode[] {host}, 1, reached));
        ok(cuGraphAddEventWaitNode(wait, graph, new CUgraphNode[] {record}, 1, reached));
        fill(graph, data, 8, wait);
        launch(instantiate(graph));
        assertEquals(5, calls.get());
        assertEquals(8, word(data));
        ok(cuEventSynchronize(reached));
        CUevent found = new CUevent();
        ok(cuGraphEventRecordNodeGetEvent(record, found));
        assertEquals(reached, found);
    }

    @Test
    void aLaunchedGraphIsCapturedAsAChild() {
        DeviceAddress data = memory(1);
        CUgraph inner = graph();
        fill(inner, data, 4);
        CUgraphExec executable = instantiate(inner);
        CUstream stream = stream(1);
        CUgraph captured = new CUgraph();
        ok(cuStreamBeginCapture(stream, 0));
        ok(cuGraphLaunch(executable, stream));
        ok(cuStreamEndCapture(stream, captured));
        ok(cuMemsetD32(data, 0, 1));
        launch(instantiate(captured));
        assertEquals(4, word(data));
    }

    @Test
    void wrongNodesAreErrorCodes() {
        DeviceAddress data = memory(1);
        CUgraph graph = graph();
        CUgraphNode foreign = fill(graph(), data, 1);
        CUgraphNode node = new CUgraphNode();
        expect(CUDA_ERROR_INVALID_VALUE, cuGraphAddEmptyNode(node, graph, new CUgraphNode[] {foreign}, 1));
        expect(CUDA_ERROR_INVALID_VALUE, cuGraphAddMemsetNode(node, graph, null, 0, filling(data, 0, 2), context));
        expect(CUDA_ERROR_INVALID_VALUE, cuGraphAddMemsetNode(node, graph, null, 0, filling(data, 0, 0), context));
        expect(CUDA_ERROR_INVALID_HANDLE, cuGraphNodeGetType(node, new int[1]));
        fill(graph, data, 1);
        CUgraphExec executable = instantiate(graph);
        ok(cuMemFree(data));
        CUstream stream = stream(0);
        expect(CUDA_ERROR_ILLEGAL_ADDRESS, cuGraphLaunch(executable, stream));
    }

    @Test
    void kernelNodesKeepTheirAttributes() throws IOException {
        DeviceAddress data = memory(1);
        ok(cuMemsetD32(data, 0, 1));
        CUgraph graph = graph();
        CUfunction add = function(module(), "add_to");
        CUgraphNode node = kernel(graph, adding(add, data, 3));
        CUgraphNode other = kernel(graph, adding(add, data, 4), node);
        CUkernelNodeAttrValue value = attributeOf(node);
        assertEquals(0, value.cooperative);
        value.cooperative = 1;
        ok(cuGraphKernelNodeSetAttribute(node, CU_KERNEL_NODE_ATTRIBUTE_COOPERATIVE, value));
        assertEquals(1, attributeOf(node).cooperative);
        assertEquals(0, attributeOf(other).cooperative);
        ok(cuGraphKernelNodeCopyAttributes(other, node));
        assertEquals(1, attributeOf(other).cooperative);

        // New parameters leave it as it is; and what a cooperative launch may not be, is refused and changes nothing.
        ok(cuGraphKernelNodeSetParams(node, adding(add, data, 5)));
        assertEquals(1, attributeOf(node).cooperative);
        CUDA_KERNEL_NODE_PARAMS large = adding(add, data, 6);
        large.gridDimX = 1_000_000;
        expect(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, cuGraphKernelNodeSetParams(node, large));
        launch(instantiate(graph));
        assertEquals(9, word(data));
        value.cooperative = 0;
        ok(cuGraphKernelNodeSetAttribute(other, CU_KERNEL_NODE_ATTRIBUTE_COOPERATIVE, value));
        ok(cuGraphKernelNodeSetParams(other, large));
        expect(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, cuGraphKernelNodeCopyAttributes(other, node));
        assertEquals(0, attributeOf(other).cooperative);

        // They are of kernels alone, and copied with the graph.
        CUgraph copy = new CUgraph();
        ok(cuGraphClone(copy, graph));
        CUgraphNode twin = new CUgraphNode();
        ok(cuGraphNodeFindInClone(twin, node, copy));
        assertEquals(1, attributeOf(twin).cooperative);
        CUgraphNode fill = fill(graph, data, 1);
        expect(CUDA_ERROR_INVALID_VALUE, cuGraphKernelNodeSetAttribute(fill, CU_KERNEL_NODE_ATTRIBUTE_COOPERATIVE, value));
        expect(CUDA_ERROR_INVALID_VALUE, cuGraphKernelNodeCopyAttributes(fill, node));
        expect(CUDA_ERROR_INVALID_HANDLE, cuGraphKernelNodeCopyAttributes(new CUgraphNode(), node));
    }

    private static CUkernelNodeAttrValue attributeOf(CUgraphNode node) {
        CUkernelNodeAttrValue value = new CUkernelNodeAttrValue(new CUaccessPolicyWindow(), -1);
        ok(cuGraphKernelNodeGetAttribute(node, CU_KERNEL_NODE_ATTRIBUTE_COOPERATIVE, value));
        return value;
    }
}
