package org.talweg.cuda;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUresult;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Device;
import org.talweg.ops.DeviceException;
import org.talweg.ops.DeviceMemoryException;
import org.talweg.ops.Feed;
import org.talweg.ops.MatrixProducts;
import org.talweg.ops.Ops;
import org.talweg.ops.Precision;
import org.talweg.ops.Recording;
import org.talweg.tensor.Buffer;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/**
 * One GPU, or the software device: a context, one stream on which everything is ordered, the kernels and the memory.
 * Launches, fills and device copies only enter the stream; {@link #download} and {@link #synchronize} wait for it.
 */
public final class CudaDevice implements Device {
    private static final Logger LOG = LoggerFactory.getLogger(CudaDevice.class);
    private static final String TRANSFER = "copy to or from the host";
    /** Whose context is current in each thread, so that two devices can be used in turn. */
    private static final ThreadLocal<CudaDevice> CURRENT = new ThreadLocal<>();

    private final String name;
    private final Chip chip;
    private final CUcontext context = new CUcontext();
    private final CUstream stream = new CUstream();
    private final CudaMemory memory = new CudaMemory(this, stream);
    private final List<CudaRecording> recordings = new ArrayList<>();
    private final List<CudaFeed> feeds = new ArrayList<>();
    private final Bfloat16Copies copies = new Bfloat16Copies(this, recordings);
    private final Map<String, CudaKernel> kernels = new HashMap<>();
    private final KernelImages images;
    private final LaunchArguments arguments;
    private final HostTransfer transfer;
    private final ProductTuner tuner;
    private final Ops ops;
    /** Where launches go: {@link #stream}, or a branch beside it. */
    private CUstream current = stream;
    private CudaBranch branch;
    private MatrixProducts products = MatrixProducts.TALWEG;
    /** In {@link #stream} and in the branch; null until asked for. */
    private Cublas cublas;
    private Cublas branchCublas;
    private Thread owner = Thread.currentThread();
    private boolean recording;
    private boolean closed;

    /**
     * The driver must be there: {@link CudaDeviceProvider} and {@link SoftwareDeviceProvider} see to it.
     *
     * @param operations makes the operations that run on this device
     */
    CudaDevice(String name, int index, Function<CudaDevice, Ops> operations) {
        this.name = name;
        Cuda.check(JCudaDriver.cuInit(0), "cuInit");
        chip = new Chip(index);
        Cuda.check(JCudaDriver.cuCtxCreate(context, 0, chip.ordinal()), "cuCtxCreate on device " + index);
        try {
            CURRENT.set(this);
            Cuda.check(JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING), "cuStreamCreate");
            images = new KernelImages(chip.computeCapability());
            arguments = new LaunchArguments();
            transfer = new HostTransfer(stream);
            tuner = new ProductTuner(this, !SoftwareDriver.isLoaded());
            ops = operations.apply(this);
        } catch (RuntimeException e) {
            CURRENT.remove();
            JCudaDriver.cuCtxDestroy(context);
            throw e;
        }
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String description() {
        check();
        return chip.describe() + "; kernels: " + images.taken();
    }

    @Override
    public Ops ops() {
        return ops;
    }

    @Override
    public void products(MatrixProducts wanted) {
        checkNotRecording("change the matrix products");
        if (wanted == MatrixProducts.CUBLAS) {
            openCublas();
        }
        products = wanted == MatrixProducts.AUTO && !canCompare() ? MatrixProducts.TALWEG : wanted;
    }

    /** What the products of a shape are computed by as things stand, in words: whose they are, and in which tiles. */
    public String plan(Precision precision, DenseShape shape) {
        checkNotRecording("plan");
        DenseOps dense = ops.dense().at(precision);
        if (dense instanceof AutoDense auto) {
            return auto.describe(shape);
        }
        return dense instanceof CudaDense own ? own.planOf(shape).toString() : "cuBLAS";
    }

