/* --help in all its forms, from the option table. */
#include "cli/option_row.h"

#include <string.h>

static const char summary[] =
    "Writes an ONNX model as plain C: one function per group of fused operators, checked against a\n"
    "reference interpreter before the file is handed over.\n";

static const struct {
    const char *command, *what;
} examples[] = {
    {"fusegen model.onnx -o model.c", "C for this machine, checked by tcc"},
    {"fusegen model.onnx -o model.c --target NAME", "C for another target (--list-targets)"},
    {"fusegen model.onnx --dim batch=1 --report", "pin a dimension; what is fused, kernel by kernel"},
    {"fusegen model.onnx --verify=cc --bench", "check and time what the real compiler makes of it"},
    {"fusegen a.onnx b.onnx", "compare models in one table"},
    {"fusegen model.onnx --input x=x.npy --expect y=y.npy", "check with your own data"},
};

static const struct {
    int code;
    const char *what;
} exits[] = {
    {FG_OK, "done"},
    {FG_USAGE, "wrong command line"},
    {FG_BAD_MODEL, "model cannot be read or is invalid"},
    {FG_MISMATCH, "generated code does not match the reference"},
    {FG_UNSUPPORTED, "operator, type, dimension or size not supported"},
    {FG_TOOLCHAIN, "the target's compiler or emulator is missing or failed"},
    {FG_OUTPUT, "output cannot be written"},
    {FG_INTERNAL, "internal error; please report it"},
};

/* ---- text ---- */

/* -o FILE, --report[=text|json] */
static const char *synopsis(const fg_option_row *row, char *to, size_t size) {
    const char *sign = row->takes == TAKES_OPTIONAL ? "[=" : row->takes == TAKES_VALUE ? " " : "";
    snprintf(to, size, "%s%s%s%s%s%s", row->alias ? row->alias : "", row->alias ? ", " : "", row->name, sign,
             row->value ? row->value : "", row->takes == TAKES_OPTIONAL ? "]" : "");
    return to;
}

static void help_row(const fg_option_row *row, fg_text *out) {
    char left[96];
    fg_text_printf(out, "  %-26s", synopsis(row, left, sizeof left));
    if (strlen(left) > 24) fg_text_printf(out, "\n%28s", "");
    for (const char *s = row->help;;) {
        const size_t n = strcspn(s, "\n");
        fg_text_addn(out, s, n);
        fg_text_add(out, "\n");
        if (!s[n]) return;
        s += n + 1;
        fg_text_printf(out, "%28s", "");
    }
}

void fg_help_text(fg_text *out) {
    int n;
    const fg_option_row *rows = fg_option_rows(&n);
    fg_text_add(out, "usage: fusegen MODEL.onnx -o FILE.c [options]\n"
                     "       fusegen MODEL.onnx [MODEL.onnx ...] [--report] [options]\n\n");
    fg_text_add(out, summary);
    fg_text_add(out, "\nExamples\n");
    for (size_t i = 0; i < FG_COUNT(examples); i++)
        fg_text_printf(out, "  %-47s  %s\n", examples[i].command, examples[i].what);
    for (int i = 0; i < n; i++) {
        if (rows[i].group) fg_text_printf(out, "\n%s\n", rows[i].group);
        help_row(&rows[i], out);
    }
    fg_text_add(out, "\nExit codes\n");
    for (size_t i = 0; i < FG_COUNT(exits); i++)
        fg_text_printf(out, "  %2d  %s\n", exits[i].code, exits[i].what);
}

/* ---- manual page ---- */

/* Text in which nothing is a request and every hyphen can be copied; line feeds become spaces. */
static void man_text(fg_text *out, const char *s) {
    for (; *s; s++) {
        if (*s == '-')
            fg_text_add(out, "\\-");
        else if (*s == '\\')
            fg_text_add(out, "\\e");
        else if (*s == '\'')
            fg_text_add(out, "\\(aq");
        else
            fg_text_addn(out, *s == '\n' ? " " : s, 1);
    }
}

static void man_section(fg_text *out, const char *title) {
    fg_text_add(out, ".SH ");
    for (; *title; title++) {
        const char c = *title >= 'a' && *title <= 'z' ? (char)(*title - 'a' + 'A') : *title;
        fg_text_addn(out, &c, 1);
    }
    fg_text_add(out, "\n");
}

static void man_item(fg_text *out, const char *tag, const char *body) {
    fg_text_add(out, ".TP\n.B ");
    man_text(out, tag);
    fg_text_add(out, "\n");
    man_text(out, body);
    fg_text_add(out, "\n");
}

