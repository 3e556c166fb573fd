package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.talweg.analysis.StepFloor;
import org.talweg.cuda.SoftwareDriver.Check;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.ops.Fusion;
import org.talweg.ops.Precision;
import org.talweg.optim.Clip;
import org.talweg.optim.FusedOptimizer;
import org.talweg.optim.Optimizers;
import org.talweg.tape.Loss;
import org.talweg.tensor.Shape;
import org.talweg.testing.SoftwareDevice;
import org.talweg.train.Trainer;

/**
 * A whole training step with Adam and clipping, against {@link StepFloor}, on the sizes that performance is claimed for; and
 * that floor itself.
 */
class StepFloorTest {
    private static final int INPUTS = 784;
    private static final int CLASSES = 10;
    /** Steps of each group that the device reports. */
    private static final int[] GROUPS = {1, 1, 2};

    private Device device;

    @BeforeEach
    void open() {
        SoftwareDevice.require();
        // The checkers see these kernels elsewhere, on smaller sizes.
        SoftwareDriver.check(EnumSet.of(Check.BOUNDS));
        device = Devices.open("software");
    }

    @AfterEach
    void close() {
        device.close();
        SoftwareDevice.checkAll();
    }

    /** The widest network has batches of 512 in earnest, which take the software device minutes. */
    static Stream<Arguments> networks() {
        return Stream.of(Arguments.of(List.of(128), 64, Precision.FLOAT32), Arguments.of(List.of(512, 512), 128, Precision.FLOAT32),
            Arguments.of(List.of(2048, 2048, 2048), 64, Precision.FLOAT32), Arguments.of(List.of(128), 64, Precision.BF16),
            Arguments.of(List.of(1024, 1024), 64, Precision.BF16));
    }

    @ParameterizedTest
    @MethodSource("networks")
    void aStepMovesItsFloorInOneGraphOfFewKernels(List<Integer> hidden, int batch, Precision precision) {
        Loss loss = Losses.softmaxCrossEntropy();
        FusedOptimizer adam = Optimizers.adam();
        CountedSteps groups = new CountedSteps(GROUPS);
        Sequential.Builder builder = Sequential.builder(Shape.of(INPUTS)).seed(1).precision(precision);
        hidden.forEach(units -> builder.dense(units, Activation.RELU));
        try (Model model = builder.dense(CLASSES).build(device)) {
            Trainer.builder(model).loss(loss).optimizer(adam).clip(Clip.byGlobalNorm(0.5f)).listeners(groups).fusion(Fusion.OFF)
                .build().fit(DataLoader.of(rows(Arrays.stream(GROUPS).sum() * batch), batch), 1);
        } finally {
            SoftwareDriver.count(false);
            SoftwareDriver.profile();
        }
        List<Integer> widths = IntStream.concat(IntStream.concat(IntStream.of(INPUTS),
            hidden.stream().mapToInt(Integer::intValue)), IntStream.of(CLASSES)).boxed().toList();
        // Of the second group, without shuffling.
        int[] batchRows = IntStream.range(batch, 2 * batch).toArray();
        StepFloor floor = StepFloor.of(device.ops().dense().at(precision), batchRows, widths, Activation.RELU,
            new StepFloor.LossRows("cross_entropy", 1, loss.hasHits()), adam.rule());

        assertEquals(floor.launches().size(), groups.second().size(), groups.second().toString());
        for (int i = 0; i < groups.second().size(); i++) {
            assertTrue(floor.launches().get(i).is(groups.second().get(i).kernel()), i + ": " + groups.second().get(i).kernel());
        }
        double ratio = (double) groups.second().stream().mapToLong(KernelProfile::bytes).sum()
            / floor.launches().stream().mapToLong(StepFloor.Launch::bytes).sum();
        assertTrue(ratio >= 1 && ratio <= 1.05, ratio + " of the floor");
        expectStreams(floor, groups.second());
        expectBanks(precision, groups.second(), hidden.size() + 2);

        int layers = hidden.size() + 1;
        for (int group = 1; group < GROUPS.length; group++) {
            long steps = GROUPS[group];
            assertEquals(steps, groups.during(group, SoftwareDriver.Counters::graphLaunches), "graph launches");
            assertEquals(steps * (2L * layers + 3), groups.during(group, SoftwareDriver.Counters::kernelLaunches));
        }
        // A group of two steps waits and copies no more often than one of a single step.
        assertEquals(groups.during(1, SoftwareDriver.Counters::synchronizations),
            groups.during(2, SoftwareDriver.Counters::synchronizations), "synchronisations");
        assertEquals(groups.during(1, SoftwareDriver.Counters::hostCopies),
            groups.during(2, SoftwareDriver.Counters::hostCopies), "copies");
    }

