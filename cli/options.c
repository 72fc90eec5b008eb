/* Reads the command line by the option table. */
#include "cli/options.h"

#include "cli/option_row.h"
#include "codegen/escape.h"

#include <string.h>

static int smallest(int a, int b, int c) {
    int m = a < b ? a : b;
    return m < c ? m : c;
}

/* Levenshtein distance, names cut at 31 bytes: no option is longer. */
static int distance(const char *a, const char *b) {
    int row[32];
    int n = (int)strnlen(b, FG_COUNT(row) - 1);
    for (int j = 0; j <= n; j++) row[j] = j;
    for (int i = 0; a[i] && i < (int)FG_COUNT(row); i++) {
        int diagonal = row[0];
        row[0] = i + 1;
        for (int j = 1; j <= n; j++) {
            int above = row[j];
            row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (a[i] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[n];
}

_Noreturn static void unknown_option(parser *p, const char *name) {
    const char *best = NULL;
    int least = (int)strlen(name) / 3 + 1;
    int n;
    const fg_option_row *rows = fg_option_rows(&n);
    for (int i = 0; i < n; i++) {
        bool prefix = strlen(name) > 3 && strncmp(rows[i].name, name, strlen(name)) == 0;
        int d = prefix ? 0 : distance(name, rows[i].name);
        if (d <= least && (d < least || !best)) {
            best = rows[i].name;
            least = d;
        }
    }
    if (best)
        fg_remedy(p->ctx, "did you mean %s?", best);
    else
        fg_remedy(p->ctx, "fusegen --help lists the options");
    fg_raise(p->ctx, FG_USAGE, "unknown option '%s'", fg_escape_terminal(p->ctx, name));
}

static const fg_option_row *find_row(const char *name) {
    int n;
    const fg_option_row *rows = fg_option_rows(&n);
    for (int i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0 || (rows[i].alias && strcmp(rows[i].alias, name) == 0))
            return &rows[i];
    return NULL;
}

/* The value of an option that may have one stands behind '='. A model of that name would be ./NAME. */
static void refuse_detached(parser *p, const fg_option_row *row, const char *next) {
    const size_t n = strlen(next);
    bool value = !strchr(row->value, '|') && n > 0 && strspn(next, "0123456789") == n;
    for (const char *word = row->value; strchr(row->value, '|') && *word; word += *word == '|') {
        const size_t length = strcspn(word, "|");
        value |= length == n && strncmp(word, next, n) == 0;
        word += length;
    }
    if (!value) return;
    fg_remedy(p->ctx, "write %s=%s", row->name, next);
    fg_raise(p->ctx, FG_USAGE, "%s takes its value behind '='", row->name);
}

/* One option at argv[i], possibly with its value in argv[i + 1]; returns the index of the last argument used.
 */
static int parse_option(parser *p, int argc, char **argv, int i) {
    const char *name = argv[i], *value = NULL;
    const char *sign = strncmp(name, "--", 2) == 0 ? strchr(name, '=') : NULL;
    if (sign) {
        value = sign + 1;
        name = fg_strndup(p->ctx, name, (size_t)(sign - name));
    } else if (strncmp(name, "-o", 2) == 0 && name[2]) {
        value = name + 2;
        name = "-o";
    }
    fg_refuse_reserved(p, name);
    const fg_option_row *row = find_row(name);
    if (!row) unknown_option(p, name);
    p->option = row->name;
    if (row->takes == TAKES_NONE && value) fg_raise(p->ctx, FG_USAGE, "%s takes no value", row->name);
    if (row->takes == TAKES_VALUE && !value) {
        if (i + 1 >= argc)
            fg_raise(p->ctx, FG_USAGE, "%s needs a value: %s %s", row->name, row->name, row->value);
        value = argv[++i];
    }
    if (row->takes == TAKES_OPTIONAL && !value && i + 1 < argc) refuse_detached(p, row, argv[i + 1]);
    if (row->set)
        row->set(p, value);
    else if (row->flag)
        *(bool *)((char *)p->options + row->flag - 1) = true;
    else
        p->options->action = row->action;
    return i;
}

static bool sweeps(const fg_cli_options *o) {
    bool any = false;
    for (int i = 0; i < o->n_dims; i++) any |= o->dims[i].n > 1;
    return any;
}

/* A page shows several models, a graph is one. */
static void check_pictures(parser *p) {
    const fg_cli_options *o = p->options;
    for (int i = 0; i < o->n_reports; i++) {
        bool graph = o->reports[i].format == FG_REPORT_DOT || o->reports[i].format == FG_REPORT_SVG;
        if (graph && (o->n_models > 1 || sweeps(o))) {
            fg_remedy(p->ctx, "--report=html shows several");
            fg_raise(p->ctx, FG_USAGE, "--report=%s draws one model of one shape",
                     o->reports[i].format == FG_REPORT_DOT ? "dot" : "svg");
        }
    }
}

static void check_together(parser *p) {
    fg_cli_options *o = p->options;
    fg_finish_reports(p);
    if (p->emit_file) fg_raise(p->ctx, FG_USAGE, "--emit needs a file: --emit onnx FILE");
    int to_stdout = 0;
    for (int i = 0; i < o->n_reports; i++) to_stdout += !o->reports[i].file;
    if (to_stdout > 1) {
        fg_remedy(p->ctx, "give the others --report-file FILE");
        fg_raise(p->ctx, FG_USAGE, "only one report can go to stdout");
    }
    if ((o->compat_stochastic_depth || o->compat_dropout) && !o->pairwise && !o->view[FG_VIEW_COMPARE])
        fg_raise(p->ctx, FG_USAGE, "--fx-compat goes with --partition pairwise or --compare");
    if (o->threads_pool && !o->threads)
        fg_raise(p->ctx, FG_USAGE, "--threads-pool goes with --threads N, which says for how many at most");
    if ((o->window.max_nodes || o->window.start || o->window.around) && !o->view[FG_VIEW_VISUALIZE])
        fg_raise(p->ctx, FG_USAGE, "--max-nodes, --start and --around go with --visualize");
    if (o->action != FG_ACTION_RUN) return;
    check_pictures(p);
    if (!o->n_models) {
        fg_remedy(p->ctx, "try fusegen MODEL.onnx -o MODEL.c, or fusegen --help");
        fg_raise(p->ctx, FG_USAGE, "no model is given");
    }
    if (o->tune_file && (o->n_models > 1 || sweeps(o)))
        fg_raise(p->ctx, FG_USAGE, "--tune-file is for one model of one shape");
    if (o->emit && (o->n_models > 1 || sweeps(o)))
        fg_raise(p->ctx, FG_USAGE, "--emit is for one model of one shape");
    if (!o->output) return;
    if (o->n_models > 1) fg_raise(p->ctx, FG_USAGE, "-o takes one model, and %d are given", o->n_models);
    for (int i = 0; i < o->n_dims; i++)
        if (o->dims[i].n > 1)
            fg_raise(p->ctx, FG_USAGE,
                     "--dim %s has several extents, which only reports can show; -o needs one",
                     fg_escape_terminal(p->ctx, o->dims[i].name));
}

void fg_options_parse(fg_context *ctx, int argc, char **argv, fg_cli_options *o) {
    *o = (fg_cli_options){.target = "host", .verify = FG_VERIFY_TCC, .tolerance = 1e-4};
    parser p = {.ctx = ctx, .options = o};
    int most =
        argc + 1; /* no list is longer than the command line; + 1 for the report that --report-file implies */
    o->models = FG_ARRAY(ctx, most, const char *);
    o->model_shapes = FG_ARRAY(ctx, most, fg_shape_binding);
    o->dims = FG_ARRAY(ctx, most, fg_dim_option);
    o->shapes = FG_ARRAY(ctx, most, fg_shape_binding);
    o->consts = FG_ARRAY(ctx, most, fg_file_option);
    o->bounds = FG_ARRAY(ctx, most, fg_bound_binding);
    o->inputs = FG_ARRAY(ctx, most, fg_file_option);
    o->expects = FG_ARRAY(ctx, most, fg_file_option);
    o->reports = FG_ARRAY(ctx, most, fg_report_option);
    bool options_end = false;
    for (int i = 1; i < argc; i++) {
        if (p.emit_file)
            fg_set_emit_file(&p, argv[i]);
        else if (!options_end && strcmp(argv[i], "--") == 0)
            options_end = true;
        else if (!options_end && argv[i][0] == '-' && argv[i][1])
            i = parse_option(&p, argc, argv, i);
        else
            fg_add_model(&p, argv[i]);
    }
    check_together(&p);
}
