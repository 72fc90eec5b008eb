/* Runs the official backend node tests: folders CASE/model.onnx with
 * CASE/test_data_set_N/{input,output}_J.pb, as make_backend_tests.sh writes them.
 *
 *     backend_runner [--mode interpret|tcc|cc] [--no-fuse] [--only TEXT] [--list-failures FILE]
 *                    [--ops-only OP[,OP...]] DIR
 *
 * Every case runs in a process of its own, so that a crash or a hang is a failure of one case. Prints how
 * many cases of each operator passed, passed after an operand had to be bound to a constant (column "bound"),
 * failed, or are unsupported; exits 1 if any failed. A case belongs to the operator of its last node. */
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frontend/draw.h"
#include "frontend/frontend.h"
#include "frontend/reader.h"
#include "tests/backend_table.h"
#include "tests/deadline.h"
#include "tests/generate.h"
#include "tests/quick_cc.h"

enum { MAX_BOUND = 16, MAX_LEAVES = 64, SECONDS = 120 };

typedef struct options {
    const char *dir, *only, *list, *ops;
    int mode;
    bool fuse;
    const char *known; /* file of failures that are understood */
    int shard, shards;
} options;

/* One case while it runs, in the child. */
typedef struct run {
    const options *o;
    const char *folder;
    fg_context *ctx;
    Onnx__ModelProto *model;
    fg_graph *graph; /* of the attempt under way; NULL while it is read */
    fg_const_binding bound[MAX_BOUND];
    int n_bound;
    fg_shape_binding pinned[MAX_LEAVES]; /* extents that the model leaves open, from the first data set */
    int n_pinned;
    bool lists; /* some input is a sequence or an optional */
    int set;    /* test data set under way */
    double rtol, atol;
} run;

/* Computes the graph's outputs from its inputs, both in graph order. */
typedef void mode_fn(run *r, const fg_tensor *in, fg_tensor *out);

/* ---- modes ---- */

static void interpret(run *r, const fg_tensor *in, fg_tensor *out) {
    bool *keep = FG_ARRAY(r->ctx, r->graph->n_values + 1, bool);
    for (int i = 0; i < r->graph->n_outputs; i++) {
        keep[r->graph->outputs[i]->id] = true;
    }
    fg_run *done = fg_interpret(r->graph, in, keep, false);
    for (int i = 0; i < r->graph->n_outputs; i++) {
        const fg_tensor *t = fg_run_value(done, r->graph->outputs[i]);
        if (t == NULL) {
            fg_raise(r->ctx, FG_INTERNAL, "runner: output '%s' was not computed", r->graph->outputs[i]->name);
        }
        out[i] = *t;
    }
}

/* Generates code and has fg_verify hold it to the interpreter, kernel by kernel and end to end; the
 * interpreter's own outputs are what the caller then compares with the test's data. */
static void compile(run *r, const fg_tensor *in, fg_tensor *out, fg_verify_mode mode) {
    interpret(r, in, out);
    fg_fusion_options fusion = {.fuse = r->o->fuse};
    const fg_codegen_options codegen = test_options();
    const fg_module *m =
        fg_generate(test_partition(r->graph, &fusion), fg_target_load(r->ctx, "host"), &codegen);
    fg_verify_options asked = {.mode = mode, .tolerance = 1e-4, .inputs = in, .seed = 1};
    fg_verdict *v = fg_verify(r->graph, m, &asked);
    if (!v->passed) {
        fg_raise(r->ctx, FG_MISMATCH, "%s", v->first_failure != NULL ? v->first_failure : "no verdict");
    }
}

static void compile_tcc(run *r, const fg_tensor *in, fg_tensor *out) {
    compile(r, in, out, FG_VERIFY_TCC);
}
static void compile_cc(run *r, const fg_tensor *in, fg_tensor *out) {
    compile(r, in, out, FG_VERIFY_CC);
}

static const struct {
    const char *name;
    mode_fn *run;
} modes[] = {{"interpret", interpret}, {"tcc", compile_tcc}, {"cc", compile_cc}};

/* ---- comparison ---- */

static bool is_real(fg_dtype t) {
    return t == FG_FLOAT || t == FG_DOUBLE || t == FG_FLOAT16 || t == FG_BFLOAT16;
}

static double real_at(const fg_tensor *t, int64_t i) {
    fg_value v = {.dtype = t->dtype, .shape = t->shape, .data = t->data};
    return fg_const_float(&v, i);
}

