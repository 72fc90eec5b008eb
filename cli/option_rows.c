/* The option table: a row is all that is known of an option. --help is printed from the rows (help.c),
 * options.c reads the command line by them. */
#include "cli/option_row.h"

#include "cli/options.h"
#include "codegen/escape.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Options, or values of options, that the interface reserves and this version does not have. Removing a row
 * is all it takes here once the work is done. */
static const struct {
    const char *option, *value; /* value NULL: the option as a whole */
    takes takes;
} not_available[] = {
    {"--calibrate", NULL, TAKES_VALUE},
    {"--precision", "int8", TAKES_VALUE},
};

static const char *const dump_names[FG_DUMP_COUNT] = {"read", "infer", "canonical", "partition"};

const char *fg_dump_pass_name(fg_dump_pass pass) {
    return dump_names[pass];
}

/* ---- values ---- */

void fg_refuse_reserved(parser *p, const char *name) {
    for (size_t i = 0; i < FG_COUNT(not_available); i++)
        if (!not_available[i].value && strcmp(not_available[i].option, name) == 0)
            fg_raise(p->ctx, FG_USAGE, "%s is not available in this version", name);
}

_Noreturn static void bad_value(parser *p, const char *value, const char *wanted) {
    fg_raise(p->ctx, FG_USAGE, "%s: '%s' is not %s", p->option, fg_escape_terminal(p->ctx, value), wanted);
}

static void refuse_if_unavailable(parser *p, const char *value) {
    for (size_t i = 0; i < FG_COUNT(not_available); i++)
        if (strcmp(not_available[i].option, p->option) == 0 && not_available[i].value &&
            strcmp(not_available[i].value, value) == 0)
            fg_raise(p->ctx, FG_USAGE, "%s %s is not available in this version", p->option, value);
}

/* A decimal integer in [low, INT64_MAX], with an optional suffix k, M, G, T in powers of `unit` (0: no
 * suffixes). */
static int64_t integer(parser *p, const char *value, int64_t low, int64_t unit, const char *wanted) {
    static const char suffixes[] = "kMGT";
    char *end = NULL;
    errno = 0;
    long long n = strtoll(value, &end, 10);
    if (end == value || errno || value[0] == ' ' || value[0] == '+') bad_value(p, value, wanted);
    const char *suffix = unit && *end ? strchr(suffixes, *end) : NULL;
    if (suffix) {
        for (const char *s = suffixes; s <= suffix; s++) {
            if (n > INT64_MAX / unit) bad_value(p, value, wanted);
            n *= unit;
        }
        end++;
    }
    if (*end || n < low) bad_value(p, value, wanted);
    return n;
}

static int choice(parser *p, const char *value, const char *wanted, int n, const char *const *names) {
    refuse_if_unavailable(p, value);
    for (int i = 0; i < n; i++)
        if (strcmp(value, names[i]) == 0) return i;
    bad_value(p, value, wanted);
}

/* NAME=REST; the name is copied. A name may itself hold '=', so the last one separates, except in front of a
 * file name. */
static const char *split(parser *p, const char *value, bool last, const char *wanted, const char **rest) {
    const char *sign = last ? strrchr(value, '=') : strchr(value, '=');
    if (!sign || sign == value || !sign[1]) bad_value(p, value, wanted);
    *rest = sign + 1;
    return fg_strndup(p->ctx, value, (size_t)(sign - value));
}

/* ---- setters of options that take a value ---- */

/* The C file includes its header by name, where none of these can be escaped. */
static bool can_be_included(const char *name) {
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        if (*c < 0x20 || *c == 0x7F || *c == '"' || *c == '\\') return false;
    return !strstr(name, "??");
}

static void set_output(parser *p, const char *value) {
    const char *slash = strrchr(value, '/');
    size_t n = strlen(slash ? slash + 1 : value);
    if (p->options->output) fg_raise(p->ctx, FG_USAGE, "-o is given twice");
    if (n < 3 || strcmp(value + strlen(value) - 2, ".c") != 0)
        bad_value(p, value, "a file name that ends in .c");
    if (!can_be_included(slash ? slash + 1 : value)) bad_value(p, value, "a name that #include can take");
    p->options->output = value;
}