    private boolean canCompare() {
        if (!tuner.canMeasure()) {
            LOG.info("{}: times on a device in software mean nothing; the products are talweg's own", name);
            return false;
        }
        try {
            openCublas();
            return true;
        } catch (DeviceException e) {
            LOG.info("{}: the products are talweg's own, for {}", name, e.getMessage());
            return false;
        }
    }

    @Override
    public void autotune(boolean on) {
        checkNotRecording("change the choice of tiles");
        if (on && !tuner.canMeasure()) {
            throw new DeviceException("times on device " + name + ", which is software, mean nothing; leave tuning off, or"
                + " open cuda");
        }
        tuner.on(on);
    }

    @Override
    public Buffer allocate(DType dtype, long length, String purpose) {
        checkNotRecording("allocate");
        return memory.allocate(dtype, length, purpose);
    }

    @Override
    public void upload(float[] source, Tensor destination) {
        checkNotRecording(TRANSFER);
        transfer.upload(source, destination);
    }

    @Override
    public void upload(int[] source, Tensor destination) {
        checkNotRecording(TRANSFER);
        transfer.upload(source, destination);
    }

    @Override
    public void download(Tensor source, float[] destination) {
        checkNotRecording(TRANSFER);
        transfer.download(source, destination);
    }

    @Override
    public void download(Tensor source, int[] destination) {
        checkNotRecording(TRANSFER);
        transfer.download(source, destination);
    }

    @Override
    public Recording record(Runnable body) {
        checkNotRecording("record");
        // Relaxed: what a recording must not do is refused here, so other threads' CUDA calls need not be.
        Cuda.check(JCudaDriver.cuStreamBeginCapture(stream, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED),
            "cuStreamBeginCapture");
        CUgraph graph = new CUgraph();
        recording = true;
        try {
            copies.record(body);
        } catch (Throwable e) {
            recording = false;
            if (JCudaDriver.cuStreamEndCapture(stream, graph) == CUresult.CUDA_SUCCESS) {
                JCudaDriver.cuGraphDestroy(graph);
            }
            throw e;
        }
        recording = false;
        Cuda.check(JCudaDriver.cuStreamEndCapture(stream, graph), "cuStreamEndCapture");
        CudaRecording result = new CudaRecording(this, graph, copies.read(), copies.spoiled());
        recordings.add(result);
        return result;
    }

    @Override
    public Feed feed(int bytes) {
        checkNotRecording("allocate");
        CudaFeed feed;
        try {
            feed = new CudaFeed(this, stream, bytes);
        } catch (CudaException e) {
            if (e.result() == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
                throw new DeviceMemoryException("not enough pinned memory for " + name + ": " + bytes + " bytes wanted", e);
            }
            throw e;
        }
        feeds.add(feed);
        return feed;
    }

    @Override
    public void synchronize() {
        checkNotRecording("wait");
        Cuda.check(JCudaDriver.cuStreamSynchronize(stream), "cuStreamSynchronize");
    }

    /**
     * Runs launches between two events of the stream, and waits for them.
     *
     * @return microseconds between the events, to about half of one
     */
    public double microseconds(Runnable launches) {
        checkNotRecording("wait");
        CUevent begin = new CUevent();
        CUevent end = new CUevent();
        Cuda.check(JCudaDriver.cuEventCreate(begin, CUevent_flags.CU_EVENT_DEFAULT), "cuEventCreate");
        try {
            Cuda.check(JCudaDriver.cuEventCreate(end, CUevent_flags.CU_EVENT_DEFAULT), "cuEventCreate");
            Cuda.check(JCudaDriver.cuEventRecord(begin, stream), "cuEventRecord");
            launches.run();
            Cuda.check(JCudaDriver.cuEventRecord(end, stream), "cuEventRecord");
            Cuda.check(JCudaDriver.cuEventSynchronize(end), "cuEventSynchronize");
            float[] milliseconds = new float[1];
            Cuda.check(JCudaDriver.cuEventElapsedTime(milliseconds, begin, end), "cuEventElapsedTime");
            return 1e3 * milliseconds[0];
        } finally {
            JCudaDriver.cuEventDestroy(begin);
            JCudaDriver.cuEventDestroy(end);
        }
    }