/* bfloat16 has fewer digits than the tolerance asks for: two units in the last place, as the official runner
 * allows. */
static double relative(const run *r, fg_dtype t) {
    return t == FG_BFLOAT16 ? fmax(r->rtol, 0x1p-6) : r->rtol;
}

static void compare_reals(run *r, const char *name, const fg_tensor *want, const fg_tensor *got) {
    int64_t n = fg_shape_count(&want->shape);
    for (int64_t i = 0; i < n; i++) {
        double w = real_at(want, i), g = real_at(got, i);
        bool same =
            (isnan(w) && isnan(g)) || w == g || fabs(g - w) <= r->atol + relative(r, want->dtype) * fabs(w);
        if (same) {
            continue;
        }
        fg_raise(r->ctx, FG_MISMATCH, "set %d, output '%s'[%lld]: expected %.9g, got %.9g", r->set, name,
                 (long long)i, w, g);
    }
}

/* Whoever drew the expected values had another generator. What can be compared: types and shapes; that truth
 * values are some, and that elements which neither side dropped agree. Where a Dropout was to drop nothing,
 * everything can. */
static bool draws(const run *r, const fg_tensor *want) {
    const int last = r->graph->n_nodes - 1;
    if (last < 0) {
        return false; /* everything has folded */
    }
    bool any = strcmp(r->graph->nodes[last]->op_type, "Dropout") != 0, drawn = false;
    for (int64_t i = 0; i < fg_shape_count(&want->shape) && want->dtype != FG_STRING; i++) {
        any = any || real_at(want, i) == 0;
    }
    for (int i = 0; i <= last; i++) {
        drawn = drawn || fg_draws(r->graph->nodes[i]);
    }
    return any && drawn;
}

static void compare_drawn(run *r, const char *name, const fg_tensor *want, const fg_tensor *got) {
    const bool likely = strcmp(r->graph->nodes[r->graph->n_nodes - 1]->op_type, "Dropout") != 0;
    for (int64_t i = 0; i < fg_shape_count(&want->shape); i++) {
        double w = real_at(want, i), g = real_at(got, i);
        const bool truth = g == 0 || g == 1, dropped = g == 0 || w == 0;
        if (likely || !is_real(want->dtype) ? truth : dropped || fabs(g - w) <= 1e-5 * fabs(w)) {
            continue;
        }
        fg_raise(r->ctx, FG_MISMATCH, "set %d, output '%s'[%lld]: drawn %.9g makes no sense beside %.9g",
                 r->set, name, (long long)i, g, w);
    }
}

static void compare(run *r, const char *name, const fg_tensor *want, const fg_tensor *got) {
    if (want->dtype != got->dtype || !fg_shape_equal(&want->shape, &got->shape)) {
        fg_raise(r->ctx, FG_MISMATCH, "set %d, output '%s': expected %s %s, got %s %s", r->set, name,
                 fg_dtype_get(want->dtype)->name, fg_shape_text(r->ctx, &want->shape),
                 fg_dtype_get(got->dtype)->name, fg_shape_text(r->ctx, &got->shape));
    }
    int64_t n = fg_shape_count(&want->shape);
    if (draws(r, want)) {
        compare_drawn(r, name, want, got);
    } else if (is_real(want->dtype)) {
        compare_reals(r, name, want, got);
    } else if (want->dtype == FG_STRING) {
        for (int64_t i = 0; i < n; i++) {
            const char *w = ((const char *const *)want->data)[i], *g = ((const char *const *)got->data)[i];
            if (strcmp(w, g) != 0) {
                fg_raise(r->ctx, FG_MISMATCH, "output '%s'[%lld]: expected \"%.60s\", got \"%.60s\"", name,
                         (long long)i, w, g);
            }
        }
    } else if (n > 0 && memcmp(want->data, got->data, fg_dtype_bytes(want->dtype, n)) != 0) {
        const unsigned char *w = want->data, *g = got->data;
        size_t at = 0;
        while (w[at] == g[at]) {
            at++;
        }
        fg_raise(r->ctx, FG_MISMATCH, "set %d, output '%s' (%s): byte %zu is %d instead of %d", r->set, name,
                 fg_dtype_get(want->dtype)->name, at, g[at], w[at]);
    }
}

/* ---- one case ---- */

