package org.talweg.cuda;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.talweg.files.Sha256;
import org.talweg.files.WholeFile;

/**
 * What was measured on one kind of chip, in a small JSON file: one for each GPU, driver, version of Talweg and image of
 * the kernels. It is written whole or not at all. A file that is damaged or about something else is ignored, with one
 * line, and written anew.
 */
final class TuningCache {
    private static final Logger LOG = LoggerFactory.getLogger(TuningCache.class);
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    private static final String ABOUT = "about";
    private static final String PLANS = "plans";

    private final Path file;
    private final ObjectNode about;
    private ObjectNode plans;
    private boolean wrongSaid;

    /** @param about what the measurements depend on, by name */
    TuningCache(Path folder, Map<String, String> about) {
        this.about = JSON.createObjectNode();
        about.forEach(this.about::put);
        file = folder.resolve("products-" + HexFormat.of().formatHex(Sha256.of(this.about.toString()
            .getBytes(StandardCharsets.UTF_8))).substring(0, 16) + ".json");
    }

    /** The user's: {@code $XDG_CACHE_HOME/talweg}, or {@code .cache/talweg} at home. */
    static Path folder() {
        String cache = System.getenv("XDG_CACHE_HOME");
        return (cache == null || cache.isBlank() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(cache))
            .resolve("talweg");
    }

    Path file() {
        return file;
    }

    /** Null if nothing is known under this name. */
    ObjectNode get(String name) {
        if (plans == null) {
            plans = read();
        }
        return plans.get(name) instanceof ObjectNode entry ? entry : null;
    }

    /**
     * Keeps an entry, beside what others may have written meanwhile; theirs under the same name is kept in its place.
     *
     * @return what is kept
     * @throws IOException if it cannot be written
     */
    ObjectNode put(String name, ObjectNode entry, boolean replace) throws IOException {
        ObjectNode all = read();
        if (replace || !(all.get(name) instanceof ObjectNode)) {
            all.set(name, entry);
            ObjectNode root = JSON.createObjectNode();
            root.set(ABOUT, about);
            root.set(PLANS, all);
            Files.createDirectories(file.getParent());
            WholeFile.write(file, JSON.writeValueAsBytes(root));
        }
        plans = all;
        return (ObjectNode) all.get(name);
    }

    private ObjectNode read() {
        String wrong;
        try {
            if (!Files.exists(file)) {
                return JSON.createObjectNode();
            }
            JsonNode root = JSON.readTree(Files.readAllBytes(file));
            if (about.equals(root.get(ABOUT)) && root.get(PLANS) instanceof ObjectNode found) {
                return found;
            }
            wrong = "it is about something else";
        } catch (JsonProcessingException e) {
            wrong = "it is damaged, " + e.getOriginalMessage();
        } catch (IOException e) {
            wrong = "it cannot be read, " + e.getMessage();
        }
        if (!wrongSaid) {
            wrongSaid = true;
            LOG.warn("{} is ignored and written anew: {}", file, wrong);
        }
        return JSON.createObjectNode();
    }
}