    /** The stream of this device, for libraries that launch kernels of their own on {@link #pointer}s. */
    public CUstream stream() {
        return stream;
    }

    /**
     * Where a tensor of this device begins. What is written there is not seen: where products read a bfloat16 copy of these
     * values, it is from now on made anew for each of them.
     */
    public Pointer pointer(Tensor tensor) {
        check();
        buffer(tensor).escape();
        return new DeviceAddress(address(tensor));
    }

    @Override
    public void adopt() {
        owner = Thread.currentThread();
        makeCurrent();
    }

    @Override
    public long bytesAllocated() {
        return memory.ledger().bytes();
    }

    @Override
    public List<String> liveAllocations() {
        return memory.ledger().lines();
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        check();
        liveAllocations().forEach(line -> LOG.warn("{} closed with a live buffer: {}", name, line));
        JCudaDriver.cuStreamSynchronize(stream);
        List.copyOf(feeds).forEach(CudaFeed::close);
        List.copyOf(recordings).forEach(CudaRecording::close);
        memory.close();
        closed = true;
        images.close();
        transfer.close();
        arguments.close();
        for (Cublas library : new Cublas[] {cublas, branchCublas}) {
            if (library != null) {
                library.close();
            }
        }
        if (branch != null) {
            branch.close();
        }
        JCudaDriver.cuStreamDestroy(stream);
        JCudaDriver.cuCtxDestroy(context);
        CURRENT.remove();
    }

    // What the operations of this package build on.

    /**
     * A kernel by the name of its family, the {@code .cu} file, and its own {@code extern "C"} name.
     *
     * @throws DeviceException if no image of the family fits this device, or it has no such kernel
     */
    CudaKernel kernel(String family, String kernel) {
        check();
        return kernels.computeIfAbsent(family + "/" + kernel, key -> images.kernel(family, kernel));
    }

    /** The argument block of the next launch, empty. */
    LaunchArguments arguments() {
        return arguments.clear();
    }

    /**
     * Runs launches side by side that need nothing of each other: the first in a branch, which what follows waits for. In
     * a recording they are parallel branches of the graph. Not to be nested.
     */
    void beside(Runnable inBranch, Runnable inStream) {
        check();
        current = branch().fork();
        try {
            inBranch.run();
            current = stream;
            inStream.run();
        } finally {
            current = stream;
            branch.join();
        }
    }

    private CudaBranch branch() {
        if (branch == null) {
            branch = new CudaBranch(stream);
        }
        return branch;
    }

    Chip chip() {
        return chip;
    }

    ProductTuner tuner() {
        return tuner;
    }

    boolean isRecording() {
        return recording;
    }

    /** What times of a family of kernels depend on. */
    Map<String, String> identity(String family) {
        String version = CudaDevice.class.getPackage().getImplementationVersion();
        Map<String, String> identity = new LinkedHashMap<>();
        identity.put("gpu", chip.name());
        identity.put("driver", String.valueOf(Chip.driver()));
        identity.put("talweg", version == null ? "development build" : version);
        identity.put("kernels", images.digest(family));
        return identity;
    }

    /** As {@link #products(MatrixProducts)} set it; our own where there is nothing to choose from. */
    MatrixProducts products() {
        return products;
    }

    /** The library in the stream that launches go to. */
    Cublas cublas() {
        check();
        return current == stream ? cublas : branchCublas;
    }

    /** @throws DeviceException if the library is not here */
    private void openCublas() {
        if (cublas == null) {
            Cublas first = new Cublas(stream);
            try {
                branchCublas = new Cublas(branch().stream());
            } catch (RuntimeException e) {
                first.close();
                throw e;
            }
            cublas = first;
        }
    }

