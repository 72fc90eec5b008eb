/* Differential testing: random valid graphs, generated code against the reference interpreter.
 *
 *     differential --seed 1 --count 1000             graphs of the seeds 1 to 1000
 *     differential --seed 77 --count 1 --onnx DIR    a failing one, reduced and written as a model file
 *
 * Options: --seconds N (starts no graph after that time), --all-targets (else two fused and one unfused
 * configuration a graph), --cc PERCENT (that share of graphs goes through the C compiler too), --keep-going,
 * --no-reduce, --dump. A graph is checked in a process of its own, so a crash or a hang of the generator is a
 * failure like any other. Graphs with an operator that has no lowering count as skipped. Exit status: 0 all
 * passed, 1 something failed, 2 wrong usage. */
#include "random_copy.h"

#include <getopt.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"
#include "fusion/patterns.h"
#include "fusion/rounding.h"
#include "onnx_graph.h"
#include "tests/generate.h"
#include "verify/inputs.h"

enum { SECONDS = 100, REDUCTIONS = 400, SKIPPED_OPS = 64 };

typedef struct settings {
    uint64_t seed;
    int64_t count;
    int cc, seconds;
    bool all_targets, keep_going, reduce, dump;
    const char *onnx;
} settings;

/* ---- checking ---- */

typedef enum outcome { PASSED, SKIPPED, ILL_CONDITIONED, FAILED } outcome;

enum { PATTERNS = 64 };

typedef struct result {
    outcome outcome;
    bool matched[PATTERNS]; /* rows of the pattern table that formed a kernel */
    char op[128];           /* without lowering */
    char text[1200];
} result;

typedef struct check {
    const fg_graph *read;
    const char *target;
    bool fuse;
    fg_verify_mode mode;
    uint64_t seed;
    bool raised_by_compiler; /* of the machine */
    result *r;
} check;

/* True if inputs that differ in the last bit or two, or sums in single precision, change some value by more
 * than a hundred times that: the mean of what was centred before, say. Any two orders of computation may then
 * disagree. */
static bool is_ill_conditioned(fg_graph *g, uint64_t seed) {
    fg_tensor *in = fg_verify_inputs(g, NULL, seed);
    rng r = {seed};
    for (int i = 0; i < g->n_inputs; i++) {
        int64_t *number = in[i].dtype == FG_INT64 && fg_shape_count(&in[i].shape) == 1 ? in[i].data : NULL;
        if (number != NULL && *number < 1) {
            *number = 1; /* kernels inside of a loop of no iterations are compared as in its first */
        }
    }
    /* Asked for, since what is inside of loops is forgotten else. */
    bool *keep = FG_ARRAY(g->ctx, g->n_values + 1, bool);
    memset(keep, true, (size_t)g->n_values);
    fg_run *run = fg_interpret(g, in, keep, false);
    for (int i = 0; i < g->n_inputs; i++) {
        for (int64_t k = 0; in[i].dtype == FG_FLOAT && k < fg_shape_count(&in[i].shape); k++) {
            ((float *)in[i].data)[k] *= 1 + (float)rng_range(&r, -2, 2) * 1.2e-7F;
        }
    }
    fg_run *other = fg_interpret(g, in, keep, false), *single = fg_interpret(g, in, keep, true);
    for (int i = 0; i < g->n_values; i++) {
        const fg_tensor *a = fg_run_value(run, g->values[i]), *b = fg_run_value(other, g->values[i]);
        const fg_tensor *c = fg_run_value(single, g->values[i]);
        bool there = a != NULL && b != NULL && c != NULL && a->dtype == FG_FLOAT;
        if (there && (!fg_compare(a, b, 2.5e-5).passed || !fg_compare(b, c, 2.5e-5).passed)) {
            return true;
        }
    }
    return false;
}

/* Rounded weights may bring a number to where it is a toss-up which integer it becomes: any two orders of
 * computation may then disagree. */
static bool quantises(const fg_graph *g) {
    bool any = false;
    for (int i = 0; i < g->n_nodes; i++) {
        any = any || strstr(g->nodes[i]->op_type, "Quantize") != NULL;
    }
    return any;
}

