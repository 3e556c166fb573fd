package org.talweg.cli;

import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.talweg.ops.Activation;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code talweg methods}: everything that can be chosen, one line each. */
@Command(name = "methods", mixinStandardHelpOptions = true,
    description = "Lists what an option of train can be set to, with settings and their defaults.",
    footer = {"", "Example:  ./talweg methods schedule"})
final class MethodsCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "OPTION", arity = "0..1",
        description = "activation, norm, init, loss, optimizer, clip, scale, schedule, stop or metrics; all of them if left out.")
    private String option;

    private static Map<String, String> tables() {
        Map<String, String> tables = new LinkedHashMap<>();
        int width = Activation.all().stream().mapToInt(a -> a.toString().length()).max().orElse(0);
        tables.put("activation", Activation.all().stream()
            .map(a -> String.format("  %-" + width + "s  %s", a, a.kind().formula())).collect(Collectors.joining("\n")));
        for (Choices<?> choices : new Choices<?>[] {LayerChoices.NORM, LayerChoices.INIT, LossChoices.ALL, OptimizerChoices.ALL, ClipChoices.ALL,
            ScaleChoices.ALL, ScheduleChoices.ALL, StopChoices.ALL, MetricChoices.ALL}) {
            tables.put(choices.option().substring(2), choices.table());
        }
        return tables;
    }

    @Override
    public Integer call() {
        Map<String, String> tables = tables();
        if (option != null && !tables.containsKey(option)) {
            throw new IllegalArgumentException("no option '" + option + "' to list methods of; there are "
                + String.join(", ", tables.keySet()));
        }
        PrintWriter out = spec.commandLine().getOut();
        tables.forEach((name, table) -> {
            if (option == null || option.equals(name)) {
                out.println("--" + name);
                out.println(table);
            }
        });
        return 0;
    }
}
