package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.opentest4j.TestAbortedException;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.MatrixProducts;
import org.talweg.ops.Precision;
import org.talweg.ops.StepState;
import org.talweg.optim.Clip;
import org.talweg.optim.Optimizer;
import org.talweg.optim.Optimizers;
import org.talweg.optim.ParameterGroups;
import org.talweg.optim.ParameterLayout;
import org.talweg.tape.Loss;
import org.talweg.tape.ProgramMemory;
import org.talweg.tape.TrainingProgram;
import org.talweg.tape.TrainingStep;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.testing.Draw;
import org.talweg.testing.TestDevice;

/** A planned training step leaves nothing behind for the garbage collector. */
class AllocationTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final int BATCH = 16;
    private static final int CLASSES = 5;
    /** Steps between two fillings of the tables, which is the host's work and not a step's. */
    private static final int CHUNK = 50;
    private static final int CHUNKS = 20;
    /** How long HotSpot may take to compile it all. */
    private static final long PATIENCE_NANOS = 60_000_000_000L;

    private long[] threads = {};

    /**
     * In a JVM of its own: which small objects HotSpot keeps on the stack depends on what else the code was used for, and
     * other tests use it for everything.
     */
    @ParameterizedTest
    @EnumSource
    void aStepAllocatesNothing(Net net) throws IOException, InterruptedException {
        Process java = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx1g",
            "--enable-native-access=ALL-UNNAMED", "-Dtalweg.device=" + System.getProperty("talweg.device", "software"),
            "-cp", System.getProperty("java.class.path"), AllocationTest.class.getName(), net.name())
            .redirectErrorStream(true).start();
        String output = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(java.waitFor(5, TimeUnit.MINUTES), "hangs: " + output);
        assertEquals(0, java.exitValue(), output);
    }

    /** What is trained. */
    enum Net {
        SMALL {
            @Override
            void expectNothing(TestDevice on) {
                new AllocationTest().expectNothing(on, Losses.softmaxCrossEntropy(), Optimizers.adam(), Clip.byGlobalNorm(1),
                    Sequential.builder(Shape.of(12)).dense(33, Activation.RELU).dense(CLASSES));
            }
        },
        LAYERS_OF_OTHER_KINDS {
            @Override
            void expectNothing(TestDevice on) {
                new AllocationTest().expectNothing(on, Losses.softmaxCrossEntropy().labelSmoothing(0.1f), Optimizers.sgd(),
                    Clip.none(), Sequential.builder(Shape.of(12)).dense(8, Activation.GELU).dropout(0.2f)
                        .residual(block -> block.dense(8, Activation.TANH)).activation(Activation.MISH).dense(CLASSES));
            }
        },
        WEIGHTS_IN_BFLOAT16 {
            @Override
            void expectNothing(TestDevice on) {
                new AllocationTest().expectNothing(on, Losses.softmaxCrossEntropy(), Optimizers.adam(), Clip.none(),
                    Sequential.builder(Shape.of(12)).precision(Precision.BF16).dense(32, Activation.RELU).dense(CLASSES));
            }
        },
        PRODUCTS_BY_CUBLAS {
            @Override
            void expectNothing(TestDevice on) {
                if (!on.toString().equals("cpu")) {
                    on.device().products(MatrixProducts.CUBLAS);
                    SMALL.expectNothing(on);
                }
            }
        },
        NORMS {
            @Override
            void expectNothing(TestDevice on) {
                new AllocationTest().expectNothing(on, Losses.softmaxCrossEntropy(), Optimizers.adamW(), Clip.byValue(1),
                    Sequential.builder(Shape.of(12)).dense(8, Activation.RELU).batchNorm().dropout(0.2f)
                        .dense(8, Activation.SILU).layerNorm().residual(block -> block.rmsNorm().dense(8)).dense(CLASSES));
            }
        },
        /** On the CPU alone, as the next: elsewhere a step is one launch of a graph, whatever is in it. */
        EVERY_OPTIMIZER {
            @Override
            void expectNothing(TestDevice on) {
                if (!on.toString().equals("cpu")) {
                    return;
                }
                for (Optimizer optimizer : List.of(Optimizers.momentum(), Optimizers.nesterov(),
                    Optimizers.momentum().velocity(true), Optimizers.adagrad(), Optimizers.rmsProp(),
                    Optimizers.rmsProp().centered(true).momentum(0.9f), Optimizers.adadelta(), Optimizers.amsgrad(),
                    Optimizers.adamax(), Optimizers.nadam(), Optimizers.radam(), Optimizers.lion(), Optimizers.scheduleFree(),
                    Optimizers.lamb(), Optimizers.prodigy(), Optimizers.muon())) {
                    new AllocationTest().expectNothing(on, Losses.softmaxCrossEntropy(), optimizer, Clip.none(),
                        Sequential.builder(Shape.of(6)).dense(7, Activation.RELU).dense(CLASSES));
                }
            }
        },
        EVERY_CLIPPING {
            @Override
            void expectNothing(TestDevice on) {
                if (!on.toString().equals("cpu")) {
                    return;
                }
                for (Clip clip : List.of(Clip.byGlobalNorm(1, 1), Clip.byParameterNorm(1), Clip.adaptive(0.01f))) {
                    new AllocationTest().expectNothing(on, Losses.softmaxCrossEntropy(), Optimizers.sgd(), clip,
                        Sequential.builder(Shape.of(6)).dense(7, Activation.RELU).dense(CLASSES));
                }
            }
        },
        /** Large enough to be split over the cores, and for oneDNN; on the CPU alone, for it takes long on others. */
        SPLIT {
            @Override
            void expectNothing(TestDevice on) {
                if (on.toString().equals("cpu")) {
                    new AllocationTest().expectNothing(on, Losses.softmaxCrossEntropy(), Optimizers.adam(), Clip.none(),
                        Sequential.builder(Shape.of(600)).dense(500, Activation.RELU).dropout(0.1f).batchNorm()
                            .activation(Activation.SILU).layerNorm().dense(CLASSES));
                }
            }
        };

        abstract void expectNothing(TestDevice on);
    }

    public static void main(String[] net) {
        // The oracle is written to be read, and may allocate.
        for (TestDevice device : List.of(TestDevice.named("cpu"), TestDevice.accelerator())) {
            try {
                Net.valueOf(net[0]).expectNothing(device);
            } catch (TestAbortedException e) {
                System.out.println(e.getMessage());
            }
        }
        System.exit(0);
    }

    /** This thread and those of the CPU backend that help it, which the first steps start. */
    private static long[] threadsAtWork() {
        return Thread.getAllStackTraces().keySet().stream()
            .filter(thread -> thread == Thread.currentThread() || thread.getName().startsWith("talweg-cpu-"))
            .mapToLong(Thread::getId).toArray();
    }

    private void expectNothing(TestDevice tested, Loss loss, Optimizer optimizer, Clip clip,
                                      Sequential.Builder layers) {
        Device device = tested.device();
        try (Resources resources = new Resources(); Model model = layers.seed(1).build(device)) {
            Draw draw = new Draw(1);
            Shape rows = model.inputShape().batch(BATCH);
            var features = resources.tensor(device, DType.FLOAT32, rows, "features");
            device.upload(draw.reals((int) rows.elements(), 1), features);
            var targets = resources.tensor(device, DType.INT32, Shape.of(BATCH), "targets");
            int[] order = new int[CHUNK * BATCH];
            for (int i = 0; i < order.length; i++) {
                order[i] = i * 7 % BATCH;
            }
            var orderOnDevice = resources.tensor(device, DType.INT32, Shape.of(order.length), "order");
            device.upload(order, orderOnDevice);
            StepState state = resources.add(StepState.allocate(device, CHUNK), StepState::close);
            Optimizer.State update = resources.add(
                optimizer.newState(device, ParameterLayout.of(model.tape(), ParameterGroups.none()), clip), Optimizer.State::close);
            ProgramMemory memory = resources.add(new ProgramMemory(device, BATCH), ProgramMemory::close);
            TrainingStep step = new TrainingStep(model.parameters(), model.states(),
                resources.tensor(device, DType.FLOAT32, model.parameters().shape(), "gradients"), features, targets,
                orderOnDevice, state, loss, update, Set.of());
            TrainingProgram program = resources.add(new TrainingProgram(model.tape(), memory, BATCH, step),
                TrainingProgram::close);
            device.upload(new float[CHUNK * StepState.SCHEDULE_COLUMNS], state.schedule());
            // Scratch memory gets its size in the first steps, and small objects are on the stack once HotSpot compiled them.
            chunk(device, state, program);
            threads = threadsAtWork();
            long bytes = Long.MAX_VALUE;
            for (long start = System.nanoTime(); bytes > 0 && System.nanoTime() - start < PATIENCE_NANOS;) {
                bytes = 0;
                for (int j = 0; j < CHUNKS && bytes == 0; j++) {
                    bytes += chunk(device, state, program);
                }
            }
            assertEquals(0, bytes, "bytes in " + CHUNKS * CHUNK + " steps on " + tested + " by " + optimizer + ", " + clip);
        }
    }

    /** Bytes that the steps allocated, in this thread and in those that help it. */
    private long chunk(Device device, StepState state, TrainingProgram program) {
        device.upload(new int[StepState.COUNTERS], state.counters());
        long before = allocated();
        for (int i = 0; i < CHUNK; i++) {
            program.run();
        }
        long bytes = allocated() - before;
        device.synchronize();
        return bytes;
    }

    private long allocated() {
        long bytes = 0;
        for (long id : threads) {
            bytes += Math.max(0, THREADS.getThreadAllocatedBytes(id));
        }
        return bytes;
    }
}