/* --optimize, --precision. */
static fg_fusion_options fusion_options(const check *k) {
    static const fg_dtype types[] = {FG_FLOAT16, FG_BFLOAT16};
    static const fg_optimize favours[] = {FG_OPTIMIZE_RAM, FG_OPTIMIZE_FLASH};
    rng r = {k->seed ^ 0x0B71};
    fg_fusion_options o = {.fuse = k->fuse};
    if (rng_chance(&r, 45)) {
        o.optimize = favours[rng_range(&r, 0, 1)];
    }
    if (rng_chance(&r, 25) && !quantises(k->read)) {
        o.weights = types[rng_range(&r, 0, 1)];
    }
    return o;
}

/* As on the command line. */
static const char *options_text(fg_context *ctx, const check *k) {
    const fg_fusion_options o = fusion_options(k);
    return fg_format(ctx, "%s%s%s%s%s%s%s", k->target, k->fuse ? "" : " --no-fuse",
                     k->mode == FG_VERIFY_CC ? " --verify=cc" : "",
                     o.optimize != FG_OPTIMIZE_SPEED ? " --optimize " : "",
                     o.optimize != FG_OPTIMIZE_SPEED ? fg_optimize_names[o.optimize] : "",
                     o.weights != FG_UNDEFINED ? " --precision " : "",
                     o.weights != FG_UNDEFINED ? fg_precision_name(o.weights) : "");
}

static void check_body(fg_context *ctx, void *arg) {
    const check *k = arg;
    rng r = {k->seed};
    rng_next(&r);
    const edit none = {0};
    fg_graph *read = copy_graph(ctx, k->read, &none);
    const fg_fusion_options fusion = fusion_options(k);
    const fg_partition *p = test_partition(read, &fusion);
    for (int i = 0; i < p->n_kernels; i++) {
        for (int row = 0; row < fg_patterns_count && row < PATTERNS; row++) {
            k->r->matched[row] = k->r->matched[row] || p->kernels[i]->pattern == &fg_patterns[row];
        }
    }
    fg_codegen_options codegen = test_options();
    codegen.weights = rng_chance(&r, 30) ? FG_WEIGHTS_BLOB : FG_WEIGHTS_INLINE;
    codegen.static_arena = rng_chance(&r, 30);
    codegen.exact = rng_chance(&r, 20);
    codegen.optimize = fusion.optimize;
    codegen.threads = (int)rng_range(&r, 1, 3);
    fg_module *m = fg_generate(p, fg_target_load(ctx, k->target), &codegen);
    const fg_verify_options options = {.mode = k->mode, .tolerance = 1e-4, .seed = k->seed};
    const fg_verdict *v = fg_verify(read, m, &options);
    if (!v->passed) {
        k->r->outcome = is_ill_conditioned(read, k->seed) ? ILL_CONDITIONED : FAILED;
        snprintf(k->r->text, sizeof k->r->text, "%s: %s", options_text(ctx, k), v->first_failure);
    }
}

static void check_one(check *k) {
    fg_context *ctx = fg_context_new();
    fg_status status = ctx == NULL ? FG_INTERNAL : fg_try(ctx, check_body, k);
    if (status == FG_UNSUPPORTED) {
        const fg_diagnostic *d = fg_context_diagnostic(ctx);
        k->r->outcome = k->r->outcome > SKIPPED ? k->r->outcome : SKIPPED;
        snprintf(k->r->op, sizeof k->r->op, "%s: %.40s", d->op, d->message);
    } else if (status != FG_OK && ctx != NULL) {
        const fg_diagnostic *d = fg_context_diagnostic(ctx);
        k->r->outcome = FAILED;
        snprintf(k->r->text, sizeof k->r->text, "%s: status %d: %s (%s): %s", options_text(ctx, k), status,
                 d->node, d->op, d->message);
    }
    if (ctx != NULL) {
        fg_context_free(ctx);
    }
}

/* Every vector width, and every size of a register file. */
static const char *const all_targets[] = {
    "generic",       "x86-64",    "x86-64-v3", "x86-64-v4",   "zen4",      "cortex-m4f", "cortex-m55",
    "cortex-m0plus", "cortex-a9", "aarch64",   "neoverse-v1", "rv32imafc", "rv64gcv-256"};

