package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** What the assembler said of each kernel when the build compiled it. */
class KernelResourcesTest {
    private static final int ARCHITECTURES = 7;

    @Test
    void noKernelSpillsRegisters() throws IOException {
        try (InputStream in = KernelImages.class.getResourceAsStream("kernels/resources.tsv")) {
            Assumptions.assumeTrue(in != null || "true".equals(System.getenv("CI")), "the kernels were not compiled");
            List<String[]> rows = new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().skip(1)
                .map(line -> line.split("\t")).toList();
            assertEquals(ARCHITECTURES, rows.stream().map(row -> row[0]).distinct().count());
            assertTrue(rows.stream().anyMatch(row -> row[1].equals("dense_forward_128")), "dense_forward_128");
            assertEquals(List.of(), rows.stream().filter(row -> !row[4].equals("0"))
                .map(row -> row[1] + " on " + row[0] + " spills " + row[4] + " bytes").toList());
        }
    }
}
