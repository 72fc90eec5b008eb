#include "cli/paths.h"

#include "cli/output.h"

#include <string.h>
#include <sys/stat.h>

/* A file and what it is to the user. */
typedef struct named {
    const char *path, *what;
} named;

typedef struct named_list {
    named *v;
    int n;
} named_list;

static void add(named_list *list, const char *path, const char *what) {
    if (path) list->v[list->n++] = (named){path, what};
}

static named_list new_list(fg_context *ctx, int64_t most) {
    return (named_list){.v = FG_ARRAY(ctx, most, named)};
}

static named_list written(fg_context *ctx, const fg_cli_options *o) {
    named_list list = new_list(ctx, o->n_reports + 5);
    if (o->output) {
        const fg_output_names names = fg_output_names_of(ctx, o->output);
        add(&list, names.header, "output");
        if (o->weights != FG_WEIGHTS_INLINE) add(&list, names.weights, "output");
        add(&list, names.source, "output");
    }
    add(&list, o->tune_seconds ? o->tune_file : NULL, "tune file");
    add(&list, o->emit, "--emit");
    for (int i = 0; i < o->n_reports; i++) add(&list, o->reports[i].file, "report");
    return list;
}

static named_list read_files(fg_context *ctx, const fg_cli_options *o) {
    named_list list = new_list(ctx, (int64_t)o->n_models + o->n_consts + o->n_inputs + o->n_expects + 2);
    const char *suffix = o->target ? strrchr(o->target, '.') : NULL;
    for (int i = 0; i < o->n_models; i++) add(&list, o->models[i], "the model");
    for (int i = 0; i < o->n_consts; i++) add(&list, o->consts[i].file, "the file of --const");
    for (int i = 0; i < o->n_inputs; i++) add(&list, o->inputs[i].file, "the file of --input");
    for (int i = 0; i < o->n_expects; i++) add(&list, o->expects[i].file, "the file of --expect");
    add(&list, o->tune_seconds ? NULL : o->tune_file, "the tune file");
    add(&list, suffix && strcmp(suffix, ".target") == 0 ? o->target : NULL, "the target file");
    return list;
}

static bool same_place(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Whether two names are those of one file, which need not exist yet. What is no regular file (a terminal, a
 * pipe) may be named twice. */
static bool same_file(fg_context *ctx, const char *a, const char *b) {
    struct stat s, t;
    const bool exists = stat(a, &s) == 0;
    if (exists != (stat(b, &t) == 0)) return false;
    if (exists) return S_ISREG(s.st_mode) && same_place(&s, &t);
    return strcmp(base_name(a), base_name(b)) == 0 && stat(fg_output_folder(ctx, a), &s) == 0 &&
           stat(fg_output_folder(ctx, b), &t) == 0 && same_place(&s, &t);
}

static void check_distinct(fg_context *ctx, const named_list *list) {
    for (int i = 0; i < list->n; i++) {
        for (int k = 0; k < i; k++) {
            const named *a = &list->v[k], *b = &list->v[i];
            if (!same_file(ctx, a->path, b->path)) continue;
            if (strcmp(a->what, b->what) == 0)
                fg_raise(ctx, FG_USAGE, "'%s' cannot hold two %ss", b->path, a->what);
            fg_raise(ctx, FG_USAGE, "'%s' cannot be both %s and %s", b->path, a->what, b->what);
        }
    }
}

static void check_kept(fg_context *ctx, const named_list *list, const named *read) {
    for (int i = 0; i < list->n; i++)
        if (same_file(ctx, list->v[i].path, read->path))
            fg_raise(ctx, FG_USAGE, "'%s' would overwrite %s", list->v[i].path, read->what);
}

void fg_paths_check(fg_context *ctx, const fg_cli_options *o) {
    const named_list out = written(ctx, o), in = read_files(ctx, o);
    for (int i = 0; i < in.n; i++) check_kept(ctx, &out, &in.v[i]);
    check_distinct(ctx, &out);
    for (int i = 0; i < out.n; i++) fg_output_check(ctx, out.v[i].path);
}

void fg_paths_check_read(fg_context *ctx, const fg_cli_options *o, const char *path) {
    const named_list out = written(ctx, o);
    check_kept(ctx, &out, &(named){path, "the model's external data"});
}
