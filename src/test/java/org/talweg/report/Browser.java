package org.talweg.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.imageio.ImageIO;

/** A headless Chromium, led by its DevTools protocol. What its page writes to the console and asks the network for is kept. */
final class Browser implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long PATIENCE_SECONDS = 60;

    private final Path profile;
    private final Process process;
    private final WebSocket socket;
    private final BlockingQueue<JsonNode> incoming = new LinkedBlockingQueue<>();
    private final List<String> complaints = new ArrayList<>();
    private final List<String> requests = new ArrayList<>();
    private int calls;

    /** Named by CHROME, or on the PATH. */
    static Optional<Path> executable() {
        if (System.getenv("CHROME") != null) {
            return Optional.of(Path.of(System.getenv("CHROME")));
        }
        return Stream.of("chromium", "chromium-browser", "google-chrome").flatMap(name -> Arrays
            .stream(System.getenv("PATH").split(File.pathSeparator)).map(folder -> Path.of(folder, name)))
            .filter(Files::isExecutable).findFirst();
    }

    Browser(Path executable, Path profile) throws Exception {
        this.profile = profile;
        process = new ProcessBuilder(executable.toString(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-port=0", "--user-data-dir=" + profile,
            "about:blank").redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
        try {
            socket = HttpClient.newHttpClient().newWebSocketBuilder()
                .buildAsync(URI.create("ws://127.0.0.1:" + port() + page()), new Messages()).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
            for (String domain : List.of("Page", "Runtime", "Log", "Network")) {
                call(domain + ".enable", "{}");
            }
        } catch (Exception e) {
            close();
            throw e;
        }
    }

    private String port() throws IOException, InterruptedException {
        Path file = profile.resolve("DevToolsActivePort");
        for (int i = 0; i < PATIENCE_SECONDS * 10; i++) {
            if (Files.exists(file) && Files.readAllLines(file).size() == 2) {
                return Files.readAllLines(file).get(0);
            }
            Thread.sleep(100);
        }
        throw new IOException("the browser does not start");
    }

    private String page() throws IOException, InterruptedException {
        for (int i = 0; i < PATIENCE_SECONDS * 10; i++) {
            for (JsonNode target : JSON.readTree(URI.create("http://127.0.0.1:" + port() + "/json/list").toURL())) {
                if (target.get("type").asText().equals("page")) {
                    return URI.create(target.get("webSocketDebuggerUrl").asText()).getPath();
                }
            }
            Thread.sleep(100);
        }
        throw new IOException("the browser has no page");
    }

    private final class Messages implements WebSocket.Listener {
        private final StringBuilder text = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
            text.append(data);
            if (last) {
                try {
                    incoming.add(JSON.readTree(text.toString()));
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                }
                text.setLength(0);
            }
            from.request(1);
            return null;
        }
    }

    /** Calls a method of the protocol and returns its result; events that come before it are kept. */
    JsonNode call(String method, String parameters) throws IOException, InterruptedException {
        int id = ++calls;
        ObjectNode message = JSON.createObjectNode().put("id", id).put("method", method);
        message.set("params", JSON.readTree(parameters));
        socket.sendText(message.toString(), true).join();
        while (true) {
            JsonNode answer = next();
            if (answer.path("id").asInt() == id) {
                if (answer.has("error")) {
                    throw new IOException(method + ": " + answer.get("error"));
                }
                return answer.get("result");
            }
        }
    }

    private JsonNode next() throws IOException, InterruptedException {
        JsonNode message = incoming.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
        if (message == null) {
            throw new IOException("the browser says nothing any more");
        }
        switch (message.path("method").asText()) {
            case "Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown" ->
                complaints.add(message.get("params").toString());
            case "Network.requestWillBeSent" -> requests.add(message.at("/params/request/url").asText());
            default -> {
            }
        }
        return message;
    }

    /** Opens a file and waits until it is loaded. */
    void open(Path file, int width, int height, boolean dark) throws IOException, InterruptedException {
        complaints.clear();
        requests.clear();
        call("Emulation.setDeviceMetricsOverride", "{\"width\":" + width + ",\"height\":" + height
            + ",\"deviceScaleFactor\":1,\"mobile\":" + (width < 600) + "}");
        call("Emulation.setEmulatedMedia", "{\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\""
            + (dark ? "dark" : "light") + "\"}]}");
        call("Page.navigate", JSON.createObjectNode().put("url", file.toUri().toString()).toString());
        while (!next().path("method").asText().equals("Page.loadEventFired")) {
            // Other events.
        }
    }

    /** The value of an expression in the page. */
    JsonNode evaluate(String expression) throws IOException, InterruptedException {
        JsonNode result = call("Runtime.evaluate", JSON.createObjectNode().put("expression", expression)
            .put("returnByValue", true).put("awaitPromise", true).toString());
        if (result.has("exceptionDetails")) {
            throw new IOException(expression + ": " + result.get("exceptionDetails"));
        }
        return result.at("/result/value");
    }

    BufferedImage screenshot() throws IOException, InterruptedException {
        JsonNode result = call("Page.captureScreenshot", "{\"format\":\"png\"}");
        return ImageIO.read(new ByteArrayInputStream(Base64.getDecoder().decode(result.get("data").asText())));
    }

    /** Errors, warnings and whatever else came to the console since the page was opened. */
    List<String> complaints() {
        return complaints;
    }

    /** Addresses that were asked for since the page was opened. */
    List<String> requests() {
        return requests;
    }

    @Override
    public void close() throws IOException {
        if (socket != null) {
            socket.abort();
        }
        process.destroy();
        try {
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