static void set_name(parser *p, const char *value) {
    const char *identifier = fg_escape_c_identifier(p->ctx, value);
    if (strcmp(identifier, value) != 0) {
        fg_remedy(p->ctx, "try --name %s", identifier);
        bad_value(p, value, "a usable C identifier");
    }
    p->options->name = value;
}

static void set_target(parser *p, const char *value) {
    p->options->target = value;
}

static void set_dim(parser *p, const char *value) {
    static const char wanted[] = "NAME=N or NAME=N,N,... with N from 1";
    fg_dim_option *d = &p->options->dims[p->options->n_dims++];
    const char *rest;
    d->name = split(p, value, true, wanted, &rest);
    for (const fg_dim_option *other = p->options->dims; other < d; other++)
        if (strcmp(other->name, d->name) == 0)
            fg_raise(p->ctx, FG_USAGE, "--dim %s is given twice", fg_escape_terminal(p->ctx, d->name));
    int n = 1;
    for (const char *s = rest; *s; s++) n += *s == ',';
    d->extents = FG_ARRAY(p->ctx, n, int64_t);
    while (d->n < n) {
        size_t length = strcspn(rest, ",");
        d->extents[d->n++] = integer(p, fg_strndup(p->ctx, rest, length), 1, 0, wanted);
        rest += length + (rest[length] == ',');
    }
}

/* "1x3x224x224" or "scalar"; false if it is neither. */
static bool parse_extents(const char *text, fg_shape *shape) {
    *shape = (fg_shape){0};
    if (strcmp(text, "scalar") == 0) return true;
    for (;;) {
        char *end = NULL;
        errno = 0;
        long long n = strtoll(text, &end, 10);
        if (shape->rank == FG_MAX_RANK || *text < '0' || *text > '9' || errno) return false;
        shape->dim[shape->rank++] = n;
        if (!*end) return true;
        if (*end != 'x') return false;
        text = end + 1;
    }
}

static void set_shape(parser *p, const char *value) {
    static const char wanted[] = "INPUT=1x3x224x224 (or INPUT=scalar), at most 8 extents";
    fg_shape_binding *b = &p->options->shapes[p->options->n_shapes++];
    const char *rest;
    b->input = split(p, value, true, wanted, &rest);
    for (const fg_shape_binding *other = p->options->shapes; other < b; other++)
        if (strcmp(other->input, b->input) == 0)
            fg_raise(p->ctx, FG_USAGE, "--shape %s is given twice", fg_escape_terminal(p->ctx, b->input));
    if (strcmp(rest, "none") == 0)
        b->shape = (fg_shape){.rank = -1};
    else if (!parse_extents(rest, &b->shape))
        bad_value(p, value, wanted);
}

static void set_bound(parser *p, const char *value) {
    static const char wanted[] = "TENSOR=N or TENSOR:AXIS=N";
    fg_bound_binding *b = &p->options->bounds[p->options->n_bounds++];
    const char *rest;
    b->name = split(p, value, true, wanted, &rest);
    for (const fg_bound_binding *other = p->options->bounds; other < b; other++)
        if (strcmp(other->name, b->name) == 0)
            fg_raise(p->ctx, FG_USAGE, "--bound %s is given twice", fg_escape_terminal(p->ctx, b->name));
    b->most = integer(p, rest, 0, 0, wanted);
    if (b->most > INT32_MAX) bad_value(p, value, "a bound below 2^31");
}

/* MODEL.onnx, or MODEL.onnx@INPUT=1x3x240x240: the shape is this model's own. What is no shape belongs to the
 * file's name. */
void fg_add_model(parser *p, const char *value) {
    fg_cli_options *o = p->options;
    fg_shape_binding *b = &o->model_shapes[o->n_models];
    const char *at = strrchr(value, '@'), *sign = at ? strrchr(at, '=') : NULL;
    o->models[o->n_models++] = value;
    if (!sign || sign == at + 1 || at == value || !parse_extents(sign + 1, &b->shape)) return;
    b->input = fg_strndup(p->ctx, at + 1, (size_t)(sign - at - 1));
    o->models[o->n_models - 1] = fg_strndup(p->ctx, value, (size_t)(at - value));
}

