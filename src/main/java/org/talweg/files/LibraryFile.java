package org.talweg.files;

import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** A native library of the class path as a file, which is what {@link System#load} takes. */
public final class LibraryFile {
    private LibraryFile() {
    }

    /** Straight from the build's output where that is a directory; out of a jar through a temporary file. */
    public static Path of(URL resource) throws IOException {
        if (resource.getProtocol().equals("file")) {
            try {
                return Path.of(resource.toURI());
            } catch (URISyntaxException e) {
                throw new IOException(resource + " is no place of a file", e);
            }
        }
        String name = resource.getPath().substring(resource.getPath().lastIndexOf('/') + 1);
        Path copy = Files.createTempFile(name.replace(".so", ""), ".so");
        copy.toFile().deleteOnExit();
        try (InputStream in = resource.openStream()) {
            Files.copy(in, copy, StandardCopyOption.REPLACE_EXISTING);
        }
        return copy;
    }
}