/* Everything that is asked of one graph, until something fails. */
static void check_graph(const fg_graph *g, uint64_t seed, const settings *s, result *r) {
    rng random = {seed ^ 0x5EED};
    const int64_t n = FG_COUNT(all_targets), first = rng_range(&random, 0, n - 1);
    const int64_t second = (first + rng_range(&random, 1, n - 1)) % n, plain = rng_range(&random, 0, n - 1);
    check k = {.read = g, .seed = seed, .mode = FG_VERIFY_TCC, .r = r};
    for (int64_t i = 0; i < 2 * n && r->outcome != FAILED; i++) {
        k.target = all_targets[i / 2];
        k.fuse = i % 2 == 0;
        if (s->all_targets || (k.fuse && (i / 2 == first || i / 2 == second)) ||
            (!k.fuse && i / 2 == plain)) {
            check_one(&k);
        }
    }
    if (r->outcome == PASSED && rng_chance(&random, s->cc)) {
        static const char *const compiled[] = {"host", "generic", "x86-64"};
        k.target = compiled[rng_range(&random, 0, 2)];
        k.fuse = rng_chance(&random, 70);
        k.mode = FG_VERIFY_CC;
        check_one(&k);
    }
}

/* The same in a process of its own. */
static result check_apart(const fg_graph *g, uint64_t seed, const settings *s) {
    result r = {.outcome = FAILED};
    int ends[2], status = 0;
    fflush(NULL);
    if (pipe(ends) != 0) {
        return r;
    }
    pid_t child = fork();
    if (child == 0) {
        result own = {.outcome = PASSED};
        deadline(SECONDS);
        check_graph(g, seed, s, &own);
        ssize_t written = write(ends[1], &own, sizeof own);
        _exit(written == (ssize_t)sizeof own ? 0 : 1);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], &r, sizeof r);
    close(ends[0]);
    waitpid(child, &status, 0);
    if (got != (ssize_t)sizeof r) {
        int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        r = (result){.outcome = FAILED};
        snprintf(r.text, sizeof r.text, "the generator ends by signal %d (%s)", number, strsignal(number));
    }
    return r;
}

/* ---- reducing ---- */

typedef struct reduction {
    fg_context *ctx; /* of the graph */
    fg_graph *g;
    uint64_t seed;
    const settings *s;
    result r;
    int tries;
} reduction;

typedef struct attempt {
    const fg_graph *from;
    const edit *e;
    fg_graph *to;
} attempt;

static void try_copy(fg_context *ctx, void *arg) {
    attempt *a = arg;
    a->to = copy_as_made(ctx, a->from, a->e);
}

/* Keeps the changed graph if it still fails. */
static bool reduce_by(reduction *d, const edit *e) {
    fg_context *ctx = d->tries < REDUCTIONS ? fg_context_new() : NULL;
    attempt a = {.from = d->g, .e = e};
    d->tries++;
    if (ctx == NULL) {
        return false;
    }
    if (fg_try(ctx, try_copy, &a) == FG_OK) {
        result r = check_apart(a.to, d->seed, d->s);
        if (r.outcome == FAILED) {
            fg_context_free(d->ctx);
            d->ctx = ctx;
            d->g = a.to;
            d->r = r;
            return true;
        }
    }
    fg_context_free(ctx);
    return false;
}

static bool reduce_outputs(reduction *d) {
    for (int i = 0; i < d->g->n_outputs && d->g->n_outputs > 1; i++) {
        if (reduce_by(d, &(edit){.without = d->g->outputs[i]})) {
            return true;
        }
    }
    return false;
}

/* An earlier value as the only output, later ones from what an input might hold. */
static bool reduce_nodes(reduction *d) {
    for (int i = 0; i < d->g->n_nodes - 1; i++) {
        if (reduce_by(d, &(edit){.only = d->g->nodes[i]->out[0]})) {
            return true;
        }
    }
    for (int i = d->g->n_nodes - 1; i >= 0; i--) {
        if (!d->g->nodes[i]->out[0]->is_output && reduce_by(d, &(edit){.cut = d->g->nodes[i]->out[0]})) {
            return true;
        }
    }
    for (int i = 0; i < d->g->n_nodes; i++) {
        const fg_node *n = d->g->nodes[i];
        for (int k = 0; k < n->n_in; k++) {
            const fg_value *v = n->in[k];
            if (v != NULL && v->dtype == n->out[0]->dtype && fg_shape_equal(&v->shape, &n->out[0]->shape) &&
                reduce_by(d, &(edit){.bypassed = n->out[0], .bypass_to = v})) {
                return true;
            }
        }
    }
    return false;
}

