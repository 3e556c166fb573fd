package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** What the assembler said of each kernel when the build compiled it. */
class KernelResourcesTest {
    private static final int ARCHITECTURES = 7;

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

    @Test
    void noKernelSpillsRegisters() throws IOException {
        List<String[]> rows = resources();
        assertEquals(ARCHITECTURES, rows.stream().map(row -> row[0]).distinct().count());
        assertTrue(rows.stream().anyMatch(row -> row[1].equals("dense_forward_128")), "dense_forward_128");
        assertEquals(List.of(), rows.stream().filter(row -> !row[4].equals("0"))
            .map(row -> row[1] + " on " + row[0] + " spills " + row[4] + " bytes").toList());
    }

    @Test
    void theDocumentedTableIsTheAssemblers() throws IOException {
        String text = Files.readString(DOCS);
        int begin = text.indexOf(BEGIN) + BEGIN.length();
        int end = text.indexOf(END);
        String table = table(resources());
        if ("write".equals(System.getProperty("talweg.docs"))) {
            Files.writeString(DOCS, text.substring(0, begin) + table + text.substring(end));
            return;
        }
        assertEquals(table, text.substring(begin, end),
            "docs/kernels.md is behind the kernels; run mvn test -Dtest=KernelResourcesTest -Dtalweg.docs=write");
    }

    private static String table(List<String[]> rows) {
        Map<String, Map<String, String[]>> kernels = new TreeMap<>();
        rows.forEach(row -> kernels.computeIfAbsent(row[1], name -> new HashMap<>()).put(row[0], row));
        StringBuilder table = new StringBuilder("| kernel | " + String.join(" | ", SHOWN) + " | shared |\n|---"
            + "|---".repeat(SHOWN.size() + 1) + "|\n");
        kernels.forEach((kernel, byArchitecture) -> {
            table.append("| `").append(kernel).append("` |");
            for (String architecture : SHOWN) {
                String[] row = byArchitecture.get(architecture);
                table.append(' ').append(row == null ? "" : row[2]).append(" |");
            }
            table.append(' ').append(byArchitecture.get("sm_80")[3]).append(" |\n");
        });
        return table.toString();
    }
}