    /** In sectors: rows of 6 inputs, 4 hidden units and 3 classes. */
    @Test
    void theFloorByHand() {
        int[] rows = {3, 0, 7, 4, 9};
        // Of 24 bytes each: sectors 0, 2, 3, 5, 6 and 7. Their labels: 0 and 1. Order and cursor: one each.
        int x = 6 + 2;
        int forward = (x + 4 + 3) + (3 + 2 + 2);
        // Losses and hits one each.
        int loss = 2 + 2 * 2 + 2 + 2;
        // Of the second layer with dX; one partial sum each.
        int backward = (2 + 3 + 2 + 1 + 2 + 3) + (x + 3 + 4 + 1);
        // Partial sums, counters in and out, schedule, log, control of 22 elements.
        int prepare = 2 + 1 + 2 + 1 + 1 + 3;
        // 43 parameters.
        int update = 3 * 6 + 2;
        StepFloor floor = StepFloor.of(device.ops().dense(), rows, List.of(6, 4, 3), Activation.RELU,
            new StepFloor.LossRows("cross_entropy", 1, true), Optimizers.sgd().rule());
        assertEquals(32 * (forward + loss + backward + prepare + update),
            floor.launches().stream().mapToLong(StepFloor.Launch::bytes).sum(), floor.toString());
        assertEquals(2 * 5 * (24 * 2 + 12 * 3), floor.flops());
    }

    /** Of 38 bytes a parameter, where float32 has 40: two times 2 for the weights, 4 for their gradient, 30 for Adam's update. */
    @Test
    void theFloorOfParametersInBfloat16() {
        assertEquals(40, bytesOfAParameter(Precision.FLOAT32));
        assertEquals(38, bytesOfAParameter(Precision.BF16));
    }

    /** What another layer with inputs that need a gradient adds, beside its activations. */
    private long bytesOfAParameter(Precision precision) {
        int units = 1 << 10;
        int batch = 1;
        long few = bytes(precision, List.of(units, units, units), batch);
        long more = bytes(precision, List.of(units, units, units, units), batch);
        return Math.floorDiv(more - few, units * (long) units);
    }

    private long bytes(Precision precision, List<Integer> widths, int batch) {
        return StepFloor.of(device.ops().dense().at(precision), new int[batch], widths, Activation.RELU,
            new StepFloor.LossRows("cross_entropy", 1, true), Optimizers.adam().rule()).launches().stream()
            .mapToLong(StepFloor.Launch::bytes).sum();
    }

    /**
     * No conflicts, but on tensor cores where rows of dZ are no multiple of 16 bytes, as those of ten classes: they are copied
     * value by value.
     *
     * @param last number of the launch that begins the backward pass
     */
    private static void expectBanks(Precision precision, List<KernelProfile> step, int last) {
        for (int i = 0; i < step.size(); i++) {
            KernelProfile.SharedRequests shared = step.get(i).shared();
            double allowed = precision != Precision.FLOAT32 && i == last ? 1.5 : 1;
            assertTrue(shared.wavefronts() <= allowed * shared.idealWavefronts(), step.get(i).kernel() + ": " + shared);
        }
    }

    /** What is no product: everything once, in full sectors. */
    private static void expectStreams(StepFloor floor, List<KernelProfile> step) {
        for (int i = 0; i < step.size(); i++) {
            KernelProfile launch = step.get(i);
            if (floor.launches().get(i).flops() == 0) {
                double ratio = (double) launch.bytes() / floor.launches().get(i).bytes();
                assertTrue(ratio >= 1 && ratio <= 1.02, ratio + " of the floor: " + launch);
                assertEquals(launch.loads().idealSectors(), launch.loads().sectors(), "sectors of loads: " + launch);
                assertEquals(launch.stores().idealSectors(), launch.stores().sectors(), "sectors of stores: " + launch);
            }
        }
    }

    private static Dataset rows(int count) {
        SplittableRandom draws = new SplittableRandom(1);
        float[] features = new float[count * INPUTS];
        for (int i = 0; i < features.length; i++) {
            features[i] = (float) draws.nextDouble();
        }
        return Dataset.classification("random", names("feature ", INPUTS), features, "class",
            draws.ints(count, 0, CLASSES).toArray(), names("class ", CLASSES));
    }

    private static List<String> names(String prefix, int count) {
        return IntStream.range(0, count).mapToObj(i -> prefix + i).toList();
    }
}