static Onnx__ModelProto *read_proto(const char *folder) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/model.onnx", folder);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return NULL;
    }
    Onnx__ModelProto *m = NULL;
    if (fseek(f, 0, SEEK_END) == 0) {
        long size = ftell(f);
        uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
        rewind(f);
        if (data != NULL && size > 0 && fread(data, 1, (size_t)size, f) == (size_t)size) {
            m = onnx__model_proto__unpack(NULL, (size_t)size, data);
        }
        free(data);
    }
    (void)fclose(f);
    return m;
}

static const char *last_op(const Onnx__ModelProto *m) {
    if (m == NULL || m->graph == NULL || m->graph->n_node == 0) {
        return "?";
    }
    const char *op = m->graph->node[m->graph->n_node - 1]->op_type;
    return op == NULL ? "?" : op;
}

/* True if some node's operator is in the comma-separated list. */
static bool in_list(const char *list, const char *op) {
    size_t n = strlen(op);
    for (const char *p = list; p != NULL && *p != '\0'; p += *p == ',') {
        size_t k = strcspn(p, ",");
        if (k == n && strncmp(p, op, n) == 0) {
            return true;
        }
        p += k;
    }
    return false;
}

static const char *data_path(run *r, const char *kind, size_t j) {
    return fg_format(r->ctx, "%s/test_data_set_%d/%s_%zu.pb", r->folder, r->set, kind, j);
}

/* The tensors that an interface value consists of: one, or the elements of a sequence or an optional. */
typedef struct leaves {
    fg_tensor tensor[MAX_LEAVES];
    const char *name[MAX_LEAVES]; /* "x", "x[0]", "x[0][1]" */
    int n;
} leaves;

static void add_leaf(run *r, leaves *l, const char *name, const Onnx__TensorProto *t) {
    fg_reader reader = {.ctx = r->ctx, .path = name};
    bool synthetic;
    if (l->n == MAX_LEAVES) {
        fg_raise(r->ctx, FG_INTERNAL, "runner: '%s' has too many elements", name);
    }
    l->name[l->n] = name;
    l->tensor[l->n++] = fg_read_tensor(&reader, t, name, &synthetic);
}

static void add_sequence(run *r, leaves *l, const char *name, const Onnx__SequenceProto *s) {
    for (size_t i = 0; i < s->n_tensor_values; i++) {
        add_leaf(r, l, fg_format(r->ctx, "%s[%zu]", name, i), s->tensor_values[i]);
    }
}

static ProtobufCMessage *read_message(run *r, const char *path, const ProtobufCMessageDescriptor *d) {
    const fg_file *f = fg_file_open(r->ctx, path, FG_USAGE);
    ProtobufCMessage *m = protobuf_c_message_unpack(d, NULL, f->size, f->data);
    if (m == NULL) {
        fg_raise(r->ctx, FG_INTERNAL, "runner: '%s' cannot be read", path);
    }
    return m; /* lives until the process ends */
}

static leaves read_leaves(run *r, const char *kind, size_t j, const Onnx__ValueInfoProto *v) {
    leaves l = {.n = 0};
    const char *path = data_path(r, kind, j), *inside = fg_format(r->ctx, "%s[0]", v->name);
    if (v->type != NULL && v->type->sequence_type != NULL) {
        add_sequence(r, &l, v->name,
                     (Onnx__SequenceProto *)read_message(r, path, &onnx__sequence_proto__descriptor));
    } else if (v->type != NULL && v->type->optional_type != NULL) {
        const Onnx__OptionalProto *o =
            (Onnx__OptionalProto *)read_message(r, path, &onnx__optional_proto__descriptor);
        if (o->tensor_value != NULL) {
            add_leaf(r, &l, inside, o->tensor_value);
        } else if (o->sequence_value != NULL) {
            add_sequence(r, &l, inside, o->sequence_value);
        }
    } else {
        l.name[0] = v->name;
        l.tensor[0] = fg_read_tensor_file(r->ctx, path);
        l.n = 1;
    }
    return l;
}

/* Data of an input of the graph, which may be an element of one of the model. */
static fg_tensor read_input(run *r, const char *name) {
    const Onnx__GraphProto *g = r->model->graph;
    for (size_t j = 0; j < g->n_input; j++) {
        size_t n = strlen(g->input[j]->name);
        if (strncmp(g->input[j]->name, name, n) != 0 || (name[n] != '\0' && name[n] != '[')) {
            continue;
        }
        leaves l = read_leaves(r, "input", j, g->input[j]);
        for (int i = 0; i < l.n; i++) {
            if (strcmp(l.name[i], name) == 0) {
                return l.tensor[i];
            }
        }
    }
    fg_raise(r->ctx, FG_INTERNAL, "runner: '%s' is not in the model's interface", name);
}

