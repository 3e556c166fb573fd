package org.talweg.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.talweg.files.WholeFile;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.ParseResult;

/**
 * A command's options in a file, YAML or JSON: keys are the options' names without their dashes and the names of
 * positional parameters, values are what the command line would say, lists for options that may be repeated. The command
 * line overrides the file.
 */
final class Config {
    static final String OPTION = "--config";
    /** More than any configuration needs; a file that is larger is something else. */
    private static final long LARGEST = 1 << 20;
    /** Of how something is shown or where it goes, not of what is done. */
    private static final Set<String> NEVER = Set.of("help", "version", "config");

    private final Path path;
    private final Map<String, Entry> entries;

    /** What stands under a key, and where. */
    private record Entry(List<String> values, JsonLocation at) {
    }

    private Config(Path path, Map<String, Entry> entries) {
        this.path = path;
        this.entries = entries;
    }

    /**
     * @throws IOException if the file cannot be read or is no list of keys and values; names file, line and column
     */
    static Config read(Path path) throws IOException {
        if (!Files.isRegularFile(path)) {
            throw new IOException(OPTION + " " + path + ": there is no such file");
        }
        if (Files.size(path) > LARGEST) {
            throw new IOException(OPTION + " " + path + " has " + Files.size(path)
                + " bytes; a configuration has no more than " + LARGEST);
        }
        Map<String, Entry> entries = new LinkedHashMap<>();
        boolean json = path.toString().toLowerCase(Locale.ROOT).endsWith(".json");
        try (JsonParser parser = (json ? new JsonFactory() : new YAMLFactory()).createParser(Files.readString(path))) {
            JsonToken first = parser.nextToken();
            if (first != null && first != JsonToken.START_OBJECT) {
                throw wrong(path, parser.currentTokenLocation(), "keys and values are expected, as in 'epochs: 30'");
            }
            while (first != null && parser.nextToken() != JsonToken.END_OBJECT) {
                String key = parser.currentName();
                JsonLocation at = parser.currentTokenLocation();
                Entry before = entries.put(key, new Entry(values(path, parser, key), at));
                if (before != null) {
                    throw wrong(path, at, "'" + key + "' stands in line " + before.at.getLineNr() + " already");
                }
            }
            if (first != null && parser.nextToken() != null) {
                throw wrong(path, parser.currentTokenLocation(), "one configuration is expected, and here begins another");
            }
        } catch (JsonProcessingException e) {
            throw wrong(path, e.getLocation(), firstLine(e.getOriginalMessage()));
        } catch (CharacterCodingException e) {
            throw new IOException(path + " is not text in UTF-8", e);
        }
        return new Config(path, entries);
    }

