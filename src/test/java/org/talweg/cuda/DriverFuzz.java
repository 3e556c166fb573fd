package org.talweg.cuda;

import static jcuda.driver.JCudaDriver.*;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import jcuda.NativePointerObject;
import jcuda.Pointer;
import jcuda.driver.CUDA_ARRAY3D_DESCRIPTOR;
import jcuda.driver.CUDA_HOST_NODE_PARAMS;
import jcuda.driver.CUDA_KERNEL_NODE_PARAMS;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUDA_MEMCPY3D;
import jcuda.driver.CUDA_MEMSET_NODE_PARAMS;
import jcuda.driver.CUDA_RESOURCE_DESC;
import jcuda.driver.CUDA_RESOURCE_VIEW_DESC;
import jcuda.driver.CUDA_TEXTURE_DESC;
import jcuda.driver.CUarray;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUgraphNode;
import jcuda.driver.CUhostFn;
import jcuda.driver.CUlinkState;
import jcuda.driver.CUmipmappedArray;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCallback;
import jcuda.driver.CUsurfObject;
import jcuda.driver.CUtexObject;
import jcuda.driver.JITOptions;

/**
 * Calls the driver API at random from several threads, with handles that are right, stale, of another context or made
 * up, and with sizes that are too large. A JVM of its own runs it, for the point is that the JVM survives. Host memory
 * alone is always large enough: no driver could notice otherwise.
 */
final class DriverFuzz {
    private static final int HOST_BYTES = 1 << 16;
    private static final int MOST_OBJECTS = 40;
    private static final AtomicLong CALLS = new AtomicLong();
    private static final AtomicLong SUCCESSES = new AtomicLong();

    /** Handles of one kind that all threads know, living and dead. */
    private static final class Handles<T extends NativePointerObject> {
        private final List<T> known = new CopyOnWriteArrayList<>();
        private final Supplier<T> maker;

        Handles(Supplier<T> maker) {
            this.maker = maker;
        }

        T pick(Random random) {
            int choice = random.nextInt(20);
            if (choice == 0) {
                return maker.get();
            }
            if (choice == 1) {
                T wild = maker.get();
                setPointer(wild, random.nextBoolean() ? random.nextLong() : random.nextInt(64));
                return wild;
            }
            Object[] all = known.toArray();
            @SuppressWarnings("unchecked")
            T one = all.length == 0 ? maker.get() : (T) all[random.nextInt(all.length)];
            return one;
        }

        /** One thread at a time, so that what is counted is still there to be removed. */
        synchronized T fresh(Random random) {
            T made = maker.get();
            if (known.size() >= MOST_OBJECTS) {
                known.remove(random.nextInt(MOST_OBJECTS));
            }
            known.add(made);
            return made;
        }
    }

    private static final Handles<CUcontext> CONTEXTS = new Handles<>(CUcontext::new);
    private static final Handles<CUstream> STREAMS = new Handles<>(CUstream::new);
    private static final Handles<CUevent> EVENTS = new Handles<>(CUevent::new);
    private static final Handles<CUmodule> MODULES = new Handles<>(CUmodule::new);
    private static final Handles<CUfunction> FUNCTIONS = new Handles<>(CUfunction::new);
    private static final Handles<CUgraph> GRAPHS = new Handles<>(CUgraph::new);
    private static final Handles<CUgraphNode> NODES = new Handles<>(CUgraphNode::new);
    private static final Handles<CUgraphExec> EXECUTABLES = new Handles<>(CUgraphExec::new);
    private static final Handles<CUlinkState> LINKS = new Handles<>(CUlinkState::new);
    private static final Handles<CUarray> ARRAYS = new Handles<>(CUarray::new);
    private static final Handles<CUmipmappedArray> MIPMAPPED = new Handles<>(CUmipmappedArray::new);
    private static final Handles<CUtexObject> TEXTURES = new Handles<>(CUtexObject::new);
    private static final Handles<CUsurfObject> SURFACES = new Handles<>(CUsurfObject::new);
    private static final Handles<DeviceAddress> MEMORY = new Handles<>(DeviceAddress::new);

