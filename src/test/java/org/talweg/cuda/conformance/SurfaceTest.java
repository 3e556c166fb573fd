package org.talweg.cuda.conformance;

import static jcuda.driver.CUarray_format.CU_AD_FORMAT_UNSIGNED_INT16;
import static jcuda.driver.CUarray_format.CU_AD_FORMAT_UNSIGNED_INT32;
import static jcuda.driver.CUarray_format.CU_AD_FORMAT_UNSIGNED_INT8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.cuda.conformance.Images.*;

import java.nio.ByteBuffer;
import java.util.SplittableRandom;
import jcuda.driver.CUarray;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code suld.b} and {@code sust.b}. */
class SurfaceTest {
    private static final int WIDTH = 32;
    private static final int HEIGHT = 3;
    private static final int PLANES = 2;
    private final SplittableRandom random = new SplittableRandom(11);
    private Images images;

    @BeforeEach
    void open() {
        images = new Images();
    }

    @AfterEach
    void close() {
        images.close();
    }

    private ByteBuffer bytes(int count) {
        ByteBuffer bytes = buffer(count);
        for (int i = 0; i < count; i++) {
            bytes.put(i, (byte) random.nextInt());
        }
        return bytes;
    }

    private static int[] input(long... handles) {
        int[] in = new int[32 * 2 * handles.length];
        for (int i = 0; i < 32; i++) {
            for (int h = 0; h < handles.length; h++) {
                in[(i * handles.length + h) * 2] = (int) handles[h];
                in[(i * handles.length + h) * 2 + 1] = (int) (handles[h] >>> 32);
            }
        }
        return in;
    }

    /** Each lane copies an element; the order of lanes is turned round. */
    @ParameterizedTest
    @CsvSource({"8, 1", "8, 2", "8, 4", "16, 1", "16, 2", "16, 4", "32, 1", "32, 2", "32, 4", "64, 1", "64, 2"})
    void elementsOfEverySize(int bits, int vector) {
        int format = bits == 8 ? CU_AD_FORMAT_UNSIGNED_INT8 : bits == 16 ? CU_AD_FORMAT_UNSIGNED_INT16 : CU_AD_FORMAT_UNSIGNED_INT32;
        int channels = bits == 64 ? 2 * vector : vector;
        int size = bits / 8 * vector;
        ByteBuffer contents = bytes(WIDTH * size);
        CUarray from = images.array(shape(WIDTH, 0, 0, format, channels, SURFACE), size, contents);
        CUarray to = images.array(shape(WIDTH, 0, 0, format, channels, SURFACE), size, null);
        String registers = bits == 8 ? "b16" : "b" + bits;
        String list = "{" + String.join(", ", java.util.List.of("%v0", "%v1", "%v2", "%v3").subList(0, vector)) + "}";
        String type = (vector == 1 ? "" : ".v" + vector) + ".b" + bits;
        Ptx.kernel("""
            .reg .b64 %%s, %%t; .reg .b32 %%x, %%y; .reg .%s %%v<4>;
            ld.global.v2.b64 {%%s, %%t}, [%%src];
            mul.lo.u32 %%x, %%lane, %d; sub.u32 %%y, 31, %%lane; mul.lo.u32 %%y, %%y, %d;
            suld.b.1d%s.trap %s, [%%s, {%%x}];
            sust.b.1d%s.trap [%%t, {%%y}], %s;
            """.formatted(registers, size, size, type, list, type, list)).run(input(images.surface(from), images.surface(to)), 1);
        ByteBuffer copied = contents(to, size);
        for (int i = 0; i < WIDTH * size; i++) {
            assertEquals(contents.get((WIDTH - 1 - i / size) * size + i % size), copied.get(i), "byte " + i);
        }
    }

    private static final int[][] PLACES = {{-1, 0, 0}, {0, -1, 0}, {0, 0, -1}, {3, 1, 1}, {WIDTH, 1, 0}, {5, HEIGHT, 1}, {6, 2, PLANES}, {-100, 100, 100}};