static bool reduce_extent(reduction *d, int64_t extent) {
    for (int64_t smaller = 1; smaller < extent; smaller += smaller < 5 ? 1 : 4) {
        if (reduce_by(d, &(edit){.extent = extent, .smaller = smaller})) {
            return true;
        }
    }
    return false;
}

static bool reduce_extents(reduction *d) {
    for (int i = 0; i < d->g->n_values; i++) {
        const fg_value *v = d->g->values[i];
        for (int k = 0; k < v->shape.rank && (v->is_input || (v->data != NULL && v->producer == NULL)); k++) {
            if (v->shape.dim[k] > 1 && reduce_extent(d, v->shape.dim[k])) {
                return true;
            }
        }
    }
    return false;
}

static bool reduce_attributes(reduction *d) {
    for (int i = 0; i < d->g->n_nodes; i++) {
        const fg_node *n = d->g->nodes[i];
        for (int k = 0; k < n->n_attr; k++) {
            const char *name = n->attr[k].name;
            if (strncmp(name, "fg_", 3) != 0 && reduce_by(d, &(edit){.attribute = name, .of = n->out[0]})) {
                return true;
            }
        }
    }
    return false;
}

static void reduce(reduction *d) {
    while (d->tries < REDUCTIONS &&
           (reduce_outputs(d) || reduce_nodes(d) || reduce_extents(d) || reduce_attributes(d))) {
    }
}

/* ---- telling ---- */

static void print_graph(const fg_graph *g) {
    fg_text text = fg_text_new(g->ctx);
    fg_graph_dump(g, &text);
    printf("opset %d\n%s\n", g->opset, text.data);
    fg_text_free(&text);
}

static void tell_failure(reduction *d) {
    printf("seed %llu: %s\n", (unsigned long long)d->seed, d->r.text);
    if (d->s->reduce) {
        reduce(d);
        printf("reduced: %s\n", d->r.text);
    }
    print_graph(d->g);
    if (d->s->onnx != NULL) {
        char *name = fg_format(d->ctx, "seed%llu.onnx", (unsigned long long)d->seed);
        onnx_write_graph(d->g, d->s->onnx, name);
        printf("written as %s/%s\n", d->s->onnx, name);
    }
    fflush(stdout);
}

typedef struct tally {
    int64_t run, failed, skipped, ill_conditioned, nodes;
    struct {
        char op[128];
        int64_t n;
    } missing[SKIPPED_OPS];
    int64_t matched[PATTERNS]; /* graphs, by row of the pattern table */
} tally;

static void count_skipped(tally *t, const char *op) {
    t->skipped++;
    for (int i = 0; i < SKIPPED_OPS; i++) {
        if (t->missing[i].n == 0 || strcmp(t->missing[i].op, op) == 0) {
            snprintf(t->missing[i].op, sizeof t->missing[i].op, "%s", op);
            t->missing[i].n++;
            return;
        }
    }
}

static void make_graph(fg_context *ctx, void *arg) {
    attempt *a = arg;
    const edit none = {0};
    a->to = copy_as_made(ctx, a->from, &none);
}

static void grow_graph(fg_context *ctx, void *arg) {
    uint64_t *seed = ((void **)arg)[0];
    *(fg_graph **)((void **)arg)[1] = random_graph(ctx, *seed);
}

