package org.talweg.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.talweg.nn.Columns;
import org.talweg.nn.Layer;
import org.talweg.nn.Model;
import org.talweg.nn.Softmax;

/** A model's outputs in words: classes with probabilities, or numbers. */
final class Answers {
    /** How outputs become probabilities. */
    private enum Form { NUMBERS, SOFTMAX, EXPONENTIAL, PROBABILITIES, SIGMOID, YES_PROBABILITY, SCORE }

    private final Columns columns;
    private final Form form;
    private final int outputs;

    private Answers(Columns columns, Form form, int outputs) {
        this.columns = columns;
        this.form = form;
        this.outputs = outputs;
    }

    /** @param loss name of the loss that it was trained with, or auto */
    static Answers of(Model model, Columns columns, String loss) {
        int outputs = Math.toIntExact(model.outputShape().elements());
        return new Answers(columns, form(model, columns, loss, outputs), outputs);
    }

    private static Form form(Model model, Columns columns, String loss, int outputs) {
        if (columns.classes().isEmpty()) {
            return Form.NUMBERS;
        }
        List<Layer> layers = model.description().layers();
        if (outputs > 1) {
            return !(layers.get(layers.size() - 1) instanceof Softmax softmax) ? Form.SOFTMAX
                : softmax.log() ? Form.EXPONENTIAL : Form.PROBABILITIES;
        }
        return switch (loss) {
            case "binary_cross_entropy", "focal" -> Form.SIGMOID;
            case "binary_cross_entropy_probabilities" -> Form.YES_PROBABILITY;
            default -> Form.SCORE;
        };
    }

    List<String> header() {
        if (form == Form.NUMBERS) {
            return columns.targets().size() == outputs ? columns.targets()
                : IntStream.rangeClosed(1, outputs).mapToObj(i -> "output_" + i).toList();
        }
        List<String> header = new ArrayList<>(List.of(columns.targets().get(0)));
        if (form == Form.SCORE) {
            header.add("score");
        } else {
            columns.classes().forEach(name -> header.add("probability_" + name));
        }
        return header;
    }

    /** Of the row whose outputs begin at {@code first}. */
    List<String> of(float[] values, int first) {
        List<String> cells = new ArrayList<>();
        if (form == Form.NUMBERS) {
            for (int i = 0; i < outputs; i++) {
                cells.add(Float.toString(values[first + i]));
            }
            return cells;
        }
        if (form == Form.SCORE) {
            boolean yes = values[first] > 0;
            return List.of(columns.classes().get(yes ? 1 : 0), Float.toString(values[first]));
        }
        double[] probabilities = probabilities(values, first);
        int best = 0;
        for (int i = 1; i < probabilities.length; i++) {
            best = probabilities[i] > probabilities[best] ? i : best;
        }
        cells.add(Double.isNaN(probabilities[best]) ? "" : columns.classes().get(best));
        for (double probability : probabilities) {
            cells.add(Float.toString((float) probability));
        }
        return cells;
    }

    private double[] probabilities(float[] values, int first) {
        if (form == Form.SIGMOID || form == Form.YES_PROBABILITY) {
            double yes = form == Form.YES_PROBABILITY ? values[first] : 1 / (1 + Math.exp(-values[first]));
            return new double[] {1 - yes, yes};
        }
        double[] probabilities = new double[outputs];
        double largest = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < outputs; i++) {
            largest = Math.max(largest, values[first + i]);
        }
        double sum = 0;
        for (int i = 0; i < outputs; i++) {
            probabilities[i] = switch (form) {
                case SOFTMAX -> Math.exp(values[first + i] - largest);
                case EXPONENTIAL -> Math.exp(values[first + i]);
                default -> values[first + i];
            };
            sum += probabilities[i];
        }
        for (int i = 0; form == Form.SOFTMAX && i < outputs; i++) {
            probabilities[i] /= sum;
        }
        return probabilities;
    }
}