static void add_file(parser *p, const char *value, fg_file_option *list, int *n) {
    fg_file_option *f = &list[(*n)++];
    f->name = split(p, value, false, "NAME=FILE.npy or NAME=FILE.pb", &f->file);
    for (const fg_file_option *other = list; other < f; other++)
        if (strcmp(other->name, f->name) == 0)
            fg_raise(p->ctx, FG_USAGE, "%s %s is given twice", p->option,
                     fg_escape_terminal(p->ctx, f->name));
    size_t length = strlen(f->file);
    bool npy = length > 4 && strcmp(f->file + length - 4, ".npy") == 0;
    bool pb = length > 3 && strcmp(f->file + length - 3, ".pb") == 0;
    if (!npy && !pb) bad_value(p, value, "NAME=FILE.npy or NAME=FILE.pb");
}

static void set_const(parser *p, const char *value) {
    add_file(p, value, p->options->consts, &p->options->n_consts);
}
static void set_input(parser *p, const char *value) {
    add_file(p, value, p->options->inputs, &p->options->n_inputs);
}
static void set_expect(parser *p, const char *value) {
    add_file(p, value, p->options->expects, &p->options->n_expects);
}

static void set_weights(parser *p, const char *value) {
    static const char *const names[] = {"inline", "incbin", "blob"};
    p->options->weights = (fg_weights_mode)choice(p, value, "inline, incbin or blob", 3, names);
}

static void set_arena(parser *p, const char *value) {
    static const char *const names[] = {"caller", "static"};
    p->options->static_arena = choice(p, value, "caller or static", 2, names) == 1;
}

static void set_optimize(parser *p, const char *value) {
    p->options->optimize = (fg_optimize)choice(p, value, "speed, ram or flash", 3, fg_optimize_names);
}

static void set_precision(parser *p, const char *value) {
    static const char *const names[] = {"fp32", "bf16", "fp16"};
    static const fg_dtype types[] = {FG_UNDEFINED, FG_BFLOAT16, FG_FLOAT16};
    p->options->weights_type = types[choice(p, value, "fp32, bf16, fp16 or int8", 3, names)];
}

static void set_threads(parser *p, const char *value) {
    const int64_t n = integer(p, value, 1, 0, "a number of threads from 1 to 256");
    if (n > 256) bad_value(p, value, "a number of threads from 1 to 256");
    p->options->threads = (int)n;
}

static void set_partition(parser *p, const char *value) {
    static const char *const names[] = {"fused", "pairwise"};
    p->options->pairwise = choice(p, value, "fused or pairwise", 2, names) == 1;
}

static void set_fx_compat(parser *p, const char *value) {
    static const char *const names[] = {"sd", "dropout"};
    for (;; value++) {
        size_t n = strcspn(value, ",");
        bool dropout = choice(p, fg_strndup(p->ctx, value, n), "sd, dropout or sd,dropout", 2, names) == 1;
        if (dropout)
            p->options->compat_dropout = true;
        else
            p->options->compat_stochastic_depth = true;
        value += n;
        if (!*value) return;
    }
}

static void set_max_nodes(parser *p, const char *value) {
    static const char wanted[] = "a number of operators from 1 to 1000000";
    int64_t n = integer(p, value, 1, 0, wanted);
    if (n > 1000000) bad_value(p, value, wanted);
    p->options->window.max_nodes = (int)n;
}

static void set_start(parser *p, const char *value) {
    static const char wanted[] = "the number of an operator, from 0";
    int64_t n = integer(p, value, 0, 0, wanted);
    if (n > INT32_MAX) bad_value(p, value, wanted);
    p->options->window.start = (int)n;
}

static void set_around(parser *p, const char *value) {
    if (!*value) bad_value(p, value, "a part of an operator's name");
    p->options->window.around = value;
}

static void set_verify(parser *p, const char *value) {
    static const char *const names[] = {"none", "tcc", "cc", "emulator"};
    p->options->verify =
        (fg_verify_mode)choice(p, value ? value : "tcc", "tcc, cc, emulator or none", FG_COUNT(names), names);
}

static void set_tolerance(parser *p, const char *value) {
    char *end = NULL;
    p->options->tolerance = strtod(value, &end);
    if (end == value || *end || !isfinite(p->options->tolerance) || p->options->tolerance <= 0)
        bad_value(p, value, "a positive number");
}

static void set_bench(parser *p, const char *value) {
    static const char wanted[] = "a number of runs from 1 to 1000000";
    int64_t n = value ? integer(p, value, 1, 0, wanted) : 30;
    if (n > 1000000) bad_value(p, value, wanted);
    p->options->bench_runs = (int)n;
}

