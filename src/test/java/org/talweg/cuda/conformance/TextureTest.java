package org.talweg.cuda.conformance;

import static jcuda.driver.CUarray_format.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.cuda.conformance.Images.*;

import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import jcuda.driver.CUDA_RESOURCE_DESC;
import jcuda.driver.CUDA_RESOURCE_VIEW_DESC;
import jcuda.driver.CUDA_TEXTURE_DESC;
import jcuda.driver.CUarray;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUmipmappedArray;
import jcuda.driver.CUresourcetype;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code tex} and {@code tld4} beside the formulas of the CUDA C++ Programming Guide, "Texture Fetching". */
class TextureTest {
    private static final int THREADS = 32;
    private final SplittableRandom random = new SplittableRandom(7);
    private Images images;

    @BeforeEach
    void open() {
        images = new Images();
    }

    @AfterEach
    void close() {
        images.close();
    }

    /** Four words of each fetch; `each` holds the words of its operands, the first being %r0 or %f0. */
    private static int[] fetch(long handle, String instruction, int[][] each) {
        int operands = each[0].length;
        StringBuilder body = new StringBuilder("""
            .reg .b64 %t; .reg .b32 %r<10>; .reg .f32 %f<10>; .reg .b32 %o<4>; .reg .f32 %g<4>; .reg .pred %p;
            ld.global.b64 %t, [%src];
            """);
        for (int i = 0; i < operands; i++) {
            body.append("ld.global.b32 %r").append(i).append(", [%src+").append(8 + 4 * i).append("];\n")
                .append("mov.b32 %f").append(i).append(", %r").append(i).append(";\n");
        }
        body.append(instruction).append('\n');
        if (instruction.contains("%g0")) {
            for (int i = 0; i < 4; i++) {
                body.append("mov.b32 %o").append(i).append(", %g").append(i).append(";\n");
            }
        }
        body.append("st.global.v4.b32 [%dst], {%o0, %o1, %o2, %o3};");
        int blocks = (each.length + THREADS - 1) / THREADS;
        int words = (operands + 3) / 2 * 2;
        int[] in = new int[blocks * THREADS * words];
        for (int i = 0; i < blocks * THREADS; i++) {
            in[i * words] = (int) handle;
            in[i * words + 1] = (int) (handle >>> 32);
            System.arraycopy(each[Math.min(i, each.length - 1)], 0, in, i * words + 2, operands);
        }
        return Ptx.kernel(body.toString()).launch(blocks, THREADS).run(in, 4);
    }

    private static int[] bits(float... values) {
        int[] bits = new int[values.length];
        for (int i = 0; i < values.length; i++) {
            bits[i] = Float.floatToRawIntBits(values[i]);
        }
        return bits;
    }

    private static void same(float expected, int bits, String where) {
        assertEquals(Float.floatToRawIntBits(expected), bits, () -> where + ": " + expected + " and " + Float.intBitsToFloat(bits));
    }