    /** Enters one launch into the stream. The arguments are copied before this returns. */
    void launch(CudaKernel kernel, int gridX, int gridY, int gridZ, int blockX, int dynamicSharedBytes,
                LaunchArguments launchArguments) {
        check();
        kernel.checkArguments(launchArguments);
        kernel.allowSharedBytes(dynamicSharedBytes);
        int result = JCudaDriver.cuLaunchKernel(kernel.function(), gridX, gridY, gridZ, blockX, 1, 1,
            dynamicSharedBytes, current, launchArguments.memory(), null);
        if (result != CUresult.CUDA_SUCCESS) {
            throw Cuda.failure(result, "launch of " + kernel.name() + " (grid " + gridX + "×" + gridY + "×" + gridZ
                + ", block " + blockX + ", " + dynamicSharedBytes + " bytes of dynamic shared memory)");
        }
    }

    /** As above, on a one-dimensional grid without dynamic shared memory. */
    void launch(CudaKernel kernel, int gridX, int blockX, LaunchArguments launchArguments) {
        launch(kernel, gridX, 1, 1, blockX, 0, launchArguments);
    }

    /** Sets all bytes of the tensor to zero, in the stream. */
    void zero(Tensor tensor) {
        check();
        if (tensor.elements() > 0) {
            Cuda.check(JCudaDriver.cuMemsetD8Async(new DeviceAddress(target(tensor)), (byte) 0, bytes(tensor),
                current), "cuMemsetD8Async of " + tensor);
        }
    }

    /** Copies as many bytes as {@code source} has, in the stream. */
    void copy(Tensor source, Tensor destination) {
        check();
        if (source.elements() > 0) {
            Cuda.check(JCudaDriver.cuMemcpyDtoDAsync(new DeviceAddress(target(destination)),
                new DeviceAddress(address(source)), bytes(source), current), "cuMemcpyDtoDAsync of " + source);
        }
    }

    /** Address of the first element of a tensor that is only read. */
    static long address(Tensor tensor) {
        return buffer(tensor).address() + tensor.offset() * tensor.dtype().bytes();
    }

    /** The memory of a tensor. */
    static CudaBuffer buffer(Tensor tensor) {
        if (tensor.buffer() instanceof CudaBuffer buffer) {
            return buffer;
        }
        throw new IllegalArgumentException("a tensor of another kind of device (" + tensor.buffer().getClass()
            .getSimpleName() + ") was given to a CUDA operation; allocate it on the same device");
    }

    /** The same of one that may be written to: everything that is goes through here, but for {@link #pointer}s. */
    static long target(Tensor tensor) {
        buffer(tensor).written();
        return address(tensor);
    }

    Bfloat16Copies copies() {
        return copies;
    }

    void replay(CUgraphExec executable) {
        checkNotRecording("replay");
        Cuda.check(JCudaDriver.cuGraphLaunch(executable, stream), "cuGraphLaunch");
    }

    void forget(CudaRecording closedRecording) {
        recordings.remove(closedRecording);
    }

    void forget(CudaFeed closedFeed) {
        feeds.remove(closedFeed);
    }

    void checkFeed() {
        checkNotRecording("feed");
    }

    /** Frees without a check: after a fatal error the driver refuses, and closing must still go through. */
    void release(CudaBuffer buffer) {
        if (!closed) {
            checkNotRecording("free");
            memory.release(buffer);
        }
    }

    private void check() {
        if (closed) {
            throw new IllegalStateException("device " + name + " is closed");
        }
        if (Thread.currentThread() != owner) {
            throw new IllegalStateException("device " + name + " belongs to thread " + owner.getName()
                + " and was called from " + Thread.currentThread().getName() + "; hand it over with adopt()");
        }
        if (CURRENT.get() != this) {
            makeCurrent();
        }
    }

    private void makeCurrent() {
        Cuda.check(JCudaDriver.cuCtxSetCurrent(context), "cuCtxSetCurrent");
        CURRENT.set(this);
    }

    private void checkNotRecording(String action) {
        check();
        if (recording) {
            throw new IllegalStateException("cannot " + action + " while device " + name + " records; do it before"
                + " or after the recording");
        }
    }

    private static long bytes(Tensor tensor) {
        return tensor.elements() * tensor.dtype().bytes();
    }
}