/* The graph of a seed, in a context of its own; NULL if there is nothing in it. */
static fg_graph *graph_of_seed(fg_context *ctx, uint64_t seed) {
    fg_context *growing = fg_context_new();
    fg_graph *grown_graph = NULL;
    void *arg[2] = {&seed, &grown_graph};
    attempt a = {0};
    if (growing != NULL && fg_try(growing, grow_graph, arg) == FG_OK && grown_graph->n_outputs > 0) {
        a.from = grown_graph;
        if (fg_try(ctx, make_graph, &a) != FG_OK) {
            printf("seed %llu: not a valid graph: %s\n", (unsigned long long)seed,
                   fg_context_diagnostic(ctx)->message);
            a.to = NULL;
        }
    }
    if (growing != NULL) {
        fg_context_free(growing);
    }
    return a.to;
}

/* False if the program should stop. */
static bool run_seed(const settings *s, uint64_t seed, tally *t) {
    fg_context *ctx = fg_context_new();
    fg_graph *g = ctx == NULL ? NULL : graph_of_seed(ctx, seed);
    if (g == NULL) {
        fg_context_free(ctx);
        return true;
    }
    reduction d = {.ctx = ctx, .g = g, .seed = seed, .s = s};
    if (s->dump) {
        print_graph(g);
    }
    t->run++;
    t->nodes += g->n_nodes;
    d.r = check_apart(g, seed, s);
    for (int i = 0; i < PATTERNS; i++) {
        t->matched[i] += d.r.matched[i];
    }
    if (d.r.outcome == SKIPPED) {
        count_skipped(t, d.r.op);
    } else if (d.r.outcome == ILL_CONDITIONED) {
        t->ill_conditioned++;
    } else if (d.r.outcome == FAILED) {
        t->failed++;
        tell_failure(&d);
    }
    fg_context_free(d.ctx);
    return t->failed == 0 || s->keep_going;
}

static bool parse(int argc, char **argv, settings *s) {
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},    {"count", required_argument, NULL, 'n'},
        {"seconds", required_argument, NULL, 't'}, {"cc", required_argument, NULL, 'c'},
        {"onnx", required_argument, NULL, 'o'},    {"all-targets", no_argument, NULL, 'a'},
        {"keep-going", no_argument, NULL, 'k'},    {"no-reduce", no_argument, NULL, 'r'},
        {"dump", no_argument, NULL, 'd'},          {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 's': s->seed = strtoull(optarg, NULL, 10); break;
        case 'n': s->count = strtoll(optarg, NULL, 10); break;
        case 't': s->seconds = atoi(optarg); break;
        case 'c': s->cc = atoi(optarg); break;
        case 'o': s->onnx = optarg; break;
        case 'a': s->all_targets = true; break;
        case 'k': s->keep_going = true; break;
        case 'r': s->reduce = false; break;
        case 'd': s->dump = true; break;
        default: return false;
        }
    }
    return optind == argc && s->count > 0;
}

int main(int argc, char **argv) {
    settings s = {.seed = 1, .count = 100, .reduce = true};
    static tally t;
    if (!parse(argc, argv, &s)) {
        fprintf(stderr,
                "usage: differential [--seed N] [--count M] [--seconds N] [--cc PERCENT] [--onnx DIR] "
                "[--all-targets] [--keep-going] [--no-reduce] [--dump]\n");
        return 2;
    }
    const time_t begin = time(NULL);
    for (int64_t i = 0; i < s.count && (s.seconds == 0 || time(NULL) - begin < s.seconds) &&
                        run_seed(&s, s.seed + (uint64_t)i, &t);
         i++) {
    }
    printf("%lld graphs of %.1f nodes on average: %lld passed, %lld failed, %lld skipped in part, %lld "
           "ill-conditioned\n",
           (long long)t.run, t.run == 0 ? 0.0 : (double)t.nodes / (double)t.run,
           (long long)(t.run - t.failed - t.skipped - t.ill_conditioned), (long long)t.failed,
           (long long)t.skipped, (long long)t.ill_conditioned);
    for (int i = 0; i < SKIPPED_OPS && t.missing[i].n > 0; i++) {
        printf("%6lld skipped  %s\n", (long long)t.missing[i].n, t.missing[i].op);
    }
    for (int i = 0; i < fg_patterns_count && i < PATTERNS; i++) {
        printf("%6lld with kernels  %s: %s\n", (long long)t.matched[i], fg_patterns[i].name,
               fg_patterns[i].sequence);
    }
    return t.failed != 0;
}