void fg_help_man(fg_text *out) {
    int n;
    const fg_option_row *rows = fg_option_rows(&n);
    fg_text_add(out, ".TH FUSEGEN 1 \"\" \"fusegen " FG_VERSION "\" \"User Commands\"\n.SH NAME\n"
                     "fusegen \\- neural networks as plain C\n.SH SYNOPSIS\n"
                     ".B fusegen\nMODEL.onnx \\-o FILE.c [options]\n.br\n"
                     ".B fusegen\nMODEL.onnx [MODEL.onnx ...] [\\-\\-report] [options]\n.SH DESCRIPTION\n");
    man_text(out, summary);
    fg_text_add(out, "\n");
    for (int i = 0; i < n; i++) {
        char tag[96];
        if (rows[i].group) man_section(out, rows[i].group);
        man_item(out, synopsis(&rows[i], tag, sizeof tag), rows[i].help);
    }
    man_section(out, "exit status");
    for (size_t i = 0; i < FG_COUNT(exits); i++) {
        char code[16];
        snprintf(code, sizeof code, "%d", exits[i].code);
        man_item(out, code, exits[i].what);
    }
    man_section(out, "examples");
    for (size_t i = 0; i < FG_COUNT(examples); i++) man_item(out, examples[i].command, examples[i].what);
}

/* ---- completions ---- */

static bool is_lower(const char *s) {
    return *s >= 'a' && *s <= 'z';
}

/* Whether the values of an option are the words that its row lists. */
static bool lists_words(const fg_option_row *row) {
    return row->value && is_lower(row->value) && strchr(row->value, '|');
}

static bool takes_file(const fg_option_row *row) {
    return row->value && strstr(row->value, "FILE");
}

static void add_words(fg_text *out, const char *value) {
    for (; *value; value++) fg_text_addn(out, *value == '|' ? " " : value, 1);
}

void fg_help_bash(fg_text *out) {
    int n;
    const fg_option_row *rows = fg_option_rows(&n);
    fg_text_add(out,
                "_fusegen() {\n    local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD-1]}\n"
                "    # --option=word comes as three words\n"
                "    if [[ $word == = ]]; then word=; elif [[ $option == = ]]; then "
                "option=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
                "    COMPREPLY=()\n    case $option in\n"
                "    --target) COMPREPLY=($(compgen -W \"$(fusegen --list-targets 2>/dev/null | awk 'NR > 1 "
                "{ print $1 "
                "}')\" -- \"$word\") $(compgen -f -X '!*.target' -- \"$word\")); return ;;\n");
    for (int i = 0; i < n; i++) {
        if (!lists_words(&rows[i])) continue;
        fg_text_printf(out, "    %s) COMPREPLY=($(compgen -W '", rows[i].name);
        add_words(out, rows[i].value);
        fg_text_add(out, "' -- \"$word\")); return ;;\n");
    }
    fg_text_add(out, "    esac\n    if [[ $word == -* ]]; then COMPREPLY=($(compgen -W '");
    for (int i = 0; i < n; i++) fg_text_printf(out, "%s%s", i ? " " : "", rows[i].name);
    fg_text_add(out, "' -- \"$word\")); else COMPREPLY=($(compgen -f -- \"$word\")); fi\n}\n"
                     "complete -o filenames -F _fusegen fusegen\n");
}

/* The first line of a row's help, for a description in single quotes. */
static void add_description(fg_text *out, const char *help, const char *escape) {
    for (; *help && *help != '\n'; help++) {
        if (*help == '\'') {
            fg_text_add(out, "'\\''");
            continue;
        }
        if (strchr(escape, *help)) fg_text_add(out, "\\");
        fg_text_addn(out, help, 1);
    }
}

void fg_help_zsh(fg_text *out) {
    int n;
    const fg_option_row *rows = fg_option_rows(&n);
    fg_text_add(out, "#compdef fusegen\n_arguments \\\n");
    for (int i = 0; i < n; i++) {
        const fg_option_row *row = &rows[i];
        fg_text_printf(out, "    '*%s%s[", row->name, row->takes == TAKES_OPTIONAL ? "=-" : "");
        add_description(out, row->help, "[]:\\");
        fg_text_add(out, "]");
        if (row->takes != TAKES_NONE)
            fg_text_printf(out, "%s:value:", row->takes == TAKES_OPTIONAL ? ":" : "");
        if (lists_words(row)) {
            fg_text_add(out, "(");
            add_words(out, row->value);
            fg_text_add(out, ")");
        } else if (takes_file(row)) {
            fg_text_add(out, "_files");
        }
        fg_text_add(out, "' \\\n");
    }
    fg_text_add(out, "    '*:model:_files -g \"*.onnx\"'\n");
}

void fg_help_fish(fg_text *out) {
    int n;
    const fg_option_row *rows = fg_option_rows(&n);
    for (int i = 0; i < n; i++) {
        const fg_option_row *row = &rows[i];
        const bool is_long = strncmp(row->name, "--", 2) == 0;
        fg_text_printf(out, "complete -c fusegen %s %s", is_long ? "-l" : "-s",
                       row->name + (is_long ? 2 : 1));
        if (row->alias) fg_text_printf(out, " -s %s", row->alias + 1);
        if (row->takes == TAKES_VALUE) fg_text_add(out, takes_file(row) ? " -r" : " -x");
        if (lists_words(row)) {
            fg_text_add(out, " -a '");
            add_words(out, row->value);
            fg_text_add(out, "'");
        }
        fg_text_add(out, " -d '");
        add_description(out, row->help, "\\");
        fg_text_add(out, "'\n");
    }
}