static bool is_open(const Onnx__ValueInfoProto *v) {
    const Onnx__TensorShapeProto *s =
        v->type != NULL && v->type->tensor_type != NULL ? v->type->tensor_type->shape : NULL;
    bool open = s == NULL;
    for (size_t d = 0; s != NULL && d < s->n_dim; d++) {
        open = open || !s->dim[d]->has_dim_value;
    }
    return open;
}

static void pin(run *r, const char *name, const fg_shape *shape) {
    if (r->n_pinned < MAX_LEAVES) {
        r->pinned[r->n_pinned++] = (fg_shape_binding){name, *shape};
    }
}

/* What the model leaves open of its inputs' extents is taken from the first data set. */
static void pin_inputs(run *r) {
    const Onnx__GraphProto *g = r->model->graph;
    r->n_pinned = 0;
    for (size_t j = 0; j < g->n_input; j++) {
        const Onnx__ValueInfoProto *v = g->input[j];
        bool list = v->type != NULL && (v->type->sequence_type != NULL || v->type->optional_type != NULL);
        if (access(data_path(r, "input", j), F_OK) != 0 || (!list && !is_open(v))) {
            continue;
        }
        leaves l = read_leaves(r, "input", j, v);
        r->lists = r->lists || list;
        for (int i = 0; i < l.n; i++) {
            pin(r, l.name[i], &l.tensor[i].shape);
        }
        if (list && l.n == 0) {
            pin(r, v->name, &(fg_shape){.rank = -1});
        }
    }
}

static void run_set(run *r) {
    fg_graph *g = r->graph;
    fg_tensor *in = FG_ARRAY(r->ctx, g->n_inputs + 1, fg_tensor),
              *out = FG_ARRAY(r->ctx, g->n_outputs + 1, fg_tensor);
    for (int i = 0; i < g->n_inputs; i++) {
        in[i] = read_input(r, g->inputs[i]->name);
    }
    modes[r->o->mode].run(r, in, out);
    int made = 0;
    for (size_t j = 0; j < r->model->graph->n_output; j++) {
        leaves want = read_leaves(r, "output", j, r->model->graph->output[j]);
        for (int i = 0; i < want.n; i++, made++) {
            if (made < g->n_outputs) {
                compare(r, want.name[i], &want.tensor[i], &out[made]);
            }
        }
    }
    if (made != g->n_outputs) {
        fg_raise(r->ctx, FG_MISMATCH, "set %d: %d outputs instead of %d", r->set, g->n_outputs, made);
    }
}

static bool set_exists(const run *r, int set) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/test_data_set_%d", r->folder, set);
    return access(path, F_OK) == 0;
}

static void attempt(fg_context *ctx, void *arg) {
    run *r = arg;
    r->graph = NULL;
    r->set = 0;
    pin_inputs(r);
    fg_read_options pins = {
        .consts = r->bound, .n_consts = r->n_bound, .shapes = r->pinned, .n_shapes = r->n_pinned};
    fg_graph *g = fg_read_model(ctx, fg_format(ctx, "%s/model.onnx", r->folder), &pins);
    r->graph = g;
    fg_infer(g);
    if (!set_exists(r, 0)) {
        fg_raise(ctx, FG_INTERNAL, "runner: there are no test data");
    }
    for (; set_exists(r, r->set); r->set++) {
        run_set(r);
    }
}

/* ---- operands that must be constant ---- */

/* A shape, axes, an amount, scales: integers or bools, or a short list of floats. */
static bool is_operand(const Onnx__ValueInfoProto *v) {
    if (v->type == NULL || v->type->tensor_type == NULL) {
        return false;
    }
    fg_dtype t = (fg_dtype)v->type->tensor_type->elem_type;
    const Onnx__TensorShapeProto *s = v->type->tensor_type->shape;
    return t == FG_BOOL || fg_dtype_get(t)->is_integer ||
           (fg_dtype_get(t)->is_float && s != NULL && s->n_dim <= 1);
}

typedef struct binding {
    run *r;
    const char *name;
} binding;

static void read_binding(fg_context *ctx, void *arg) {
    (void)ctx;
    binding *b = arg;
    run *r = b->r;
    r->set = 0;
    r->bound[r->n_bound] = (fg_const_binding){b->name, read_input(r, b->name)};
}

