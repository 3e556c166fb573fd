package org.talweg.cli;

import java.io.PrintWriter;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import org.talweg.ops.DeviceException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command line. Bad input is one line on standard error and exit code 2; a stack trace would be our own mistake. */
@Command(name = "talweg", mixinStandardHelpOptions = true, versionProvider = Main.Version.class,
    description = "Gradient descent on NVIDIA GPUs, and without one.",
    subcommands = {TrainCommand.class, ResumeCommand.class, EvaluateCommand.class, PredictCommand.class, ExportCommand.class, LrFindCommand.class, ReportCommand.class, DiagnoseCommand.class,
        LandscapeCommand.class, ProfileCommand.class, ClosedFormCommand.class, MethodsCommand.class, DevicesCommand.class,
        DoctorCommand.class},
    footer = {"", "Start with:  ./talweg train digits"})
public final class Main implements Runnable {
    private static final List<String> LOG_DETAILS = List.of("showThreadName", "showLogName");

    @Spec
    private CommandSpec spec;

    public static void main(String[] args) {
        // Pictures are drawn in memory; a display that is named and not there must not matter.
        System.setProperty("java.awt.headless", "true");
        // The log is for people here, one line after the other on standard error.
        for (String detail : LOG_DETAILS) {
            System.getProperties().putIfAbsent("org.slf4j.simpleLogger." + detail, "false");
        }
        System.exit(run(new PrintWriter(System.out, true), new PrintWriter(System.err, true), args));
    }

    /** Runs one command and returns its exit code: 0 done, 1 failed, 2 bad input. */
    public static int run(PrintWriter out, PrintWriter err, String... args) {
        CommandLine line = new CommandLine(new Main())
            .setOut(out)
            .setErr(err)
            .setCaseInsensitiveEnumValuesAllowed(true)
            .setParameterExceptionHandler(Main::badInput)
            .setExecutionExceptionHandler(Main::failed);
        try {
            return line.execute(Config.expand(line, args));
        } catch (java.io.IOException e) {
            err.println("talweg: " + oneLine(message(e)));
            return CommandLine.ExitCode.USAGE;
        }
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "no command given; there are "
            + String.join(", ", spec.subcommands().keySet()));
    }

    private static int badInput(ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        command.getErr().println("talweg: " + oneLine(e.getMessage()) + meant(e) + " (see "
            + command.getCommandSpec().qualifiedName() + " --help)");
        return CommandLine.ExitCode.USAGE;
    }

    /** What a mistyped word may have been. */
    private static String meant(ParameterException e) {
        List<String> near = e instanceof UnmatchedArgumentException unmatched ? unmatched.getSuggestions() : List.of();
        return near.isEmpty() ? "" : "; did you mean " + near.get(0) + "?";
    }

    private static int failed(Exception e, CommandLine command, CommandLine.ParseResult parsed) throws Exception {
        if (e instanceof DeviceException || e instanceof IllegalArgumentException
            || e instanceof java.io.IOException || e instanceof java.io.UncheckedIOException) {
            command.getErr().println("talweg: " + oneLine(message(e)));
            return CommandLine.ExitCode.USAGE;
        }
        throw e;
    }

    /** Java names a file, and leaves what is wrong with it to the exception's name. */
    private static String message(Exception e) {
        if (!(e instanceof FileSystemException file) || file.getReason() != null) {
            return e.getMessage();
        }
        return file.getFile() + ": " + (e instanceof NoSuchFileException ? "no such file or folder"
            : e instanceof AccessDeniedException ? "permission denied"
            : e instanceof FileAlreadyExistsException ? "it is there already, and is no folder" : e.getClass().getSimpleName());
    }

    /** But for indented lines, which are a list. */
    private static String oneLine(String message) {
        return message == null ? "no reason given" : message.strip().replaceAll("\\s*\\R(?!  )\\s*", "; ")
            .replaceAll("[\\p{Cntrl}&&[^\\n]]", "?");
    }

    /** The version in the jar's manifest. */
    static String version() {
        String version = Main.class.getPackage().getImplementationVersion();
        return version == null ? "development build" : version;
    }

    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"talweg " + version()};
        }
    }
}