    private static List<String> values(Path path, JsonParser parser, String key) throws IOException {
        List<String> values = new ArrayList<>();
        if (parser.nextToken() == JsonToken.START_ARRAY) {
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                values.add(value(path, parser, key));
            }
        } else {
            values.add(value(path, parser, key));
        }
        return values;
    }

    private static String value(Path path, JsonParser parser, String key) throws IOException {
        if (parser.currentToken() == null || !parser.currentToken().isScalarValue()
            || parser.currentToken() == JsonToken.VALUE_NULL
            || parser instanceof YAMLParser yaml && yaml.isCurrentAlias()) {
            throw wrong(path, parser.currentTokenLocation(), "'" + key + "' has no value that an option could have; "
                + "write a number, a word or a list of them");
        }
        return parser.getText();
    }

    private static IOException wrong(Path path, JsonLocation at, String why) {
        return new IOException(path + (at == null ? "" : ":" + at.getLineNr() + ":" + at.getColumnNr()) + ": " + why);
    }

    private static String firstLine(String text) {
        return text == null ? "it cannot be read" : text.strip().lines().findFirst().orElse("it cannot be read");
    }

    /** Keys and values in words. */
    Map<String, String> table() {
        Map<String, String> table = new LinkedHashMap<>();
        entries.forEach((key, entry) -> table.put(key, String.join(" ", entry.values)));
        return table;
    }

    /**
     * The command line that says what the file says, but for what {@code given} says itself.
     *
     * @throws IOException if a key is no option of the command; lists those there are
     */
    List<String> arguments(CommandSpec command, ParseResult given) throws IOException {
        Map<String, ArgSpec> known = keys(command);
        List<String> arguments = new ArrayList<>();
        List<String> positionals = new ArrayList<>();
        for (Map.Entry<String, Entry> item : entries.entrySet()) {
            String key = item.getKey();
            Entry entry = item.getValue();
            ArgSpec spec = known.get(key.replace('_', '-'));
            if (spec == null) {
                throw wrong(path, entry.at, "there is no setting '" + key + "'; there are " + String.join(", ",
                    known.keySet()));
            }
            if (given.hasMatchedOption("--" + key.replace('_', '-')) || spec.isPositional()
                && given.matchedPositionals().contains(spec)) {
                continue;
            }
            check(command, key, entry, spec);
            if (spec instanceof OptionSpec option) {
                values(spec, entry).forEach(value -> arguments.add(option.longestName() + "=" + value));
            } else {
                positionals.addAll(entry.values);
            }
        }
        arguments.addAll(positionals);
        return arguments;
    }

    /** A list for an option that takes one value is that value with commas. */
    private static List<String> values(ArgSpec spec, Entry entry) {
        if (isFlag(spec)) {
            return entry.values.stream().map(value -> switch (value) {
                case "yes", "on" -> "true";
                case "no", "off" -> "false";
                default -> value;
            }).toList();
        }
        return spec.isMultiValue() ? entry.values : List.of(String.join(",", entry.values));
    }

    private static boolean isFlag(ArgSpec spec) {
        return spec.type() == boolean.class || spec.type() == Boolean.class;
    }

    /** Tries the value alone, so that a message about it can name its place. */
    private void check(CommandSpec command, String key, Entry entry, ArgSpec spec) throws IOException {
        Class<?> type = spec.isMultiValue() ? spec.auxiliaryTypes()[0] : spec.type();
        for (String value : values(spec, entry)) {
            try {
                if (isFlag(spec)) {
                    boolean flag = value.equals("true") || value.equals("false");
                    if (!flag) {
                        throw new IllegalArgumentException("it must be true or false");
                    }
                } else if (type == int.class || type == Integer.class) {
                    Integer.decode(value);
                } else if (type == long.class || type == Long.class) {
                    Long.decode(value);
                } else if (type == float.class || type == Float.class) {
                    Float.valueOf(value);
                } else if (type == double.class || type == Double.class) {
                    Double.valueOf(value);
                } else if (type.isEnum()) {
                    boolean none = true;
                    for (Object constant : type.getEnumConstants()) {
                        none &= !constant.toString().equalsIgnoreCase(value);
                    }
                    if (none) {
                        throw new IllegalArgumentException("it must be one of "
                            + List.of(type.getEnumConstants()).toString().toLowerCase(Locale.ROOT));
                    }
                }
            } catch (NumberFormatException e) {
                throw wrong(path, entry.at, "'" + key + "' is '" + value + "'; it must be a number");
            } catch (IllegalArgumentException e) {
                throw wrong(path, entry.at, "'" + key + "' is '" + value + "'; " + e.getMessage());
            }
        }
    }

    /** What can stand in a file, in the order of the help. */
    private static Map<String, ArgSpec> keys(CommandSpec command) {
        Map<String, ArgSpec> keys = new LinkedHashMap<>();
        for (PositionalParamSpec positional : command.positionalParameters()) {
            keys.put(positional.paramLabel().toLowerCase(Locale.ROOT), positional);
        }
        for (OptionSpec option : command.options()) {
            String key = option.longestName().replaceFirst("^-+", "");
            if (!NEVER.contains(key) && !option.hidden()) {
                keys.put(key, option);
            }
        }
        return keys;
    }

    /**
     * The arguments with those of the file that {@value #OPTION} names, if it does: to be parsed in their place.
     *
     * @throws IOException if the file is wrong; says where
     */
    static String[] expand(CommandLine line, String[] args) throws IOException {
        if (args.length == 0 || !line.getSubcommands().containsKey(args[0])
            || line.getSubcommands().get(args[0]).getCommandSpec().findOption(OPTION) == null) {
            return args;
        }
        ParseResult given = parse(line, line.getSubcommands().get(args[0]), args).subcommand();
        Path path = given.matchedOptionValue(OPTION, null);
        if (path == null) {
            return args;
        }
        List<String> all = new ArrayList<>(List.of(args[0]));
        all.addAll(read(path).arguments(given.commandSpec(), given));
        all.addAll(List.of(args).subList(1, args.length));
        return all.toArray(String[]::new);
    }

    /** The arguments with those of a file in front. */
    static String[] expand(CommandLine command, Path path, String... args) throws IOException {
        List<String> all = new ArrayList<>(read(path).arguments(command.getCommandSpec(), parse(command, command, args)));
        all.addAll(List.of(args));
        return all.toArray(String[]::new);
    }

    /** Whatever is wrong with the arguments will be said when they are parsed for good. */
    private static ParseResult parse(CommandLine line, CommandLine command, String... args) {
        try {
            line.getCommandSpec().parser().collectErrors(true);
            command.getCommandSpec().parser().collectErrors(true);
            return line.parseArgs(args);
        } finally {
            line.getCommandSpec().parser().collectErrors(false);
            command.getCommandSpec().parser().collectErrors(false);
        }
    }

    /** Every setting of a parsed command that has a value, given or default, by its key. */
    static Map<String, Object> settings(ParseResult parsed, Set<String> without) {
        Map<String, Object> settings = new LinkedHashMap<>();
        keys(parsed.commandSpec()).forEach((key, spec) -> {
            List<String> values = new ArrayList<>(spec.originalStringValues());
            if (values.isEmpty() && spec.defaultValue() != null) {
                values.add(spec.defaultValue());
            }
            if (!values.isEmpty() && !without.contains(key)) {
                String last = values.get(values.size() - 1);
                settings.put(key, spec.isMultiValue() ? values : isFlag(spec) ? (Object) Boolean.valueOf(last) : last);
            }
        });
        return settings;
    }

    static void write(Path path, Map<String, Object> settings, String comment) throws IOException {
        YAMLMapper yaml = YAMLMapper.builder().enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
            .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER).build();
        WholeFile.write(path, "# " + comment + "\n" + yaml.writeValueAsString(settings));
    }
}