static bool bind(run *r, const char *name) {
    for (int i = 0; i < r->n_bound; i++) {
        if (strcmp(r->bound[i].input, name) == 0) {
            return false;
        }
    }
    for (size_t i = 0; i < r->model->graph->n_input && r->n_bound < MAX_BOUND; i++) {
        const Onnx__ValueInfoProto *v = r->model->graph->input[i];
        if (strcmp(v->name, name) != 0 || !is_operand(v)) {
            continue;
        }
        binding b = {r, v->name};
        if (fg_try(r->ctx, read_binding, &b) != FG_OK) {
            return false;
        }
        r->n_bound++;
        return true;
    }
    return false;
}

/* Binds the graph inputs that v is computed from. */
static bool bind_sources(run *r, const fg_value *v, int depth) {
    if (v == NULL || v->data != NULL || depth > 64) {
        return false;
    }
    if (v->is_input) {
        return bind(r, v->name);
    }
    bool any = false;
    for (int i = 0; v->producer != NULL && i < v->producer->n_in; i++) {
        any = bind_sources(r, v->producer->in[i], depth + 1) || any;
    }
    return any;
}

/* If the diagnostic names ('like this') a value that has to be constant, binds it from the first data set. */
static bool bind_named(run *r) {
    fg_diagnostic d = *fg_context_diagnostic(r->ctx);
    if (strstr(d.message, "constant") == NULL) {
        return false;
    }
    for (char *p = strchr(d.message, '\''); p != NULL; p = strchr(p, '\'')) {
        char *end = strchr(++p, '\'');
        if (end == NULL) {
            return false;
        }
        *end = '\0';
        if (bind(r, p)) {
            return true;
        }
        for (int i = 0; r->graph != NULL && i < r->graph->n_values; i++) {
            const fg_value *v = r->graph->values[i];
            if (strcmp(v->name, p) == 0 && bind_sources(r, v, 0)) {
                return true;
            }
        }
        p = end + 1;
    }
    return false;
}

/* ---- a case ---- */

static void tell(backend_result *res, const fg_diagnostic *d) {
    (void)snprintf(res->message, sizeof res->message, "%.60s %.40s: %.380s", d->node, d->op, d->message);
}

/* Runs one case; false: the filter leaves it out. */
static bool run_case(const options *o, const char *folder, backend_result *res) {
    run r = {.o = o, .folder = folder, .rtol = 1e-3, .atol = 1e-7};
    r.model = read_proto(folder);
    (void)snprintf(res->op, sizeof res->op, "%.63s", last_op(r.model));
    if (o->ops != NULL && !in_list(o->ops, res->op)) {
        return false;
    }
    r.ctx = fg_context_new();
    if (r.ctx == NULL || r.model == NULL || r.model->graph == NULL) {
        res->outcome = FAILED;
        (void)snprintf(res->message, sizeof res->message, "the model cannot be read");
        return true;
    }
    fg_status status = fg_try(r.ctx, attempt, &r);
    while (status == FG_UNSUPPORTED && bind_named(&r)) {
        status = fg_try(r.ctx, attempt, &r);
    }
    res->outcome = status == FG_UNSUPPORTED   ? UNSUPPORTED
                   : status != FG_OK          ? FAILED
                   : r.n_bound > 0 || r.lists ? BOUND
                                              : PASSED;
    if (status != FG_OK) {
        tell(res, fg_context_diagnostic(r.ctx));
    }
    fg_context_free(r.ctx);
    onnx__model_proto__free_unpacked(r.model, NULL);
    return true;
}

/* Runs a case in a child process, which sends its result through a pipe; a child that sends nothing has
 * crashed. */
static bool isolate(const options *o, const char *folder, backend_result *res) {
    int ends[2], status = 0;
    if (pipe(ends) != 0) {
        return false;
    }
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        deadline(SECONDS);
        *res = (backend_result){.outcome = FAILED};
        bool counts = run_case(o, folder, res);
        ssize_t sent = counts ? write(ends[1], res, sizeof *res) : 0;
        _exit(counts && sent != (ssize_t)sizeof *res ? 2 : counts ? 0 : 3);
    }
    (void)close(ends[1]);
    *res = (backend_result){.outcome = FAILED};
    ssize_t got = child > 0 ? read(ends[0], res, sizeof *res) : -1;
    (void)close(ends[0]);
    if (child > 0) {
        (void)waitpid(child, &status, 0);
    }
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 3) {
        return false;
    }
    if (got == (ssize_t)sizeof *res && WIFEXITED(status)) {
        return true;
    }
    *res = (backend_result){.outcome = FAILED};
    Onnx__ModelProto *m = read_proto(folder);
    (void)snprintf(res->op, sizeof res->op, "%.63s", last_op(m));
    if (m != NULL) {
        onnx__model_proto__free_unpacked(m, NULL);
    }
    (void)snprintf(res->message, sizeof res->message, "the process ended by signal %d", WTERMSIG(status));
    return true;
}

