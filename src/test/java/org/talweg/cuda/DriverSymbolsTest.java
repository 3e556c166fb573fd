package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.talweg.testing.SoftwareDevice;

/** JCuda binds lazily, and calling a symbol that is missing ends the JVM. So each one it imports must be there. */
class DriverSymbolsTest {

    @Test
    void everySymbolThatJCudaImportsIsExported() throws IOException {
        SoftwareDevice.require();
        Set<String> imported = symbols("/lib/libJCudaDriver-12.6.0-linux-x86_64.so").imported;
        Set<String> driverCalls = new TreeSet<>(imported);
        driverCalls.removeIf(name -> !name.matches("cu[A-Z].*"));
        assertEquals(312, driverCalls.size(), "cu* symbols that JCuda 12.6.0 imports");

        Set<String> missing = new TreeSet<>(driverCalls);
        missing.removeAll(symbols("native/linux-x86_64/libtalweg-software-cuda.so").exported);
        assertTrue(missing.isEmpty(), "JCuda would end the JVM on calling " + missing);
    }

    private static ElfSymbols symbols(String resource) throws IOException {
        try (InputStream in = SoftwareDriver.class.getResourceAsStream(resource)) {
            return new ElfSymbols(in.readAllBytes());
        }
    }
}