    @ParameterizedTest
    @ValueSource(strings = {"1d", "2d", "3d", "a1d", "a2d"})
    void whatIsOutsideIsZeroOrClamped(String geometry) {
        boolean layered = geometry.startsWith("a");
        boolean rows = !geometry.contains("1d");
        boolean planes = layered || geometry.equals("3d");
        int height = rows ? HEIGHT : 1;
        int depth = planes ? PLANES : 1;
        ByteBuffer contents = bytes(WIDTH * height * depth * 4);
        CUarray array = images.array(shape(WIDTH, rows ? HEIGHT : 0, planes ? PLANES : 0, CU_AD_FORMAT_UNSIGNED_INT32, 1,
            SURFACE | (layered ? LAYERED : 0)), 4, contents);
        String at = switch (geometry) {
            case "1d" -> "{%x}";
            case "2d" -> "{%x, %y}";
            case "3d" -> "{%x, %y, %z, %z}";
            case "a1d" -> "{%z, %x}";
            default -> "{%z, %x, %y, %y}";
        };
        int[] in = new int[32 * 6];
        long surface = images.surface(array);
        for (int i = 0; i < 32; i++) {
            int[] place = PLACES[i % PLACES.length];
            in[6 * i] = (int) surface;
            in[6 * i + 1] = (int) (surface >>> 32);
            in[6 * i + 2] = 4 * place[0];
            in[6 * i + 3] = place[1];
            in[6 * i + 4] = place[2];
        }
        String begin = """
            .reg .b64 %s; .reg .b32 %x, %y, %z, %a, %b;
            ld.global.b64 %s, [%src]; ld.global.v2.b32 {%x, %y}, [%src+8]; ld.global.b32 %z, [%src+16];
            """;
        int[] out = Ptx.kernel(begin + """
            suld.b.%1$s.b32.zero {%%a}, [%%s, %2$s];
            suld.b.%1$s.b32.clamp {%%b}, [%%s, %2$s];
            st.global.v2.b32 [%%dst], {%%a, %%b};
            """.formatted(geometry, at)).run(in, 2);
        for (int i = 0; i < 32; i++) {
            int[] p = PLACES[i % PLACES.length];
            int x = Math.max(0, Math.min(WIDTH - 1, p[0]));
            int y = rows ? Math.max(0, Math.min(HEIGHT - 1, p[1])) : 0;
            // A layer is unsigned.
            int z = !planes ? 0 : layered && p[2] < 0 ? PLANES - 1 : Math.max(0, Math.min(PLANES - 1, p[2]));
            boolean inside = x == p[0] && (!rows || y == p[1]) && (!planes || z == p[2]);
            int value = contents.getInt(4 * ((z * height + y) * WIDTH + x));
            assertEquals(inside ? value : 0, out[2 * i], "zero, place " + i);
            assertEquals(value, out[2 * i + 1], "clamped, place " + i);
        }
        // Stores: outside nothing happens, or the nearest element is written.
        Ptx.kernel(begin + "sust.b.%s.b32.zero [%%s, %s], {77};".formatted(geometry, at)).run(in, 1);
        ByteBuffer after = contents(array, 4);
        for (int z = 0; z < depth; z++) {
            for (int y = 0; y < height; y++) {
                for (int x = 0; x < WIDTH; x++) {
                    int[] at3 = {x, y, z};
                    boolean written = java.util.Arrays.stream(PLACES).anyMatch(p -> p[0] == at3[0] && (!rows || p[1] == at3[1]) && (!planes || p[2] == at3[2]));
                    int index = 4 * ((z * height + y) * WIDTH + x);
                    assertEquals(written ? 77 : contents.getInt(index), after.getInt(index), "element " + x + ", " + y + ", " + z);
                }
            }
        }
        Ptx.kernel(begin + "sust.b.%s.b32.clamp [%%s, %s], {78};".formatted(geometry, at)).run(in, 1);
        assertEquals(78, contents(array, 4).getInt(0));
    }

    @Test
    void facesOfACubeAreLayers() {
        ByteBuffer contents = bytes(4 * 4 * 6);
        CUarray array = images.array(shape(2, 2, 6, CU_AD_FORMAT_UNSIGNED_INT32, 1, SURFACE | CUBE), 4, contents);
        int[] out = Ptx.kernel("""
            .reg .b64 %s; .reg .b32 %l, %a; ld.global.b64 %s, [%src]; rem.u32 %l, %lane, 6;
            suld.b.a2d.b32.trap {%a}, [%s, {%l, 4, 1, 1}]; st.global.b32 [%dst], %a;
            """).run(input(images.surface(array)), 1);
        for (int i = 0; i < 32; i++) {
            assertEquals(contents.getInt(16 * (i % 6) + 12), out[i]);
        }
    }

    @ParameterizedTest
    @CsvSource({"'suld.b.1d.b32.trap {%a}, [%s, {%x}];', 128, 700, 'surface access of 4 bytes at byte 128 of row 0 of plane 0: the surface has 1 planes of 1 rows of 128 bytes'",
        "'sust.b.1d.b32.trap [%s, {%x}], {%a};', -4, 700, at byte -4 of row 0", "'suld.b.1d.b32.clamp {%a}, [%s, {%x}];', 2, 716, not a multiple of 4",
        "'suld.b.2d.b32.trap {%a}, [%s, {%x, %x}];', 0, 700, access as '.2d' of a surface object that is '.1d'"})
    void trapsAreErrors(String instruction, int x, int error, String expected) {
        CUarray array = images.array(shape(WIDTH, 0, 0, CU_AD_FORMAT_UNSIGNED_INT32, 1, SURFACE), 4, bytes(4 * WIDTH));
        String report = Ptx.kernel(".reg .b64 %s; .reg .b32 %x, %a; ld.global.b64 %s, [%src]; mov.b32 %x, " + x + "; mov.b32 %a, 0;" + instruction)
            .fails(error == 700 ? CUresult.CUDA_ERROR_ILLEGAL_ADDRESS : CUresult.CUDA_ERROR_MISALIGNED_ADDRESS, input(images.surface(array)), 1);
        images.lost();
        assertTrue(report.contains(expected), report);
    }
}