static void set_tune(parser *p, const char *value) {
    static const char wanted[] = "a number of seconds from 1 to 1000000";
    int64_t n = value ? integer(p, value, 1, 0, wanted) : 60;
    if (n > 1000000) bad_value(p, value, wanted);
    p->options->tune_seconds = (int)n;
}

static void set_tune_file(parser *p, const char *value) {
    if (!*value) bad_value(p, value, "a file name");
    if (p->options->tune_file) fg_raise(p->ctx, FG_USAGE, "--tune-file is given twice");
    p->options->tune_file = value;
}

static void set_report(parser *p, const char *value) {
    static const char *const names[] = {"text", "json", "html", "dot", "svg"};
    fg_report_option *r = &p->options->reports[p->options->n_reports++];
    r->format = (fg_report_format)choice(p, value ? value : "text", "text, json, html, dot or svg",
                                         (int)FG_COUNT(names), names);
    r->file = p->pending_report_file;
    p->pending_report_file = NULL;
}

void fg_finish_reports(parser *p) {
    if (p->pending_report_file) set_report(p, NULL);
}

static void set_report_file(parser *p, const char *value) {
    fg_cli_options *o = p->options;
    if (!*value) bad_value(p, value, "a file name");
    if (o->n_reports && !o->reports[o->n_reports - 1].file)
        o->reports[o->n_reports - 1].file = value;
    else if (!p->pending_report_file)
        p->pending_report_file = value;
    else
        fg_raise(p->ctx, FG_USAGE, "--report-file is given twice for one report");
}

static void set_emit(parser *p, const char *value) {
    static const char *const names[] = {"onnx"};
    choice(p, value, "onnx", 1, names);
    if (p->options->emit) fg_raise(p->ctx, FG_USAGE, "--emit is given twice");
    p->emit_file = true;
}

/* The second word of --emit onnx FILE. */
void fg_set_emit_file(parser *p, const char *file) {
    if (!*file || (*file == '-' && file[1])) bad_value(p, file, "a file name");
    p->options->emit = file;
    p->emit_file = false;
}

static void set_dump(parser *p, const char *value) {
    if (strcmp(value, "list") == 0)
        p->options->action = FG_ACTION_LIST_PASSES;
    else
        p->options
            ->dump[choice(p, value, "read, infer, canonical, partition or list", FG_DUMP_COUNT, dump_names)] =
            true;
}

static void set_max_bytes(parser *p, const char *value) {
    p->options->max_bytes = integer(p, value, 1, 1024, "a number of bytes (suffixes k, M, G, T)");
}

static void set_max_text(parser *p, const char *value) {
    static const char wanted[] = "a number of bytes from 2 to 16M (suffixes k, M)";
    p->options->max_text = integer(p, value, 2, 1024, wanted);
    if (p->options->max_text > INT64_C(1) << 24) bad_value(p, value, wanted);
}

static void set_max_work(parser *p, const char *value) {
    p->options->max_work = integer(p, value, 1, 1000, "a number of multiply-adds (suffixes k, M, G, T)");
}

static void set_color(parser *p, const char *value) {
    static const char *const names[] = {"auto", "always", "never"};
    p->options->color = (fg_color)choice(p, value, "auto, always or never", 3, names);
}

static void set_help(parser *p, const char *value) {
    static const char *const names[] = {"text", "man", "bash", "zsh", "fish"};
    p->options->action =
        (fg_action)((int)FG_ACTION_HELP +
                    (value ? choice(p, value, "text, man, bash, zsh or fish", 5, names) : 0));
}

#define FLAG(field) (1 + offsetof(fg_cli_options, field))

