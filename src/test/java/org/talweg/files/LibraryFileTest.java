package org.talweg.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.io.IOException;
import java.io.OutputStream;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LibraryFileTest {

    @TempDir
    private Path folder;

    @Test
    void fileOfTheBuildIsTakenWhereItLies() throws IOException {
        Path file = Files.createDirectory(folder.resolve("a folder, 100 %")).resolve("liba.so");
        Files.writeString(file, "a");
        assertEquals(file, LibraryFile.of(file.toUri().toURL()));
    }

    @Test
    void libraryInJarIsUnpacked() throws IOException {
        Path jar = folder.resolve("a jar.jar");
        try (OutputStream out = Files.newOutputStream(jar); ZipOutputStream zip = new ZipOutputStream(out)) {
            zip.putNextEntry(new ZipEntry("native/liba.so"));
            zip.write("a".getBytes());
        }
        URL resource = new URL("jar:" + jar.toUri() + "!/native/liba.so");
        Path first = LibraryFile.of(resource);
        assertEquals("a", Files.readString(first));
        assertNotEquals(first, LibraryFile.of(resource));
    }
}
