package org.talweg.data;

import java.util.Arrays;

/**
 * The dictionary at the head of an NPY file, as NumPy writes it: a Python literal with exactly these three keys, such as
 * {@code {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }}.
 */
record NpyHeader(String descr, boolean fortranOrder, int[] shape) {
    private static final int MOST_DIMENSIONS = 32;

    /** @throws IllegalArgumentException if it is anything else; the message goes on after the text */
    static NpyHeader parse(String text) {
        Parser parser = new Parser(text);
        String descr = null;
        Boolean fortranOrder = null;
        int[] shape = null;
        parser.expect('{');
        while (!parser.skip('}')) {
            String key = parser.string();
            parser.expect(':');
            if (key.equals("descr") && descr == null) {
                descr = parser.string();
            } else if (key.equals("fortran_order") && fortranOrder == null) {
                fortranOrder = parser.bool();
            } else if (key.equals("shape") && shape == null) {
                shape = parser.tuple();
            } else {
                throw new IllegalArgumentException("has a key '" + key + "' too many");
            }
            if (!parser.skip(',')) {
                parser.expect('}');
                break;
            }
        }
        parser.end();
        if (descr == null || fortranOrder == null || shape == null) {
            throw new IllegalArgumentException("lacks one of descr, fortran_order and shape");
        }
        return new NpyHeader(descr, fortranOrder, shape);
    }

    private static final class Parser {
        private final String text;
        private int at;

        Parser(String text) {
            this.text = text;
        }

        boolean skip(char wanted) {
            while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
                at++;
            }
            boolean found = at < text.length() && text.charAt(at) == wanted;
            at += found ? 1 : 0;
            return found;
        }

        void expect(char wanted) {
            if (!skip(wanted)) {
                throw bad("'" + wanted + "'");
            }
        }

        String string() {
            char quote = skip('"') ? '"' : '\'';
            if (quote == '\'') {
                expect('\'');
            }
            int end = text.indexOf(quote, at);
            if (end < 0 || text.substring(at, end).contains("\\")) {
                throw bad("a plain string");
            }
            String value = text.substring(at, end);
            at = end + 1;
            return value;
        }

        boolean bool() {
            skip(' ');
            for (String word : new String[] {"True", "False"}) {
                if (text.startsWith(word, at)) {
                    at += word.length();
                    return word.equals("True");
                }
            }
            throw bad("True or False");
        }

        int[] tuple() {
            int[] dims = new int[MOST_DIMENSIONS];
            int count = 0;
            boolean comma = true;
            expect('(');
            while (!skip(')')) {
                if (!comma || count == dims.length) {
                    throw bad("',' or ')' after at most " + MOST_DIMENSIONS + " extents");
                }
                dims[count++] = extent();
                comma = skip(',');
            }
            if (count == 1 && !comma) {
                throw bad("a tuple, with a comma after a single extent");
            }
            return Arrays.copyOf(dims, count);
        }

        private int extent() {
            int start = at;
            while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
                at++;
            }
            try {
                return Integer.parseInt(text.substring(start, at));
            } catch (NumberFormatException e) {
                at = start;
                throw bad("an extent from 0 to " + Integer.MAX_VALUE);
            }
        }

        void end() {
            if (!text.substring(at).isBlank()) {
                throw bad("nothing more");
            }
        }

        private IllegalArgumentException bad(String expected) {
            return new IllegalArgumentException("has something else at position " + at + " than " + expected);
        }
    }
}
