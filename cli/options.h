/* The command line as data: what the user asked for, checked as far as it can be without reading a model.
 *
 * Strings point into argv; arrays live in the context that parsing was given.
 */
#ifndef FG_CLI_OPTIONS_H
#define FG_CLI_OPTIONS_H

#include "frontend/frontend.h"
#include "verify/verify.h"

typedef enum fg_action {
    FG_ACTION_RUN,
    FG_ACTION_HELP, /* and its other forms, in the order of --help's values */
    FG_ACTION_MAN,
    FG_ACTION_BASH,
    FG_ACTION_ZSH,
    FG_ACTION_FISH,
    FG_ACTION_VERSION,
    FG_ACTION_LIST_TARGETS,
    FG_ACTION_PRINT_FLAGS,
    FG_ACTION_LIST_OPS,
    FG_ACTION_LIST_PASSES
} fg_action;

typedef enum fg_color { FG_COLOR_AUTO, FG_COLOR_ALWAYS, FG_COLOR_NEVER } fg_color;
typedef enum fg_report_format {
    FG_REPORT_TEXT,
    FG_REPORT_JSON,
    FG_REPORT_HTML,
    FG_REPORT_DOT,
    FG_REPORT_SVG
} fg_report_format;

/* Passes after which --dump can print the graph, in the order in which they run. */
typedef enum fg_dump_pass {
    FG_DUMP_READ,
    FG_DUMP_INFER,
    FG_DUMP_CANONICAL,
    FG_DUMP_PARTITION,
    FG_DUMP_COUNT
} fg_dump_pass;

/* --dim NAME=1,8,16: more than one extent makes a sweep. */
typedef struct fg_dim_option {
    const char *name;
    int64_t *extents;
    int n;
} fg_dim_option;

/* --const, --input, --expect: NAME=FILE. */
typedef struct fg_file_option {
    const char *name, *file;
} fg_file_option;

typedef struct fg_report_option {
    fg_report_format format;
    const char *file; /* NULL: stdout */
} fg_report_option;

/* Views of a report, in the order in which they are printed. */
typedef enum fg_view {
    FG_VIEW_QUANTIFY,
    FG_VIEW_BALANCE,
    FG_VIEW_VISUALIZE,
    FG_VIEW_PROFILE,
    FG_VIEW_COMPARE,
    FG_VIEW_ENERGY,
    FG_VIEW_COUNT
} fg_view;

/* What --visualize shows. */
typedef struct fg_window {
    int max_nodes;      /* 0: all */
    int start;          /* operator number */
    const char *around; /* part of an operator's name; NULL: from start */
} fg_window;

typedef struct fg_cli_options {
    fg_action action;
    const char **models;
    fg_shape_binding *model_shapes; /* of MODEL.onnx@INPUT=1x3x240x240, by model; input NULL: none */
    int n_models;
    const char *output; /* -o, ends in ".c"; NULL: write nothing */
    const char *name;   /* --name, a C identifier; NULL: from the output's stem */
    const char *target;
    fg_dim_option *dims;
    int n_dims;
    fg_shape_binding *shapes;
    int n_shapes;
    fg_file_option *consts, *inputs, *expects;
    int n_consts, n_inputs, n_expects;
    fg_bound_binding *bounds; /* --bound */
    int n_bounds;
    fg_weights_mode weights;
    fg_dtype weights_type; /* --precision: FG_FLOAT16 or FG_BFLOAT16; FG_UNDEFINED: fp32 */
    bool static_arena, exact, no_fuse;
    fg_optimize optimize;
    int threads; /* 0: not given, one */
    bool threads_pool;
    bool pairwise;                                /* --partition pairwise */
    bool compat_stochastic_depth, compat_dropout; /* --fx-compat */
    bool view[FG_VIEW_COUNT];
    bool family;
    fg_window window;
    fg_verify_mode verify;
    double tolerance;
    int tune_seconds;      /* 0: no --tune */
    const char *tune_file; /* with --tune written, else read; NULL: none */
    int bench_runs;        /* 0: no --bench */
    const char *emit;      /* --emit onnx FILE; NULL: none */
    fg_report_option *reports;
    int n_reports;
    bool dump[FG_DUMP_COUNT];
    int64_t max_bytes, max_work, max_text; /* 0: the context's defaults */
    bool quiet, verbose;
    fg_color color;
} fg_cli_options;

/* Reads argv into options (zeroed by the caller is not needed). Raises FG_USAGE with one line that names the
 * option. */
void fg_options_parse(fg_context *ctx, int argc, char **argv, fg_cli_options *options);

/* The text of --help, made from the same table that parsing uses: for terminals, as a manual page (man(7)),
 * and as completions of three shells. */
void fg_help_text(fg_text *out);
void fg_help_man(fg_text *out);
void fg_help_bash(fg_text *out);
void fg_help_zsh(fg_text *out);
void fg_help_fish(fg_text *out);

/* "read", "infer", "canonical", "partition". */
const char *fg_dump_pass_name(fg_dump_pass pass);

/* --quiet, --verbose and --color wherever they stand: a usage error must already be printed the way the user
 * wants it. */
fg_color fg_options_early_color(int argc, char **argv);

/* True if stream is to be coloured. */
bool fg_color_on(fg_color color, FILE *stream);

#endif
