package org.talweg.cuda;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
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
import org.talweg.ops.AllocationLedger;
import org.talweg.ops.Device;
import org.talweg.ops.DeviceException;
import org.talweg.ops.DeviceMemoryException;
import org.talweg.ops.Feed;
import org.talweg.ops.MatrixProducts;
import org.talweg.ops.Ops;
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
    /** The first compute capability with asynchronous copies. */
    private static final int ASYNCHRONOUS_COPIES = 80;
    private static final int WARM_UPS = 3;
    private static final int MEASUREMENTS = 15;
    /** Whose context is current in each thread, so that two devices can be used in turn. */
    private static final ThreadLocal<CudaDevice> CURRENT = new ThreadLocal<>();

    private final String name;
    private final CUdevice ordinal = new CUdevice();
    private final CUcontext context = new CUcontext();
    private final CUstream stream = new CUstream();
    private final AllocationLedger ledger = new AllocationLedger();
    private final List<CudaBuffer> buffers = new ArrayList<>();
    private final List<CudaRecording> recordings = new ArrayList<>();
    private final List<CudaFeed> feeds = new ArrayList<>();
    private final Map<String, CudaKernel> kernels = new HashMap<>();
    private final KernelImages images;
    private final LaunchArguments arguments;
    private final HostTransfer transfer;
    private final ProductTuner tuner;
    private final Ops ops;
    private final int multiprocessors;
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
        Cuda.check(JCudaDriver.cuDeviceGet(ordinal, index), "cuDeviceGet of device " + index);
        Cuda.check(JCudaDriver.cuCtxCreate(context, 0, ordinal), "cuCtxCreate on device " + index);
        try {
            CURRENT.set(this);
            Cuda.check(JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING), "cuStreamCreate");
            images = new KernelImages(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) * 10
                + attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR));
            multiprocessors = attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
            arguments = new LaunchArguments();
            transfer = new HostTransfer(stream);
            tuner = new ProductTuner(this, SoftwareDriver.isLoaded() ? null : this::median);
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
        byte[] chip = new byte[256];
        long[] bytes = new long[1];
        Cuda.check(JCudaDriver.cuDeviceGetName(chip, chip.length, ordinal), "cuDeviceGetName");
        Cuda.check(JCudaDriver.cuDeviceTotalMem(bytes, ordinal), "cuDeviceTotalMem");
        return String.format("%s, compute capability %d.%d, %d multiprocessors, %.1f GiB; kernels: %s",
            GpuProbe.text(chip), computeCapability() / 10, computeCapability() % 10, multiprocessors,
            bytes[0] / (double) (1L << 30), images.taken());
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
        if (length < 0) {
            throw new IllegalArgumentException(purpose + ": " + length + " elements");
        }
        long bytes = Math.max(Math.multiplyExact(length, dtype.bytes()), 1);
        DeviceAddress memory = new DeviceAddress();
        int result = JCudaDriver.cuMemAlloc(memory, bytes);
        if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
            throw outOfMemory(bytes, purpose);
        }
        Cuda.check(result, "cuMemAlloc of " + bytes + " bytes for " + purpose);
        result = JCudaDriver.cuMemsetD8Async(memory, (byte) 0, bytes, stream);
        if (result != CUresult.CUDA_SUCCESS) {
            CudaException failure = Cuda.failure(result, "clearing " + bytes + " bytes for " + purpose);
            JCudaDriver.cuMemFree(memory);
            throw failure;
        }
        CudaBuffer buffer = new CudaBuffer(this, memory, dtype, length, ledger.enter(purpose, bytes));
        buffers.add(buffer);
        return buffer;
    }

    @Override
    public void upload(float[] source, Tensor destination) {
        checkTransfer(destination, DType.FLOAT32, source.length);
        transfer.upload(source, address(destination), Math.toIntExact(destination.elements()));
    }

    @Override
    public void upload(int[] source, Tensor destination) {
        checkTransfer(destination, DType.INT32, source.length);
        transfer.upload(source, address(destination), Math.toIntExact(destination.elements()));
    }

    @Override
    public void download(Tensor source, float[] destination) {
        checkTransfer(source, DType.FLOAT32, destination.length);
        transfer.download(address(source), destination, Math.toIntExact(source.elements()));
    }

    @Override
    public void download(Tensor source, int[] destination) {
        checkTransfer(source, DType.INT32, destination.length);
        transfer.download(address(source), destination, Math.toIntExact(source.elements()));
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
            body.run();
        } catch (Throwable e) {
            recording = false;
            if (JCudaDriver.cuStreamEndCapture(stream, graph) == CUresult.CUDA_SUCCESS) {
                JCudaDriver.cuGraphDestroy(graph);
            }
            throw e;
        }
        recording = false;
        Cuda.check(JCudaDriver.cuStreamEndCapture(stream, graph), "cuStreamEndCapture");
        CudaRecording result = new CudaRecording(this, graph);
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

    /** Where a tensor of this device begins. */
    public Pointer pointer(Tensor tensor) {
        check();
        return new DeviceAddress(address(tensor));
    }

    @Override
    public void adopt() {
        owner = Thread.currentThread();
        makeCurrent();
    }

    @Override
    public long bytesAllocated() {
        return ledger.bytes();
    }

    @Override
    public List<String> liveAllocations() {
        return ledger.lines();
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
        List.copyOf(buffers).forEach(CudaBuffer::close);
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

    ProductTuner tuner() {
        return tuner;
    }

    boolean isRecording() {
        return recording;
    }

    /** What times of a family of kernels depend on. */
    Map<String, String> identity(String family) {
        byte[] chip = new byte[256];
        int[] driver = new int[1];
        Cuda.check(JCudaDriver.cuDeviceGetName(chip, chip.length, ordinal), "cuDeviceGetName");
        Cuda.check(JCudaDriver.cuDriverGetVersion(driver), "cuDriverGetVersion");
        String version = CudaDevice.class.getPackage().getImplementationVersion();
        Map<String, String> identity = new LinkedHashMap<>();
        identity.put("gpu", GpuProbe.text(chip));
        identity.put("driver", String.valueOf(driver[0]));
        identity.put("talweg", version == null ? "development build" : version);
        identity.put("kernels", images.digest(family));
        return identity;
    }

    /** Of a few runs, after some to warm up. */
    private double median(String what, Runnable launches) {
        double[] times = new double[MEASUREMENTS];
        for (int i = -WARM_UPS; i < MEASUREMENTS; i++) {
            double time = microseconds(launches);
            if (i >= 0) {
                times[i] = time;
            }
        }
        Arrays.sort(times);
        return times[MEASUREMENTS / 2];
    }

    /** As {@link #products(MatrixProducts)} set it; our own where there is nothing to choose from. */
    MatrixProducts products() {
        return products;
    }

    /** The library in the stream that launches go to. */
    Cublas cublas() {
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
            Cuda.check(JCudaDriver.cuMemsetD8Async(new DeviceAddress(address(tensor)), (byte) 0, bytes(tensor),
                current), "cuMemsetD8Async of " + tensor);
        }
    }

    /** Copies as many bytes as {@code source} has, in the stream. */
    void copy(Tensor source, Tensor destination) {
        check();
        if (source.elements() > 0) {
            Cuda.check(JCudaDriver.cuMemcpyDtoDAsync(new DeviceAddress(address(destination)),
                new DeviceAddress(address(source)), bytes(source), current), "cuMemcpyDtoDAsync of " + source);
        }
    }

    /** Address of the tensor's first element. */
    static long address(Tensor tensor) {
        if (tensor.buffer() instanceof CudaBuffer buffer) {
            return buffer.address() + tensor.offset() * tensor.dtype().bytes();
        }
        throw new IllegalArgumentException("a tensor of another kind of device (" + tensor.buffer().getClass()
            .getSimpleName() + ") was given to a CUDA operation; allocate it on the same device");
    }

    int multiprocessors() {
        return multiprocessors;
    }

    /** Ten times the major plus the minor number: 90 for an H100. */
    int computeCapability() {
        return images.computeCapability();
    }

    /** Whether it has cp.async, PTX ISA, "Asynchronous copy". */
    boolean copiesAsynchronously() {
        return computeCapability() >= ASYNCHRONOUS_COPIES;
    }

    /** One of the {@code CU_DEVICE_ATTRIBUTE_} numbers. */
    int attribute(int attribute) {
        int[] value = new int[1];
        Cuda.check(JCudaDriver.cuDeviceGetAttribute(value, attribute, ordinal), "cuDeviceGetAttribute " + attribute);
        return value[0];
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
    void release(CudaBuffer buffer, DeviceAddress memory, long ticket) {
        if (!closed) {
            checkNotRecording("free");
            JCudaDriver.cuMemFree(memory);
            buffers.remove(buffer);
            ledger.settle(ticket);
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

    private void checkTransfer(Tensor tensor, DType type, int arrayLength) {
        checkNotRecording("copy to or from the host");
        if (tensor.dtype() != type) {
            throw new IllegalArgumentException("a Java array of " + type + " for a tensor of " + tensor.dtype());
        }
        if (arrayLength < tensor.elements()) {
            throw new IllegalArgumentException("an array of " + arrayLength + " elements for a tensor "
                + tensor.shape() + " of " + tensor.elements());
        }
    }

    private static long bytes(Tensor tensor) {
        return tensor.elements() * tensor.dtype().bytes();
    }

    private DeviceMemoryException outOfMemory(long bytes, String purpose) {
        long[] free = new long[1];
        long[] total = new long[1];
        JCudaDriver.cuMemGetInfo(free, total);
        return new DeviceMemoryException("not enough memory on " + name + " for " + purpose + ": " + bytes + " bytes wanted, " + free[0] + " of " + total[0] + " free, " + ledger.bytes()
            + " held by this device; close what is no longer used, or make the batch smaller");
    }
}
