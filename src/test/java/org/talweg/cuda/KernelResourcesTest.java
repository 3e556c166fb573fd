package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** What the assembler said of each kernel when the build compiled it. */
class KernelResourcesTest {
    private static final int ARCHITECTURES = 7;
    private static final Pattern ENTRY = Pattern.compile("\\.visible \\.entry (\\w+)\\((?:[^{]*?\\.maxntid (\\d+))?");

    private static final List<String> SHOWN = List.of("sm_75", "sm_80", "sm_90", "sm_120");
    private static final Path DOCS = Path.of("docs/kernels.md");
    private static final String BEGIN = "<!-- resources -->\n";
    private static final String END = "<!-- end -->";

    /** Rows of architecture, kernel, registers, shared bytes, spilled bytes. */
    private static List<String[]> resources() throws IOException {
        try (InputStream in = KernelImages.class.getResourceAsStream("kernels/resources.tsv")) {
            Assumptions.assumeTrue(in != null || "true".equals(System.getenv("CI")), "the kernels were not compiled");
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().skip(1)
                .map(line -> line.split("\t")).toList();
        }
    }

    /** Names of all. */
    static List<String> kernels() throws IOException {
        return resources().stream().map(row -> row[1]).distinct().toList();
    }

    @Test
    void noKernelSpillsRegisters() throws IOException {
        List<String[]> rows = resources();
        assertEquals(ARCHITECTURES, rows.stream().map(row -> row[0]).distinct().count());
        assertTrue(rows.stream().anyMatch(row -> row[1].equals("dense_forward_128")), "dense_forward_128");
        assertEquals(List.of(), rows.stream().filter(row -> !row[4].equals("0"))
            .map(row -> row[1] + " on " + row[0] + " spills " + row[4] + " bytes").toList());
    }

    /** docs/kernels.md: 16 warps of the float32 products, of the smallest tiles 14 where there is little shared memory. */
    @Test
    void matrixProductsLeaveRoomForTheirWarps() throws IOException {
        Pattern product = Pattern.compile("dense_(forward|backward)_(\\d+)(?:_\\d+)?");
        int checked = 0;
        for (String[] row : resources()) {
            Matcher kernel = product.matcher(row[1]);
            if (!kernel.matches()) {
                continue;
            }
            int tile = Integer.parseInt(kernel.group(2));
            int warps = tile == 32 && List.of("sm_86", "sm_89", "sm_120").contains(row[0]) ? 14 : 16;
            assertTrue(residentWarps(row, 2 * tile) >= warps, row[1] + " on " + row[0] + ": " + row[2] + " registers, "
                + row[3] + " bytes of shared memory");
            checked++;
        }
        assertEquals(9 * ARCHITECTURES, checked);
    }

    private static int residentWarps(String[] row, int threads) {
        return Multiprocessor.of(row[0]).residentWarps(threads, Integer.parseInt(row[2]), Integer.parseInt(row[3]));
    }

    /** Of a block: the kernel's launch bounds, or, where it has none, what the host launches all of those with. */
    private static Map<String, Integer> threads() throws IOException {
        Map<String, Integer> threads = new HashMap<>();
        try (DirectoryStream<Path> sources = Files.newDirectoryStream(Path.of("kernels"), "*.cu")) {
            for (Path source : sources) {
                String image = source.getFileName().toString().replace(".cu", ".ptx");
                try (InputStream in = KernelImages.class.getResourceAsStream("kernels/" + image)) {
                    ENTRY.matcher(new String(in.readAllBytes(), StandardCharsets.UTF_8)).results().forEach(entry ->
                        threads.put(entry.group(1), entry.group(2) == null ? CudaElementwise.BLOCK
                            : Integer.valueOf(entry.group(2))));
                }
            }
        }
        return threads;
    }

    @Test
    void theDocumentedTableIsTheAssemblers() throws IOException {
        String text = Files.readString(DOCS);
        int begin = text.indexOf(BEGIN) + BEGIN.length();
        int end = text.indexOf(END);
        String table = table(resources(), threads());
        if ("write".equals(System.getProperty("talweg.docs"))) {
            Files.writeString(DOCS, text.substring(0, begin) + table + text.substring(end));
            return;
        }
        assertEquals(table, text.substring(begin, end),
            "docs/kernels.md is behind the kernels; run mvn test -Dtest=KernelResourcesTest -Dtalweg.docs=write");
    }

    private static String table(List<String[]> rows, Map<String, Integer> threads) {
        Map<String, Map<String, String[]>> kernels = new TreeMap<>();
        rows.forEach(row -> kernels.computeIfAbsent(row[1], name -> new HashMap<>()).put(row[0], row));
        StringBuilder table = new StringBuilder("| kernel | threads | " + String.join(" | ", SHOWN) + " | shared |\n|---|---"
            + "|---".repeat(SHOWN.size() + 1) + "|\n");
        kernels.forEach((kernel, byArchitecture) -> {
            int ofBlock = threads.get(kernel);
            table.append("| `").append(kernel).append("` | ").append(ofBlock).append(" |");
            for (String architecture : SHOWN) {
                String[] row = byArchitecture.get(architecture);
                table.append(row == null ? " |" : " " + row[2] + " · " + residentWarps(row, ofBlock) + " |");
            }
            table.append(' ').append(byArchitecture.get("sm_80")[3]).append(" |\n");
        });
        return table.toString();
    }
}