    private final Random random;
    private final String ptx;
    private final ByteBuffer host = ByteBuffer.allocateDirect(HOST_BYTES).order(ByteOrder.nativeOrder());
    private final List<Supplier<Integer>> calls = new ArrayList<>();

    private DriverFuzz(long seed, String ptx) {
        this.random = new Random(seed);
        this.ptx = ptx;
        addContextCalls();
        addMemoryCalls();
        addArrayCalls();
        addStreamCalls();
        addModuleCalls();
        addGraphCalls();
    }

    /**
     * @param args calls of each thread, threads, seed
     */
    public static void main(String[] args) throws Exception {
        int count = Integer.parseInt(args[0]);
        long seed = Long.parseLong(args[2]);
        SoftwareDriver.load();
        SoftwareDriver.devices(2);
        cuInit(0);
        String ptx;
        try (InputStream in = DriverFuzz.class.getResourceAsStream("kernels/driver_test.ptx")) {
            ptx = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
        Thread.setDefaultUncaughtExceptionHandler((thread, failure) -> {
            failure.printStackTrace();
            Runtime.getRuntime().halt(2);
        });
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < Integer.parseInt(args[1]); i++) {
            DriverFuzz fuzz = new DriverFuzz(seed * 1000 + i, ptx);
            threads.add(new Thread(() -> fuzz.run(count)));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        System.out.println(CALLS.get() + " calls, " + SUCCESSES.get() + " of them succeeded");
        System.exit(0);
    }

    private void run(int count) {
        for (int i = 0; i < count; i++) {
            // Contexts are lost now and then, and then nothing works in them; a new one keeps the game going.
            if (i % 50 == 0) {
                cuCtxCreate(CONTEXTS.fresh(random), 0, device());
            }
            Integer result = calls.get(random.nextInt(calls.size())).get();
            CALLS.incrementAndGet();
            if (result == CUresult.CUDA_SUCCESS) {
                SUCCESSES.incrementAndGet();
            }
        }
    }

    private static void setPointer(NativePointerObject object, long value) {
        try {
            Field field = NativePointerObject.class.getDeclaredField("nativePointer");
            field.setAccessible(true);
            field.setLong(object, value);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private CUdevice device() {
        CUdevice device = new CUdevice();
        cuDeviceGet(device, random.nextInt(3));
        return device;
    }

    private DeviceAddress memory() {
        DeviceAddress memory = MEMORY.pick(random);
        return random.nextInt(4) > 0 ? memory : new DeviceAddress(memory.address() + random.nextInt(5000) - 1000);
    }

    private CUstream stream() {
        return random.nextInt(3) == 0 ? new CUstream() : STREAMS.pick(random);
    }

    private long bytes() {
        return switch (random.nextInt(8)) {
            case 0 -> 0;
            case 1 -> random.nextInt(HOST_BYTES + 1);
            default -> random.nextInt(600);
        };
    }

    /** For what never reaches host memory. */
    private long wildBytes() {
        return switch (random.nextInt(10)) {
            case 0 -> -1;
            case 1 -> random.nextLong();
            case 2 -> Long.MAX_VALUE / 2;
            default -> bytes();
        };
    }

    private Pointer host() {
        return Pointer.to(host);
    }

    private int small() {
        return random.nextInt(6) - 1;
    }

    private void call(Supplier<Integer> call) {
        calls.add(call);
    }

    private void addContextCalls() {
        call(() -> cuCtxCreate(CONTEXTS.fresh(random), random.nextInt(20), device()));
        call(() -> cuCtxDestroy(CONTEXTS.pick(random)));
        call(() -> cuCtxSetCurrent(CONTEXTS.pick(random)));
        call(() -> cuCtxPushCurrent(CONTEXTS.pick(random)));
        call(() -> cuCtxPopCurrent(new CUcontext()));
        call(() -> cuCtxSynchronize());
        call(() -> cuDevicePrimaryCtxRetain(CONTEXTS.fresh(random), device()));
        call(() -> cuDevicePrimaryCtxRelease(device()));
        call(() -> cuDevicePrimaryCtxReset(device()));
        call(() -> cuCtxEnablePeerAccess(CONTEXTS.pick(random), small() & 1));
        call(() -> cuCtxDisablePeerAccess(CONTEXTS.pick(random)));
        call(() -> cuCtxSetLimit(small(), wildBytes()));
        call(() -> cuDeviceGetAttribute(new int[1], random.nextInt(200) - 10, device()));
    }

    private void addMemoryCalls() {
        for (int i = 0; i < 3; i++) {
            call(() -> cuMemAlloc(MEMORY.fresh(random), wildBytes()));
        }
        call(() -> cuMemAllocPitch(MEMORY.fresh(random), new long[1], wildBytes(), wildBytes(), 1 << random.nextInt(6)));
        call(() -> cuMemAllocManaged(MEMORY.fresh(random), wildBytes(), small()));
        call(() -> cuMemAllocAsync(MEMORY.fresh(random), wildBytes(), stream()));
        call(() -> cuMemFreeAsync(memory(), stream()));
        call(() -> cuMemFree(memory()));
        call(() -> cuMemHostAlloc(new Pointer(), bytes(), small()));
        call(() -> cuMemFreeHost(memory()));
        call(() -> cuMemHostRegister(host(), Math.max(1, bytes()), 0));
        call(() -> cuMemHostUnregister(host()));
        call(() -> cuMemGetAddressRange(new DeviceAddress(), new long[1], memory()));
        call(() -> cuPointerGetAttribute(host(), random.nextInt(22), memory()));
        call(() -> cuMemcpyHtoD(memory(), host(), bytes()));
        call(() -> cuMemcpyDtoH(host(), memory(), bytes()));
        call(() -> cuMemcpyHtoDAsync(memory(), host(), bytes(), stream()));
        call(() -> cuMemcpyDtoHAsync(host(), memory(), bytes(), stream()));
        call(() -> cuMemcpyDtoD(memory(), memory(), wildBytes()));
        call(() -> cuMemcpyDtoDAsync(memory(), memory(), wildBytes(), stream()));
        call(() -> cuMemcpyPeer(memory(), CONTEXTS.pick(random), memory(), CONTEXTS.pick(random), wildBytes()));
        call(() -> cuMemcpy2D(rectangle()));
        call(() -> cuMemcpy2DAsync(rectangle(), stream()));
        call(() -> cuMemcpy3D(box()));
        call(() -> cuMemsetD8(memory(), (byte) 1, wildBytes()));
        call(() -> cuMemsetD16Async(memory(), (short) 1, wildBytes(), stream()));
        call(() -> cuMemsetD32(memory(), 1, wildBytes()));
        call(() -> cuMemsetD2D32(memory(), wildBytes(), 1, wildBytes(), wildBytes()));
        call(() -> cuMemPrefetchAsync(memory(), wildBytes(), device(), stream()));
    }

    private void addArrayCalls() {
        call(() -> cuArray3DCreate(ARRAYS.fresh(random), shape()));
        call(() -> cuArray3DCreate(ARRAYS.fresh(random), shape()));
        call(() -> cuMipmappedArrayCreate(MIPMAPPED.fresh(random), shape(), small()));
        call(() -> cuMipmappedArrayGetLevel(ARRAYS.fresh(random), MIPMAPPED.pick(random), small()));
        call(() -> cuArrayDestroy(ARRAYS.pick(random)));
        call(() -> cuMipmappedArrayDestroy(MIPMAPPED.pick(random)));
        call(() -> cuArray3DGetDescriptor(new CUDA_ARRAY3D_DESCRIPTOR(), ARRAYS.pick(random)));
        call(() -> cuMemcpyHtoA(ARRAYS.pick(random), wildBytes(), host(), bytes()));
        call(() -> cuMemcpyAtoH(host(), ARRAYS.pick(random), wildBytes(), bytes()));
        call(() -> cuMemcpyAtoA(ARRAYS.pick(random), wildBytes(), ARRAYS.pick(random), bytes(), wildBytes()));
        call(() -> cuMemcpyAtoD(memory(), ARRAYS.pick(random), wildBytes(), wildBytes()));
        call(() -> cuMemcpyDtoA(ARRAYS.pick(random), bytes(), memory(), wildBytes()));
        call(() -> cuTexObjectCreate(TEXTURES.fresh(random), resource(), sampler(), view()));
        call(() -> cuTexObjectCreate(TEXTURES.fresh(random), resource(), sampler(), null));
        call(() -> cuTexObjectDestroy(TEXTURES.pick(random)));
        call(() -> cuTexObjectGetResourceDesc(new CUDA_RESOURCE_DESC(), TEXTURES.pick(random)));
        call(() -> cuSurfObjectCreate(SURFACES.fresh(random), resource()));
        call(() -> cuSurfObjectDestroy(SURFACES.pick(random)));
    }

    private CUDA_ARRAY3D_DESCRIPTOR shape() {
        CUDA_ARRAY3D_DESCRIPTOR shape = new CUDA_ARRAY3D_DESCRIPTOR();
        shape.Width = random.nextInt(10) == 0 ? wildBytes() : 1 + random.nextInt(64);
        shape.Height = random.nextInt(10) == 0 ? wildBytes() : random.nextInt(16);
        shape.Depth = random.nextInt(10) == 0 ? wildBytes() : random.nextInt(3) * 6;
        shape.Format = 1 << random.nextInt(6);
        shape.NumChannels = 1 << random.nextInt(4);
        shape.Flags = random.nextInt(16);
        return shape;
    }

    private CUDA_RESOURCE_DESC resource() {
        CUDA_RESOURCE_DESC resource = new CUDA_RESOURCE_DESC();
        resource.resType = random.nextInt(5);
        resource.array_hArray = ARRAYS.pick(random);
        resource.mipmap_hMipmappedArray = MIPMAPPED.pick(random);
        resource.linear_devPtr = memory();
        resource.linear_format = 1 << random.nextInt(6);
        resource.linear_numChannels = 1 << random.nextInt(3);
        resource.linear_sizeInBytes = wildBytes();
        resource.pitch2D_devPtr = resource.linear_devPtr;
        resource.pitch2D_format = resource.linear_format;
        resource.pitch2D_numChannels = resource.linear_numChannels;
        resource.pitch2D_width = wildBytes();
        resource.pitch2D_height = wildBytes();
        resource.pitch2D_pitchInBytes = 32 * wildBytes();
        return resource;
    }

    private CUDA_TEXTURE_DESC sampler() {
        CUDA_TEXTURE_DESC sampler = new CUDA_TEXTURE_DESC();
        sampler.addressMode = new int[] {small(), random.nextInt(4), random.nextInt(4)};
        sampler.filterMode = random.nextInt(3);
        sampler.flags = random.nextInt(128);
        sampler.mipmapLevelBias = Float.intBitsToFloat(random.nextInt());
        return sampler;
    }

    private CUDA_RESOURCE_VIEW_DESC view() {
        CUDA_RESOURCE_VIEW_DESC view = new CUDA_RESOURCE_VIEW_DESC();
        view.format = random.nextInt(40) - 1;
        view.lastMipmapLevel = small();
        view.lastLayer = random.nextInt(20);
        return view;
    }

    private CUDA_MEMCPY2D rectangle() {
        CUDA_MEMCPY2D copy = new CUDA_MEMCPY2D();
        copy.srcMemoryType = 2 + random.nextInt(2);
        copy.srcArray = ARRAYS.pick(random);
        copy.dstArray = ARRAYS.pick(random);
        copy.srcDevice = memory();
        copy.srcPitch = wildBytes();
        copy.srcXInBytes = small();
        copy.srcY = small();
        copy.dstMemoryType = 2 + random.nextInt(2);
        copy.dstDevice = memory();
        copy.dstPitch = wildBytes();
        copy.WidthInBytes = wildBytes();
        copy.Height = wildBytes();
        return copy;
    }

    private CUDA_MEMCPY3D box() {
        CUDA_MEMCPY3D copy = new CUDA_MEMCPY3D();
        copy.srcMemoryType = 2;
        copy.srcDevice = memory();
        copy.srcPitch = wildBytes();
        copy.srcHeight = wildBytes();
        copy.srcZ = small();
        copy.dstMemoryType = 2;
        copy.dstDevice = memory();
        copy.dstPitch = wildBytes();
        copy.dstHeight = wildBytes();
        copy.WidthInBytes = wildBytes();
        copy.Height = wildBytes();
        copy.Depth = random.nextInt(4) == 0 ? wildBytes() : 1;
        return copy;
    }

    private void addStreamCalls() {
        CUhostFn nothing = object -> { };
        CUstreamCallback callback = (stream, status, object) -> { };
        call(() -> cuStreamCreate(STREAMS.fresh(random), small()));
        call(() -> cuStreamCreateWithPriority(STREAMS.fresh(random), 1, small()));
        call(() -> cuStreamDestroy(stream()));
        call(() -> cuStreamSynchronize(stream()));
        call(() -> cuStreamQuery(stream()));
        call(() -> cuLaunchHostFunc(stream(), nothing, null));
        call(() -> cuStreamAddCallback(stream(), callback, null, small()));
        call(() -> cuStreamWriteValue32(stream(), memory(), small(), 0));
        call(() -> cuStreamWriteValue64(stream(), memory(), small(), 0));
        call(() -> cuEventCreate(EVENTS.fresh(random), small()));
        call(() -> cuEventDestroy(EVENTS.pick(random)));
        call(() -> cuEventRecord(EVENTS.pick(random), stream()));
        call(() -> cuEventRecord(EVENTS.pick(random), stream()));
        call(() -> cuEventQuery(EVENTS.pick(random)));
        call(() -> cuEventSynchronize(EVENTS.pick(random)));
        call(() -> cuEventElapsedTime(new float[1], EVENTS.pick(random), EVENTS.pick(random)));
        call(() -> cuStreamWaitEvent(stream(), EVENTS.pick(random), 0));
        call(() -> cuStreamBeginCapture(stream(), random.nextInt(4)));
        for (int i = 0; i < 3; i++) {
            call(() -> cuStreamEndCapture(stream(), GRAPHS.fresh(random)));
        }
        call(() -> cuStreamIsCapturing(stream(), new int[1]));
        call(() -> cuThreadExchangeStreamCaptureMode(new int[] {small()}));
    }

    private void addModuleCalls() {
        call(() -> cuModuleLoadData(MODULES.fresh(random), (ptx + "\0").getBytes(StandardCharsets.UTF_8)));
        call(() -> cuModuleLoadData(MODULES.fresh(random), (scramble(ptx) + "\0").getBytes(StandardCharsets.UTF_8)));
        call(() -> cuModuleUnload(MODULES.pick(random)));
        for (int i = 0; i < 3; i++) {
            call(() -> cuModuleGetFunction(FUNCTIONS.fresh(random), MODULES.pick(random), name()));
        }
        call(() -> cuModuleGetGlobal(MEMORY.fresh(random), new long[1], MODULES.pick(random),
            random.nextInt(3) == 0 ? "nothing" : "counter"));
        call(() -> cuFuncGetAttribute(new int[1], random.nextInt(14) - 2, FUNCTIONS.pick(random)));
        call(() -> cuFuncSetAttribute(FUNCTIONS.pick(random), 8, random.nextInt(200_000) - 1000));
        for (int i = 0; i < 4; i++) {
            call(() -> cuLaunchKernel(FUNCTIONS.pick(random), small(), 1, 1, 1 << random.nextInt(12), 1, 1,
                random.nextInt(5) == 0 ? random.nextInt(300_000) : 0, stream(), arguments(), null));
        }
        call(() -> cuLaunchCooperativeKernel(FUNCTIONS.pick(random), small(), 1, 1, 32, 1, 1, 0, stream(),
            arguments()));
        call(() -> cuFuncSetBlockShape(FUNCTIONS.pick(random), small(), small(), small()));
        call(() -> cuParamSeti(FUNCTIONS.pick(random), random.nextInt(40) - 8, small()));
        call(() -> cuParamSetSize(FUNCTIONS.pick(random), random.nextInt(40)));
        call(() -> cuLaunchGrid(FUNCTIONS.pick(random), small(), small()));
        call(() -> cuOccupancyMaxActiveBlocksPerMultiprocessor(new int[1], FUNCTIONS.pick(random), small() * 100,
            wildBytes()));
        call(() -> cuLinkCreate(new JITOptions(), LINKS.fresh(random)));
        call(() -> {
            byte[] text = random.nextBoolean() ? ptx.getBytes(StandardCharsets.UTF_8)
                : scramble(ptx).getBytes(StandardCharsets.UTF_8);
            return cuLinkAddData(LINKS.pick(random), small(), Pointer.to(text), text.length, "text",
                new JITOptions());
        });
        call(() -> cuLinkComplete(LINKS.pick(random), new Pointer(), new long[1]));
        call(() -> cuLinkDestroy(LINKS.pick(random)));
    }

    private String name() {
        return switch (random.nextInt(4)) {
            case 0 -> "no_such";
            case 1 -> "set_value";
            case 2 -> "store_at";
            default -> "add_to";
        };
    }

    private String scramble(String text) {
        StringBuilder scrambled = new StringBuilder(text);
        for (int i = 0; i < 3; i++) {
            scrambled.setCharAt(random.nextInt(text.length()), (char) (32 + random.nextInt(95)));
        }
        return scrambled.toString();
    }

    private Pointer arguments() {
        return Pointer.to(Pointer.to(memory()), Pointer.to(new int[] {random.nextInt()}),
            Pointer.to(new int[] {random.nextInt(64)}));
    }

    private void addGraphCalls() {
        call(() -> cuGraphCreate(GRAPHS.fresh(random), small() & 1));
        call(() -> cuGraphDestroy(GRAPHS.pick(random)));
        call(() -> cuGraphClone(GRAPHS.fresh(random), GRAPHS.pick(random)));
        call(() -> add((node, graph, after) -> cuGraphAddEmptyNode(node, graph, after, after.length)));
        call(() -> add((node, graph, after) -> cuGraphAddKernelNode(node, graph, after, after.length, kernel())));
        call(() -> add((node, graph, after) -> cuGraphAddMemsetNode(node, graph, after, after.length, fill(),
            CONTEXTS.pick(random))));
        call(() -> add((node, graph, after) -> cuGraphAddMemcpyNode(node, graph, after, after.length, box(),
            CONTEXTS.pick(random))));
        call(() -> add((node, graph, after) -> cuGraphAddHostNode(node, graph, after, after.length, function())));
        call(() -> add((node, graph, after) -> cuGraphAddEventRecordNode(node, graph, after, after.length,
            EVENTS.pick(random))));
        call(() -> add((node, graph, after) -> cuGraphAddEventWaitNode(node, graph, after, after.length,
            EVENTS.pick(random))));
        call(() -> {
            // A graph within itself doubles; without a limit memory would end before the calls do.
            CUgraph child = GRAPHS.pick(random);
            long[] size = new long[1];
            int result = cuGraphGetNodes(child, null, size);
            return result != CUresult.CUDA_SUCCESS || size[0] > 3 ? result : add((node, graph, after) ->
                cuGraphAddChildGraphNode(node, graph, after, after.length, child));
        });
        call(() -> cuGraphAddDependencies(GRAPHS.pick(random), nodes(2), nodes(2), 2));
        call(() -> cuGraphRemoveDependencies(GRAPHS.pick(random), nodes(1), nodes(1), 1));
        call(() -> cuGraphDestroyNode(NODES.pick(random)));
        call(() -> cuGraphNodeGetType(NODES.pick(random), new int[1]));
        call(() -> cuGraphKernelNodeSetParams(NODES.pick(random), kernel()));
        call(() -> cuGraphMemcpyNodeSetParams(NODES.pick(random), box()));
        call(() -> cuGraphChildGraphNodeGetGraph(NODES.pick(random), GRAPHS.fresh(random)));
        call(() -> cuGraphInstantiate(EXECUTABLES.fresh(random), GRAPHS.pick(random), 0));
        call(() -> cuGraphInstantiate(EXECUTABLES.fresh(random), GRAPHS.pick(random), 0));
        call(() -> cuGraphLaunch(EXECUTABLES.pick(random), stream()));
        call(() -> cuGraphLaunch(EXECUTABLES.pick(random), stream()));
        call(() -> cuGraphExecDestroy(EXECUTABLES.pick(random)));
        call(() -> cuGraphExecKernelNodeSetParams(EXECUTABLES.pick(random), NODES.pick(random), kernel()));
        call(() -> cuGraphExecMemsetNodeSetParams(EXECUTABLES.pick(random), NODES.pick(random), fill(),
            CONTEXTS.pick(random)));
        call(() -> cuGraphExecChildGraphNodeSetParams(EXECUTABLES.pick(random), NODES.pick(random),
            GRAPHS.pick(random)));
    }

    /** A call that adds a node to a graph, behind some others. */
    private interface NodeCall {
        int add(CUgraphNode node, CUgraph graph, CUgraphNode[] after);
    }

    private int add(NodeCall call) {
        return call.add(NODES.fresh(random), GRAPHS.pick(random), nodes(Math.max(0, random.nextInt(5) - 2)));
    }

    private CUgraphNode[] nodes(int count) {
        CUgraphNode[] nodes = new CUgraphNode[count];
        for (int i = 0; i < count; i++) {
            nodes[i] = NODES.pick(random);
        }
        return nodes;
    }

    private CUDA_KERNEL_NODE_PARAMS kernel() {
        CUDA_KERNEL_NODE_PARAMS params = new CUDA_KERNEL_NODE_PARAMS();
        params.func = FUNCTIONS.pick(random);
        params.gridDimX = params.gridDimY = params.gridDimZ = random.nextInt(8) == 0 ? small() : 1;
        params.blockDimX = params.blockDimY = params.blockDimZ = random.nextInt(4);
        params.kernelParams = arguments();
        return params;
    }

    private CUDA_MEMSET_NODE_PARAMS fill() {
        CUDA_MEMSET_NODE_PARAMS params = new CUDA_MEMSET_NODE_PARAMS();
        params.dst = memory();
        params.pitch = wildBytes();
        params.elementSize = 1 << random.nextInt(4);
        params.width = wildBytes();
        params.height = random.nextInt(4) == 0 ? wildBytes() : 1;
        return params;
    }

    private static CUDA_HOST_NODE_PARAMS function() {
        CUDA_HOST_NODE_PARAMS params = new CUDA_HOST_NODE_PARAMS();
        params.fn = object -> { };
        return params;
    }
}
