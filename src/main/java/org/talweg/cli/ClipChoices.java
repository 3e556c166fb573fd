package org.talweg.cli;

import org.talweg.cli.Choices.Choice;
import org.talweg.optim.Clip;

/** {@code --clip}; a number alone is a global norm. */
final class ClipChoices {
    static final Choices<Clip> ALL = Choices.of("--clip", "clipping",
        new Choice<>("global:max=1,p=2", "all gradients together to this norm; p 1, 2, another or inf",
            s -> Clip.byGlobalNorm(s.single("max"), s.single("p"))),
        new Choice<>("norm:max=1,p=2", "each parameter's gradient to this norm",
            s -> Clip.byParameterNorm(s.single("max"), s.single("p"))),
        new Choice<>("value:max=0.5,min=-max", "each value to a range, from -max unless min is given",
            s -> Clip.byValue(s.text("min").equals("-max") ? -s.single("max") : s.single("min"), s.single("max"))),
        new Choice<>("adaptive:ratio=0.01", "each unit's gradient to this share of its parameters' norm",
            s -> Clip.adaptive(s.single("ratio"))));

    private ClipChoices() {
    }

    static Clip parse(String text) {
        return text.matches("[-+.0-9].*") ? ALL.parse("global:" + text) : ALL.parse(text);
    }
}