    private float[] values(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextInt(-(1 << 15), 1 << 15) / 4096f;  // few bits, so that sums are exact in double
        }
        return values;
    }

    record Kind(int format, int bytes, boolean signed) {
    }

    static Stream<Kind> integers() {
        return Stream.of(new Kind(CU_AD_FORMAT_UNSIGNED_INT8, 1, false), new Kind(CU_AD_FORMAT_SIGNED_INT8, 1, true),
            new Kind(CU_AD_FORMAT_UNSIGNED_INT16, 2, false), new Kind(CU_AD_FORMAT_SIGNED_INT16, 2, true),
            new Kind(CU_AD_FORMAT_UNSIGNED_INT32, 4, false), new Kind(CU_AD_FORMAT_SIGNED_INT32, 4, true));
    }

    private ByteBuffer bytes(int count) {
        ByteBuffer bytes = buffer(count);
        for (int i = 0; i < count; i++) {
            bytes.put(i, (byte) random.nextInt());
        }
        return bytes;
    }

    private static int integer(ByteBuffer bytes, int at, Kind kind) {
        return switch (kind.bytes) {
            case 1 -> kind.signed ? bytes.get(at) : bytes.get(at) & 0xff;
            case 2 -> kind.signed ? bytes.getShort(at) : bytes.getShort(at) & 0xffff;
            default -> bytes.getInt(at);
        };
    }

    @ParameterizedTest
    @MethodSource("integers")
    void integersOfPlainMemory(Kind kind) {
        for (int channels : new int[] {1, 2, 4}) {
            int size = kind.bytes * channels;
            ByteBuffer contents = bytes(THREADS * size);
            CUdeviceptr memory = images.memory(contents);
            long texture = images.texture(linear(memory, contents.capacity(), kind.format, channels), sampler(CLAMP, false, AS_INTEGER));
            int[][] each = new int[THREADS][];
            for (int i = 0; i < THREADS; i++) {
                each[i] = new int[] {i * 7 % THREADS};
            }
            String type = kind.signed ? "s32" : "u32";
            int[] out = fetch(texture, "tex.1d.v4." + type + ".s32 {%o0, %o1, %o2, %o3}, [%t, {%r0}];", each);
            for (int i = 0; i < THREADS; i++) {
                for (int c = 0; c < 4; c++) {
                    int expected = c < channels ? integer(contents, each[i][0] * size + c * kind.bytes, kind) : c == 3 ? 1 : 0;
                    assertEquals(expected, out[4 * i + c], kind + ", channel " + c);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("integers")
    void integersAsFractions(Kind kind) {
        if (kind.bytes == 4) {
            return;  // never made fractions
        }
        int count = kind.bytes == 1 ? 256 : 4096;
        ByteBuffer contents = buffer(count * kind.bytes);
        for (int i = 0; i < count; i++) {
            if (kind.bytes == 1) {
                contents.put(i, (byte) i);
            } else {
                contents.putShort(2 * i, (short) (i * 16 + i / 256));
            }
        }
        long texture = images.texture(linear(images.memory(contents), contents.capacity(), kind.format, 1), sampler(CLAMP, false, 0));
        int[][] each = new int[count][];
        for (int i = 0; i < count; i++) {
            each[i] = new int[] {i};
        }
        int[] out = fetch(texture, "tex.1d.v4.f32.s32 {%g0, %g1, %g2, %g3}, [%t, {%r0}];", each);
        int most = (1 << (8 * kind.bytes - (kind.signed ? 1 : 0))) - 1;
        for (int i = 0; i < count; i++) {
            int value = integer(contents, i * kind.bytes, kind);
            BigDecimal exact = new BigDecimal(value).divide(new BigDecimal(most), new MathContext(60)).max(new BigDecimal(-1));
            same(value == 0 ? 0 : exact.floatValue(), out[4 * i], kind + " " + value);
            same(1, out[4 * i + 3], "alpha");
        }
    }

    @Test
    void halvesAndFloats() {
        int count = 4096;
        ByteBuffer halves = buffer(2 * count);
        ByteBuffer wide = bytes(16 * THREADS);
        int[][] each = new int[count][];
        for (int i = 0; i < count; i++) {
            halves.putShort(2 * i, (short) (i * 16 + 5));
            each[i] = new int[] {i};
        }
        long texture = images.texture(linear(images.memory(halves), 2L * count, CU_AD_FORMAT_HALF, 1), sampler(CLAMP, false, 0));
        int[] out = fetch(texture, "tex.1d.v4.f32.s32 {%g0, %g1, %g2, %g3}, [%t, {%r0}];", each);
        for (int i = 0; i < count; i++) {
            int half = halves.getShort(2 * i) & 0xffff;
            int exponent = half >> 10 & 31;
            if (exponent == 31) {
                assertTrue((half & 0x3ff) == 0 ? Float.isInfinite(Float.intBitsToFloat(out[4 * i])) : Float.isNaN(Float.intBitsToFloat(out[4 * i])));
                continue;
            }
            double magnitude = exponent == 0 ? (half & 0x3ff) * 0x1p-24 : (1024 + (half & 0x3ff)) * Math.scalb(1.0, exponent - 25);
            same((float) ((half & 0x8000) != 0 ? -magnitude : magnitude), out[4 * i], "half " + half);
        }
        int[][] few = new int[THREADS][];
        for (int i = 0; i < THREADS; i++) {
            few[i] = new int[] {i};
        }
        long floats = images.texture(linear(images.memory(wide), wide.capacity(), CU_AD_FORMAT_FLOAT, 4), sampler(CLAMP, false, 0));
        out = fetch(floats, "tex.1d.v4.f32.s32 {%g0, %g1, %g2, %g3}, [%t, {%r0}];", few);
        for (int i = 0; i < 4 * THREADS; i++) {
            assertEquals(wide.getInt(4 * i), out[i]);
        }
    }

    @Test
    void coloursOfTheStandardRgbSpace() {
        ByteBuffer contents = buffer(4 * 256);
        int[][] each = new int[256][];
        for (int i = 0; i < 256; i++) {
            contents.putInt(4 * i, i * 0x01010101);
            each[i] = bits(i + 0.5f);
        }
        CUarray array = images.array(shape(256, 0, 0, CU_AD_FORMAT_UNSIGNED_INT8, 4, 0), 4, contents);
        long texture = images.texture(of(array), sampler(CLAMP, false, SRGB));
        int[] out = fetch(texture, "tex.1d.v4.f32.f32 {%g0, %g1, %g2, %g3}, [%t, {%f0}];", each);
        for (int i = 0; i < 256; i++) {
            double encoded = i / 255.0;
            double expected = encoded <= 0.04045 ? encoded / 12.92 : Math.pow((encoded + 0.055) / 1.055, 2.4);
            assertEquals(expected, Float.intBitsToFloat(out[4 * i + 1]), Math.ulp((float) expected));
            same(i / 255f, out[4 * i + 3], "alpha is not encoded");
        }
    }

    /** Elements and weights of one coordinate. */
    private record Axis(int first, int second, double weight) {
    }

    private static int element(long index, int size, int mode, boolean normalized) {
        if (mode == BORDER && (index < 0 || index >= size)) {
            return -1;
        }
        if (mode == WRAP && normalized) {
            return (int) Math.floorMod(index, (long) size);
        }
        return (int) Math.max(0, Math.min(size - 1, index));
    }

    private static Axis axis(float coordinate, int size, int mode, boolean normalized, boolean linear) {
        float x = coordinate;
        if (normalized) {
            float whole = (float) Math.floor(x);
            if (mode == WRAP) {
                x = x - whole;
            } else if (mode == MIRROR) {
                x = Math.floorMod((long) whole, 2L) == 0 ? x - whole : 1 - (x - whole);
            }
            x *= size;
        }
        if (!linear) {
            int one = element((long) Math.floor(x), size, mode, normalized);
            return new Axis(one, one, 0);
        }
        // Guide: "stored in 9-bit fixed point format with 8 bits of fractional value".
        BigDecimal fixed = new BigDecimal(x - 0.5f).multiply(new BigDecimal(256)).add(new BigDecimal("0.5"))
            .setScale(0, java.math.RoundingMode.FLOOR);
        long units = fixed.longValueExact();
        long first = Math.floorDiv(units, 256L);
        return new Axis(element(first, size, mode, normalized), element(first + 1, size, mode, normalized),
            Math.floorMod(units, 256L) / 256.0);
    }

    private interface Elements {
        float at(int x, int y, int z);
    }

    private static BigDecimal blend(Axis x, Axis y, Axis z, Elements elements) {
        BigDecimal sum = BigDecimal.ZERO;
        for (int k = 0; k < 8; k++) {
            double weight = ((k & 1) != 0 ? x.weight : 1 - x.weight) * ((k & 2) != 0 ? y.weight : 1 - y.weight)
                * ((k & 4) != 0 ? z.weight : 1 - z.weight);
            if (weight == 0) {
                continue;
            }
            int i = (k & 1) != 0 ? x.second : x.first;
            int j = (k & 2) != 0 ? y.second : y.first;
            int l = (k & 4) != 0 ? z.second : z.first;
            float value = i < 0 || j < 0 || l < 0 ? 0.5f : elements.at(i, j, l);  // the sampler's border
            sum = sum.add(new BigDecimal(weight).multiply(new BigDecimal(value)));
        }
        return sum;
    }

    private float coordinate(int size, boolean normalized) {
        float x = (float) random.nextDouble(-2.0 * size, 3.0 * size);
        if (random.nextInt(4) == 0) {
            x = random.nextInt(-size, 2 * size) + random.nextInt(4) / 4f;  // edges and middles
        }
        return normalized ? x / size : x;
    }

    private static final Axis NONE = new Axis(0, 0, 0);

    @ParameterizedTest
    @CsvSource({"0, false, 2", "0, true, 2", "1, false, 2", "1, true, 2", "2, false, 2", "2, true, 2", "3, false, 2", "3, true, 2",
        "1, false, 0", "1, true, 0", "3, false, 0", "3, true, 0"})
    void everyDimensionModeAndFilter(int mode, boolean linear, int flags) {
        boolean normalized = flags == NORMALIZED;
        int width = 13;
        int height = 6;
        int depth = 5;
        float[] values = values(width * height * depth);
        Elements elements = (x, y, z) -> values[(z * height + y) * width + x];
        for (int dimensions = 1; dimensions <= 3; dimensions++) {
            CUarray array = images.array(shape(width, dimensions > 1 ? height : 0, dimensions > 2 ? depth : 0, CU_AD_FORMAT_FLOAT, 1, 0),
                4, floats(values));
            long texture = images.texture(of(array), sampler(mode, linear, flags));
            float[][] at = new float[256][];
            int[][] each = new int[256][];
            for (int i = 0; i < 256; i++) {
                at[i] = new float[] {coordinate(width, normalized), coordinate(height, normalized), coordinate(depth, normalized)};
                each[i] = bits(at[i]);
            }
            String coordinates = dimensions == 1 ? "%f0" : dimensions == 2 ? "%f0, %f1" : "%f0, %f1, %f2, %f2";
            int[] out = fetch(texture, "tex." + dimensions + "d.v4.f32.f32 {%g0, %g1, %g2, %g3}, [%t, {" + coordinates + "}];", each);
            for (int i = 0; i < 256; i++) {
                Axis x = axis(at[i][0], width, mode, normalized, linear);
                Axis y = dimensions > 1 ? axis(at[i][1], height, mode, normalized, linear) : NONE;
                Axis z = dimensions > 2 ? axis(at[i][2], depth, mode, normalized, linear) : NONE;
                same(blend(x, y, z, elements).floatValue(), out[4 * i], dimensions + "d at " + List.of(at[i][0], at[i][1], at[i][2]));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void layersAreNeverBlended(boolean linear) {
        int width = 9;
        int height = 4;
        int layers = 3;
        float[] values = values(width * height * layers);
        for (int dimensions = 1; dimensions <= 2; dimensions++) {
            int rows = dimensions == 1 ? 1 : height;
            CUarray array = images.array(shape(width, dimensions == 1 ? 0 : height, layers, CU_AD_FORMAT_FLOAT, 1, LAYERED), 4,
                floats(java.util.Arrays.copyOf(values, width * rows * layers)));
            long texture = images.texture(of(array), sampler(CLAMP, linear, 0));
            int[][] each = new int[64][];
            float[][] at = new float[64][];
            for (int i = 0; i < 64; i++) {
                at[i] = new float[] {coordinate(width, false), coordinate(height, false)};
                each[i] = new int[] {random.nextInt(layers + 2), Float.floatToRawIntBits(at[i][0]), Float.floatToRawIntBits(at[i][1])};
            }
            int[] out = fetch(texture, dimensions == 1 ? "tex.a1d.v4.f32.f32 {%g0, %g1, %g2, %g3}, [%t, {%r0, %f1}];"
                : "tex.a2d.v4.f32.f32 {%g0, %g1, %g2, %g3}, [%t, {%r0, %f1, %f2, %f2}];", each);
            for (int i = 0; i < 64; i++) {
                int layer = Math.min(each[i][0], layers - 1);
                Axis y = dimensions == 1 ? NONE : axis(at[i][1], height, CLAMP, false, linear);
                same(blend(axis(at[i][0], width, CLAMP, false, linear), y, NONE, (a, b, c) -> values[(layer * rows + b) * width + a])
                    .floatValue(), out[4 * i], dimensions + "d, layer " + layer);
            }
        }
    }

    /** Guide, "Cubemap Textures": face, and coordinates s and t on it before they are divided by m. */
    private static float[] face(float x, float y, float z) {
        float ax = Math.abs(x);
        float ay = Math.abs(y);
        float az = Math.abs(z);
        if (ax > ay && ax > az) {
            return x >= 0 ? new float[] {0, x, -z, -y} : new float[] {1, -x, z, -y};
        }
        if (ay > az) {
            return y >= 0 ? new float[] {2, y, x, z} : new float[] {3, -y, x, -z};
        }
        return z >= 0 ? new float[] {4, z, x, -y} : new float[] {5, -z, -x, -y};
    }

    @ParameterizedTest
    @CsvSource({"false, false", "true, false", "false, true", "true, true"})
    void facesOfCubes(boolean layered, boolean linear) {
        int side = 5;
        int cubes = layered ? 2 : 1;
        float[] values = values(side * side * 6 * cubes);
        CUarray array = images.array(shape(side, side, 6 * cubes, CU_AD_FORMAT_FLOAT, 1, CUBE | (layered ? LAYERED : 0)), 4, floats(values));
        long texture = images.texture(of(array), sampler(CLAMP, linear, NORMALIZED));
        int[][] each = new int[256][];
        float[][] at = new float[256][];
        for (int i = 0; i < 256; i++) {
            at[i] = new float[] {(float) random.nextDouble(-2, 2), (float) random.nextDouble(-2, 2), (float) random.nextDouble(-2, 2)};
            each[i] = new int[] {i % cubes, Float.floatToRawIntBits(at[i][0]), Float.floatToRawIntBits(at[i][1]),
                Float.floatToRawIntBits(at[i][2])};
        }
        int[] out = fetch(texture, layered ? "tex.acube.v4.f32.f32 {%g0, %g1, %g2, %g3}, [%t, {%r0, %f1, %f2, %f3}];"
            : "tex.cube.v4.f32.f32 {%g0, %g1, %g2, %g3}, [%t, {%f1, %f2, %f3, %f3}];", each);
        for (int i = 0; i < 256; i++) {
            float[] face = face(at[i][0], at[i][1], at[i][2]);
            int plane = 6 * (i % cubes) + (int) face[0];
            Axis s = axis((face[2] / face[1] + 1) / 2, side, CLAMP, true, linear);
            Axis t = axis((face[3] / face[1] + 1) / 2, side, CLAMP, true, linear);
            same(blend(s, t, NONE, (a, b, c) -> values[(plane * side + b) * side + a]).floatValue(), out[4 * i], "face " + face[0]);
        }
    }

    @ParameterizedTest
    @CsvSource({"false, false", "true, false", "false, true", "true, true"})
    void levelsOfDetail(boolean linear, boolean between) {
        List<float[]> levels = new ArrayList<>();
        List<ByteBuffer> contents = new ArrayList<>();
        int side = 16;
        for (int size = side; size > 0; size /= 2) {
            levels.add(values(size * size));
            contents.add(floats(levels.get(levels.size() - 1)));
        }
        CUmipmappedArray array = images.mipmapped(shape(side, side, 0, CU_AD_FORMAT_FLOAT, 1, 0), 4, contents);
        CUDA_TEXTURE_DESC sampler = sampler(WRAP, linear, NORMALIZED);
        sampler.mipmapFilterMode = between ? 1 : 0;
        sampler.mipmapLevelBias = 0.25f;
        sampler.minMipmapLevelClamp = 0.5f;
        sampler.maxMipmapLevelClamp = 3.25f;
        long texture = images.texture(of(array), sampler);
        int[][] each = new int[128][];
        float[][] at = new float[128][];
        for (int i = 0; i < 128; i++) {
            float detail = random.nextInt(-64, 64 * 5) / 64f;
            at[i] = new float[] {coordinate(side, true), coordinate(side, true), detail, (float) (Math.pow(2, detail) / side)};
            each[i] = bits(at[i][0], at[i][1], at[i][2], at[i][3], 0);
        }
        int[] out = fetch(texture, "tex.level.2d.v4.f32.f32 {%g0, %g1, %g2, %g3}, [%t, {%f0, %f1}], %f2;", each);
        int[] base = fetch(texture, "tex.base.2d.v4.f32.f32 {%g0, %g1, %g2, %g3}, [%t, {%f0, %f1}];", each);
        for (int i = 0; i < 128; i++) {
            same(level(levels, side, at[i], at[i][2], linear, between), out[4 * i], "level " + at[i][2]);
            same(level(levels, side, at[i], 0, linear, between), base[4 * i], "base");
        }
        // Gradients along an axis: a power of two apart, the level is exact.
        for (int i = 0; i < 128; i++) {
            int whole = random.nextInt(5);
            each[i] = bits(at[i][0], at[i][1], (1 << whole) / (float) side, 0, 0.001f);
            at[i][2] = whole;
        }
        out = fetch(texture, "tex.grad.2d.v4.f32.f32 {%g0, %g1, %g2, %g3}, [%t, {%f0, %f1}], {%f2, %f3}, {%f3, %f4};", each);
        for (int i = 0; i < 128; i++) {
            same(level(levels, side, at[i], at[i][2], linear, between), out[4 * i], "gradient of level " + at[i][2]);
        }
    }

    private static float level(List<float[]> levels, int side, float[] at, float asked, boolean linear, boolean between) {
        float detail = Math.min(Math.max(Math.min(asked + 0.25f, 3.25f), 0.5f), levels.size() - 1);
        int finer = between ? (int) Math.floor(detail) : (int) Math.floor(detail + 0.5f);
        double part = between ? Math.rint((detail - finer) * 256) / 256 : 0;  // sixteenths here, so never in the middle
        BigDecimal sum = BigDecimal.ZERO;
        for (int i = 0; i < (part == 0 ? 1 : 2); i++) {
            int size = side >> (finer + i);
            float[] values = levels.get(finer + i);
            BigDecimal one = blend(axis(at[0], size, WRAP, true, linear), axis(at[1], size, WRAP, true, linear), NONE, (x, y, z) -> values[y * size + x]);
            sum = sum.add(one.multiply(new BigDecimal(i == 0 ? 1 - part : part)));
        }
        return sum.floatValue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"1d", "3d", "a1d", "a2d", "cube", "acube"})
    void levelAndGradientOfEveryGeometry(String geometry) {
        boolean layered = geometry.startsWith("a");
        boolean cube = geometry.contains("cube");
        int dimensions = cube || geometry.contains("2d") ? 2 : geometry.contains("3d") ? 3 : 1;
        int side = 8;
        int planes = cube ? layered ? 12 : 6 : layered ? 2 : dimensions == 3 ? side : 0;
        List<ByteBuffer> contents = new ArrayList<>();
        for (int level = 0; level < 4; level++) {
            int size = side >> level;
            int count = size * (dimensions > 1 ? size : 1) * (dimensions == 3 ? size : Math.max(planes, 1));
            float[] values = new float[count];
            java.util.Arrays.fill(values, 100 * level);
            contents.add(floats(values));
        }
        CUmipmappedArray array = images.mipmapped(shape(side, dimensions > 1 ? side : 0, planes, CU_AD_FORMAT_FLOAT, 1,
            (layered ? LAYERED : 0) | (cube ? CUBE : 0)), 4, contents);
        CUDA_TEXTURE_DESC sampler = sampler(CLAMP, false, NORMALIZED);
        sampler.maxMipmapLevelClamp = 10;
        long texture = images.texture(of(array), sampler);
        int axes = cube ? 3 : dimensions;
        String coordinates = String.join(", ", List.of("%f1", "%f1", "%f2").subList(0, axes)) + (axes + (layered ? 1 : 0) == 3 ? ", %f1" : "");
        String gradient = "{" + String.join(", ", List.of("%f3", "%f4", "%f4").subList(0, axes)) + (axes == 3 ? ", %f4" : "") + "}";
        int[][] each = new int[4][];
        for (int level = 0; level < 4; level++) {
            // In a cube a step of 2 across a face of z = 1 is its whole side.
            float step = (1 << level) / (float) side * (cube ? 2 : 1);
            each[level] = new int[] {1, Float.floatToRawIntBits(0.25f), Float.floatToRawIntBits(1), Float.floatToRawIntBits(step), 0, Float.floatToRawIntBits(level)};
        }
        String operand = "{%g0, %g1, %g2, %g3}, [%t, {" + (layered ? "%r0, " : "") + coordinates + "}], ";
        int[] level = fetch(texture, "tex.level." + geometry + ".v4.f32.f32 " + operand + "%f5;", each);
        int[] steps = fetch(texture, "tex.grad." + geometry + ".v4.f32.f32 " + operand + gradient + ", " + gradient + ";", each);
        for (int i = 0; i < 4; i++) {
            same(100 * i, level[4 * i], "level");
            same(100 * i, steps[4 * i], "gradient");
        }
    }

    @ParameterizedTest
    @CsvSource({"r, 0", "g, 1", "b, 2", "a, 3"})
    void fourElementsOfOneChannel(String component, int channel) {
        int width = 7;
        int height = 5;
        float[] values = values(width * height * 4);
        CUarray array = images.array(shape(width, height, 0, CU_AD_FORMAT_FLOAT, 4, 8), 16, floats(values));
        long texture = images.texture(of(array), sampler(CLAMP, false, 0));
        int[][] each = new int[128][];
        float[][] at = new float[128][];
        for (int i = 0; i < 128; i++) {
            at[i] = new float[] {coordinate(width, false), coordinate(height, false)};
            each[i] = bits(at[i]);
        }
        at[0] = new float[] {2.49805f, 1.5f};  // the guide's example: rounds to the elements 2 and 3
        each[0] = bits(at[0]);
        int[] out = fetch(texture, "tld4." + component + ".2d.v4.f32.f32 {%g0, %g1, %g2, %g3}|%p, [%t, {%f0, %f1}];", each);
        for (int i = 0; i < 128; i++) {
            Axis x = axis(at[i][0], width, CLAMP, false, true);
            Axis y = axis(at[i][1], height, CLAMP, false, true);
            int[][] order = {{x.first, y.second}, {x.second, y.second}, {x.second, y.first}, {x.first, y.first}};
            for (int k = 0; k < 4; k++) {
                same(values[(order[k][1] * width + order[k][0]) * 4 + channel], out[4 * i + k], "element " + k);
            }
        }
        assertEquals(2, axis(2.49805f, width, CLAMP, false, true).first);
    }

    @Test
    void rowsOfPlainMemory() {
        int width = 6;
        int height = 3;
        float[] values = values(16 * height);  // 64 bytes a row
        CUDA_RESOURCE_DESC resource = new CUDA_RESOURCE_DESC();
        resource.resType = CUresourcetype.CU_RESOURCE_TYPE_PITCH2D;
        resource.pitch2D_devPtr = images.memory(floats(values));
        resource.pitch2D_format = CU_AD_FORMAT_FLOAT;
        resource.pitch2D_numChannels = 1;
        resource.pitch2D_width = width;
        resource.pitch2D_height = height;
        resource.pitch2D_pitchInBytes = 64;
        long texture = images.texture(resource, sampler(CLAMP, true, 0));
        int[][] each = new int[64][];
        float[][] at = new float[64][];
        for (int i = 0; i < 64; i++) {
            at[i] = new float[] {coordinate(width, false), coordinate(height, false)};
            each[i] = bits(at[i]);
        }
        int[] out = fetch(texture, "tex.2d.v4.f32.f32 {%g0, %g1, %g2, %g3}|%p, [%t, {%f0, %f1}];\nselp.b32 %r5, 1, 0, %p; mov.b32 %g3, %r5;", each);
        for (int i = 0; i < 64; i++) {
            same(blend(axis(at[i][0], width, CLAMP, false, true), axis(at[i][1], height, CLAMP, false, true), NONE,
                (x, y, z) -> values[16 * y + x]).floatValue(), out[4 * i], "row of plain memory");
            assertEquals(1, out[4 * i + 3], "resident");
        }
    }

    @Test
    void anotherViewOfAnArray() {
        ByteBuffer contents = bytes(4 * 8 * 4);
        CUarray array = images.array(shape(8, 0, 4, CU_AD_FORMAT_UNSIGNED_INT32, 1, LAYERED), 4, contents);
        CUDA_RESOURCE_VIEW_DESC view = new CUDA_RESOURCE_VIEW_DESC();
        view.format = 3;  // four of unsigned 8 bits
        view.width = 8;
        view.firstLayer = 1;
        view.lastLayer = 2;
        long texture = images.texture(of(array), sampler(CLAMP, false, AS_INTEGER), view);
        int[] out = fetch(texture, "tex.a1d.v4.u32.f32 {%o0, %o1, %o2, %o3}, [%t, {%r0, %f1}];",
            new int[][] {{0, Float.floatToRawIntBits(3)}, {7, Float.floatToRawIntBits(5)}});
        for (int c = 0; c < 4; c++) {
            assertEquals(contents.get((8 + 3) * 4 + c) & 0xff, out[c]);
            assertEquals(contents.get((16 + 5) * 4 + c) & 0xff, out[4 + c]);
        }
    }

    /** Handles differ from lane to lane. */
    @Test
    void eachLaneHasItsOwnTexture() {
        int[] in = new int[THREADS * 2];
        for (int i = 0; i < THREADS; i++) {
            long texture = images.texture(linear(images.memory(floats(i, 2 * i)), 8, CU_AD_FORMAT_FLOAT, 1), sampler(CLAMP, false, 0));
            in[2 * i] = (int) texture;
            in[2 * i + 1] = (int) (texture >>> 32);
        }
        int[] out = Ptx.kernel("""
            .reg .b64 %t; .reg .b32 %r; .reg .f32 %g<4>;
            ld.global.b64 %t, [%src]; mov.b32 %r, 1;
            tex.1d.v4.f32.s32 {%g0, %g1, %g2, %g3}, [%t, {%r}]; st.global.f32 [%dst], %g0;
            """).run(in, 1);
        for (int i = 0; i < THREADS; i++) {
            same(2 * i, out[i], "lane");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "tex.2d.v4.f32.f32 {%g, %g, %g, %g}, [%t];", "tex.2d.v4.f32.f32 {%g, %g, %g, %g}, [%t, {%g}];",
        "tex.2d.f32.f32 %g, [%t, {%g, %g}];", "tex.2d.v4.f32.f64 {%g, %g, %g, %g}, [%t, {%g, %g}];",
        "tex.cube.v4.f32.s32 {%g, %g, %g, %g}, [%t, {%r, %r, %r, %r}];", "tex.level.2d.v4.f32.f32 {%g, %g, %g, %g}, [%t, {%g, %g}];",
        "tex.grad.2d.v4.f32.f32 {%g, %g, %g, %g}, [%t, {%g, %g}], {%g}, {%g, %g};", "tex.2dms.v4.f32.s32 {%g, %g, %g, %g}, [%t, {%r, %r, %r, %r}];",
        "tld4.r.3d.v4.f32.f32 {%g, %g, %g, %g}, [%t, {%g, %g, %g, %g}];", "tld4.2d.v4.f32.f32 {%g, %g, %g, %g}, [%t, {%g, %g}];",
        "tex.2d.v4.f32.f32 {%g, %g, %g, %g}, [%r, {%g, %g}];", "ld.global.u32 %r, [%t, {%r}];",
        "suld.b.2d.v4.b64.trap {%t, %t, %t, %t}, [%t, {%r, %r}];", "suld.p.2d.v4.b32.trap {%r, %r, %r, %r}, [%t, {%r, %r}];",
        "sust.b.cube.b32.trap [%t, {%r, %r, %r, %r}], {%r};", "sust.b.1d.v2.b32.trap [%t, {%r}], {%r};"})
    void whatIsNoInstructionIsRefused(String instruction) {
        String report = Ptx.kernel(".reg .b64 %t; .reg .b32 %r; .reg .f32 %g;\n" + instruction).isRefused();
        assertTrue(report.contains("PTX line "), report);
    }

    @ParameterizedTest
    @CsvSource({"tex.2d.v4.f32.f32, '{%f0, %f0}', access as '.2d' of a texture object that is '.1d'",
        "tex.1d.v4.f32.s32, '{%r0}', element 1065353216 of a linear texture of 4 elements"})
    void whatDoesNotFitTheObject(String instruction, String coordinates, String expected) {
        long texture = images.texture(linear(images.memory(floats(1, 2, 3, 4)), 16, CU_AD_FORMAT_FLOAT, 1), sampler(CLAMP, false, 0));
        int[] in = new int[THREADS * 2];
        for (int i = 0; i < THREADS; i++) {
            in[2 * i] = (int) texture;
            in[2 * i + 1] = (int) (texture >>> 32);
        }
        String report = Ptx.kernel("""
            .reg .b64 %%t; .reg .b32 %%r0; .reg .f32 %%f0, %%g<4>;
            ld.global.b64 %%t, [%%src]; mov.b32 %%r0, 1065353216; mov.b32 %%f0, %%r0;
            %s {%%g0, %%g1, %%g2, %%g3}, [%%t, %s];
            """.formatted(instruction, coordinates)).fails(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, in, 1);
        images.lost();
        assertTrue(report.contains(expected), report);
    }
}