static const fg_option_row rows[] = {
    {"Output", "-o", NULL, TAKES_VALUE, "FILE.c",
     "write FILE.c and FILE.h (and FILE.weights, see --weights); without -o\nthe model is checked and "
     "reported, and nothing is written",
     .set = set_output},
    {NULL, "--name", NULL, TAKES_VALUE, "PREFIX",
     "prefix of all public symbols (default: the stem of FILE.c)", .set = set_name},
    {NULL, "--target", NULL, TAKES_VALUE, "NAME|FILE.target",
     "what the code is made for (default: host, this machine)", .set = set_target},
    {NULL, "--weights", NULL, TAKES_VALUE, "inline|incbin|blob",
     "where the weights live: in the C file, in FILE.weights included by the\nassembler, or in FILE.weights "
     "passed by the caller (default: inline)",
     .set = set_weights},
    {NULL, "--arena", NULL, TAKES_VALUE, "caller|static",
     "who owns the memory for activations (default: caller)", .set = set_arena},
    {NULL, "--optimize", NULL, TAKES_VALUE, "speed|ram|flash",
     "what a choice between kernels favours: ram joins convolutions into streams\nthat keep only the rows "
     "still to be read; flash makes less code and no larger\nweights (default: speed)",
     .set = set_optimize},
    {NULL, "--precision", NULL, TAKES_VALUE, "fp32|bf16|fp16",
     "type that weights are rounded to and stored in; arithmetic stays fp32\n(default: fp32)",
     .set = set_precision},
    {NULL, "--threads", NULL, TAKES_VALUE, "N",
     "kernels may be run in N parts, by a callback that the caller passes (default: 1)", .set = set_threads},
    {NULL, "--threads-pool", NULL, TAKES_NONE, NULL,
     "with --threads: emit a pool of pthreads that provides it", .flag = FLAG(threads_pool)},
    {NULL, "--exact", NULL, TAKES_NONE, NULL,
     "nothing that changes rounding beyond the order of sums (no Winograd)", .flag = FLAG(exact)},
    {NULL, "--no-fuse", NULL, TAKES_NONE, NULL, "one kernel per operator, for comparison",
     .flag = FLAG(no_fuse)},
    {"Model", "--dim", NULL, TAKES_VALUE, "NAME=N",
     "pin a dynamic dimension; in reports NAME=1,8,16 makes one row for each", .set = set_dim},
    {NULL, "--shape", NULL, TAKES_VALUE, "INPUT=1x3x224x224",
     "pin or override the shape of an input; the elements of a sequence\nare INPUT[0], INPUT[1], ...; "
     "INPUT=none: it has no element",
     .set = set_shape},
    {NULL, "--const", NULL, TAKES_VALUE, "INPUT=FILE",
     "bind an input to the tensor in FILE (.npy or .pb) and remove it", .set = set_const},
    {NULL, "--bound", NULL, TAKES_VALUE, "TENSOR[:AXIS]=N",
     "what only a run knows is N at most: the extent of a result that depends on\ndata (along AXIS, if "
     "several "
     "do), or the elements of an int64 tensor that\ndecides on shapes or iterations; the code checks it",
     .set = set_bound},
    {NULL, "--max-bytes", NULL, TAKES_VALUE, "N",
     "refuse models that plan more than N bytes of tensors (default: 8G)", .set = set_max_bytes},
    {NULL, "--max-work", NULL, TAKES_VALUE, "N", "refuse more than N multiply-adds of checking (default: 1T)",
     .set = set_max_work},
    {NULL, "--max-text", NULL, TAKES_VALUE, "N",
     "plan N bytes for each string that the code makes, its end included (default: 256)",
     .set = set_max_text},
    {"Checking and measuring", "--verify", NULL, TAKES_OPTIONAL, "tcc|cc|emulator|none",
     "compile the code and compare it with the reference, kernel by kernel:\nin this process by tcc "
     "(default), by the target's own compiler, or by that\nand the target's emulator;\nno file is written "
     "without a passing verdict",
     .set = set_verify},
    {NULL, "--tolerance", NULL, TAKES_VALUE, "X",
     "largest error of a kernel, relative to the RMS of its result (default: 1e-4)", .set = set_tolerance},
    {NULL, "--input", NULL, TAKES_VALUE, "NAME=FILE",
     "check with this input (.npy or .pb) instead of seeded random data", .set = set_input},
    {NULL, "--expect", NULL, TAKES_VALUE, "NAME=FILE", "also compare this output with the tensor in FILE",
     .set = set_expect},
    {NULL, "--bench", NULL, TAKES_OPTIONAL, "RUNS",
     "compile by the target's compiler, run here, time whole and kernels\n(default: 30 runs)",
     .set = set_bench},
    {NULL, "--tune", NULL, TAKES_OPTIONAL, "SECONDS",
     "choose tiles by measurement on this machine, for about so long\n(default: 60)", .set = set_tune},
    {NULL, "--tune-file", NULL, TAKES_VALUE, "FILE",
     "keep in FILE what --tune chose; without --tune, choose what FILE says", .set = set_tune_file},
    {"Reports", "--report", NULL, TAKES_OPTIONAL, "text|json|html|svg|dot",
     "what was fused, moved, computed, predicted, measured (default: text);\nhtml: one page with pictures; "
     "svg, dot: the graph alone; repeatable",
     .set = set_report},
    {NULL, "--report-file", NULL, TAKES_VALUE, "FILE",
     "write the --report before it to FILE instead of stdout", .set = set_report_file},
    {NULL, "--partition", NULL, TAKES_VALUE, "fused|pairwise",
     "the grouping that reports show: fusegen's own (default), or the greedy\npairs of a published study, "
     "with its accounting",
     .set = set_partition},
    {NULL, "--fx-compat", NULL, TAKES_VALUE, "sd,dropout",
     "put operators that exporters drop back into the pairwise grouping", .set = set_fx_compat},
    {NULL, "--quantify", NULL, TAKES_NONE, NULL, "view: work, traffic, intensity, the most common patterns",
     .flag = FLAG(view[FG_VIEW_QUANTIFY])},
    {NULL, "--analyze-balance", NULL, TAKES_NONE, NULL,
     "view: sizes, patterns, bottlenecks, boundaries, recommendations", .flag = FLAG(view[FG_VIEW_BALANCE])},
    {NULL, "--visualize", NULL, TAKES_NONE, NULL, "view: operators beside the boxes of their groups",
     .flag = FLAG(view[FG_VIEW_VISUALIZE])},
    {NULL, "--max-nodes", NULL, TAKES_VALUE, "N", "--visualize: show at most N operators (default: all)",
     .set = set_max_nodes},
    {NULL, "--start", NULL, TAKES_VALUE, "N", "--visualize: from operator number N", .set = set_start},
    {NULL, "--around", NULL, TAKES_VALUE, "NAME", "--visualize: around the operator whose name contains NAME",
     .set = set_around},
    {NULL, "--compare", NULL, TAKES_NONE, NULL, "view: the pairwise partition beside fusegen's own",
     .flag = FLAG(view[FG_VIEW_COMPARE])},
    {NULL, "--profile", NULL, TAKES_NONE, NULL,
     "view: work and bytes of each operator, the most expensive groups", .flag = FLAG(view[FG_VIEW_PROFILE])},
    {NULL, "--energy", NULL, TAKES_NONE, NULL, "view: latency and energy on every target, from its figures",
     .flag = FLAG(view[FG_VIEW_ENERGY])},
    {NULL, "--family", NULL, TAKES_NONE, NULL,
     "several models: one table, and whether fusion scales over them", .flag = FLAG(family)},
    {NULL, "--emit", NULL, TAKES_VALUE, "onnx FILE",
     "write the fused graph as ONNX: kernels as local functions, quantisation\npoints as metadata",
     .set = set_emit},
    {NULL, "--dump", NULL, TAKES_VALUE, "PASS",
     "print the graph after a pass and, without -o or --report, stop there;\n--dump list names the passes",
     .set = set_dump},
    {NULL, "--list-ops", NULL, TAKES_NONE, NULL, "supported operators as a Markdown table",
     .action = FG_ACTION_LIST_OPS},
    {NULL, "--list-targets", NULL, TAKES_NONE, NULL, "known targets", .action = FG_ACTION_LIST_TARGETS},
    {NULL, "--print-flags", NULL, TAKES_NONE, NULL,
     "the compiler flags that --target is described with, for build systems",
     .action = FG_ACTION_PRINT_FLAGS},
    {"General", "--quiet", "-q", TAKES_NONE, NULL, "no progress and no notes", .flag = FLAG(quiet)},
    {NULL, "--verbose", "-v", TAKES_NONE, NULL, "reports list every node and why each tile was chosen",
     .flag = FLAG(verbose)},
    {NULL, "--color", NULL, TAKES_VALUE, "auto|always|never", "colours (default: auto, on terminals)",
     .set = set_color},
    {NULL, "--version", NULL, TAKES_NONE, NULL, "print the version", .action = FG_ACTION_VERSION},
    {NULL, "--help", "-h", TAKES_OPTIONAL, "text|man|bash|zsh|fish",
     "print this, or the same as a manual page, or completions for a shell", .set = set_help},
};

const fg_option_row *fg_option_rows(int *n) {
    *n = (int)FG_COUNT(rows);
    return rows;
}
