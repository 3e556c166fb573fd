package org.talweg.cli;

import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * What can be written after an option: {@code NAME[:key=value,…]}.
 *
 * @param option as on the command line: {@code --schedule}
 * @param noun   what is chosen, for messages: {@code schedule}
 * @param common keys that every choice takes
 */
record Choices<T>(String option, String noun, List<String> common, List<Choice<T>> list) {

    /**
     * @param usage       name, keys and their defaults; works as it stands, so that it is the example too
     * @param description one line
     */
    record Choice<T>(String usage, String description, Function<Settings, T> make) {
        String name() {
            return usage.split(":")[0];
        }
    }

    @SafeVarargs
    static <T> Choices<T> of(String option, String noun, Choice<T>... list) {
        return new Choices<>(option, noun, List.of(), List.of(list));
    }

    /**
     * @throws IllegalArgumentException if there is no such name, and then it lists them all, one a line; or if a setting
     *                                  is unknown or wrong
     */
    T parse(String text) {
        return choice(text).make.apply(settings(text));
    }

    Choice<T> choice(String text) {
        String name = text.split(":", 2)[0].strip().replace('-', '_');
        return list.stream().filter(choice -> choice.name().equalsIgnoreCase(name)).findFirst()
            .orElseThrow(() -> new IllegalArgumentException(option + " " + text + ": no such " + noun + "; there are\n"
                + table()));
    }

    Settings settings(String text) {
        return Settings.of(option, choice(text).usage, text, common);
    }

    /** One line each: name, description, and in brackets the settings with their defaults. */
    String table() {
        int width = list.stream().mapToInt(choice -> choice.name().length()).max().orElseThrow();
        return list.stream().map(choice -> {
            String settings = choice.usage.substring(choice.name().length());
            return String.format("  %-" + width + "s  %s", choice.name(), choice.description)
                + (settings.isEmpty() ? "" : " [" + settings.substring(1) + "]");
        }).collect(Collectors.joining("\n"));
    }
}