/* ---- command line ---- */

static int usage(void) {
    fprintf(stderr, "usage: backend_runner [--mode NAME] [--no-fuse] [--only TEXT] [--list-failures FILE]"
                    " [--ops-only OP,...] [--known FILE] [--shard I/N] DIR\nmodes:");
    for (size_t i = 0; i < FG_COUNT(modes); i++) {
        fprintf(stderr, " %s", modes[i].name);
    }
    fprintf(stderr, "\n");
    return 2;
}

static bool parse_mode(options *o, const char *name) {
    for (size_t i = 0; i < FG_COUNT(modes); i++) {
        if (strcmp(name, modes[i].name) != 0) {
            continue;
        }
        o->mode = (int)i;
        return true;
    }
    return false;
}

static bool parse(int argc, char **argv, options *o) {
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(a, "--no-fuse") == 0) {
            o->fuse = false;
        } else if (strncmp(a, "--", 2) != 0) {
            if (o->dir != NULL) {
                return false;
            }
            o->dir = a;
        } else if (v == NULL) {
            return false;
        } else {
            i++;
            if (strcmp(a, "--mode") == 0) {
                if (!parse_mode(o, v)) {
                    return false;
                }
            } else if (strcmp(a, "--only") == 0) {
                o->only = v;
            } else if (strcmp(a, "--list-failures") == 0) {
                o->list = v;
            } else if (strcmp(a, "--ops-only") == 0) {
                o->ops = v;
            } else if (strcmp(a, "--known") == 0) {
                o->known = v;
            } else if (strcmp(a, "--shard") == 0) {
                char *end = NULL;
                o->shard = (int)strtol(v, &end, 10) - 1;
                o->shards = *end == '/' ? (int)strtol(end + 1, NULL, 10) : 0;
                if (o->shard < 0 || o->shard >= o->shards) {
                    return false;
                }
            } else {
                return false;
            }
        }
    }
    return o->dir != NULL;
}

static void run_all(const options *o, backend_table *t, FILE *list) {
    struct dirent **entries = NULL;
    int n_wanted = 0;
    int n = scandir(o->dir, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        char folder[4096], model[4200];
        backend_result res;
        (void)snprintf(folder, sizeof folder, "%s/%s", o->dir, name);
        (void)snprintf(model, sizeof model, "%s/model.onnx", folder);
        bool wanted = access(model, R_OK) == 0 && (o->only == NULL || strstr(name, o->only) != NULL);
        wanted = wanted && n_wanted++ % o->shards == o->shard;
        if (wanted && isolate(o, folder, &res)) {
            backend_apply_known(o->known, name, o->mode == 0, &res);
            if (res.outcome == FAILED) {
                fprintf(stderr, "failed: %s (%s): %s\n", name, res.op, res.message);
            }
            backend_count(t, &res);
            if (list != NULL && res.outcome >= FAILED) {
                fprintf(list, "%s\t%s\t%s\t%s\n", name, res.op, backend_outcomes[res.outcome], res.message);
            }
        }
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv) {
    options o = {.fuse = true, .shards = 1};
    backend_table t = {NULL, 0};
    if (!parse(argc, argv, &o)) {
        return usage();
    }
    FILE *list = o.list != NULL ? fopen(o.list, "w") : NULL;
    if (o.list != NULL && list == NULL) {
        fprintf(stderr, "backend_runner: '%s' cannot be written\n", o.list);
        return 2;
    }
    fg_context *ctx = strcmp(modes[o.mode].name, "cc") == 0 ? fg_context_new() : NULL;
    if (ctx != NULL) {
        quick_cc(ctx);
    }
    run_all(&o, &t, list);
    if (ctx != NULL) {
        fg_context_free(ctx);
    }
    if (list != NULL) {
        (void)fclose(list);
    }
    if (t.n == 0) {
        fprintf(stderr, "backend_runner: no cases in '%s'\n", o.dir);
        return 2;
    }
    int failures = backend_print(&t);
    free(t.rows);
    return failures > 0;
}
