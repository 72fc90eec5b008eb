/* Reference run, library, kernels alone, and the whole end to end. */
#include "verify/verify.h"

#include <math.h>
#include <string.h>

#include "codegen/escape.h"
#include "frontend/extent.h"
#include "frontend/interpret.h"
#include "verify/check.h"
#include "verify/emulator.h"
#include "verify/index.h"
#include "verify/inline.h"
#include "verify/inputs.h"
#include "verify/quantised.h"

#define FG_POISON 0xFF

/* ---- reference ---- */

static void want(bool *keep, const fg_value *v) {
    if (!v) return;
    keep[v->id] = true;
    const fg_value *source = fg_index_source(v), *quantised = fg_quantised_source(v);
    if (source) keep[source->id] = true;
    if (quantised) keep[quantised->id] = true;
}

/* The values of the graph as read that something is compared with or fed from. */
static bool *values_to_keep(const fg_check *c) {
    bool *keep = FG_ARRAY(c->ctx, c->read->n_values + 1, bool);
    for (int i = 0; i < c->m->n_kernels; i++) {
        const fg_kernel *k = c->m->kernels[i].kernel;
        for (int j = 0; j < k->n_in; j++)
            if (k->in[j] && !k->in[j]->data) want(keep, k->in[j]->ref);
        for (int j = 0; j < k->n_out; j++) want(keep, k->out[j]->ref);
    }
    for (int i = 0; i < c->read->n_outputs; i++) want(keep, c->read->outputs[i]);
    for (int i = 0; i < c->read->n_symbols; i++)
        if (c->read->symbols[i].value) keep[c->read->symbols[i].value->id] = true;
    return keep;
}

fg_tensor fg_check_reference(const fg_check *c, const fg_value *v) {
    if (c->rounded && c->rounded[v->id].data) return c->rounded[v->id];
    const fg_tensor *t = fg_run_value(c->reference, v);
    if (t) return *t;
    fg_tensor found = {v->dtype, v->shape, (void *)v->data};
    for (int i = 0; i < c->read->n_inputs; i++)
        if (c->read->inputs[i] == v) return c->inputs[i];
    return found;
}

static void find_symbols(fg_check *c) {
    c->symbols = FG_ARRAY(c->ctx, c->read->n_symbols + 1, int64_t);
    for (int i = 0; i < c->read->n_symbols; i++) {
        const fg_symbol *s = &c->read->symbols[i];
        if (!s->value) continue;
        fg_tensor t = fg_check_reference(c, s->value);
        fg_value view = {.name = "", .dtype = t.dtype, .shape = t.shape, .data = t.data};
        c->symbols[i] = s->dim < 0 ? fg_const_int(&view, -1 - s->dim) : t.shape.dim[s->dim];
    }
}

fg_shape fg_check_shape(const fg_check *c, const fg_value *v) {
    fg_shape s = v->shape;
    for (int d = 0; d < s.rank; d++) {
        if (!v->extent[d]) continue;
        const int64_t x = fg_form_at(v->extent[d], c->symbols);
        s.dim[d] = x < 0 ? 0 : x;
    }
    return s;
}

static fg_tensor symbol_tensor(fg_check *c, const fg_value *v) {
    int64_t *data = fg_big_alloc(c->ctx, sizeof *data);
    *data = c->symbols[v->symbol - 1];
    return c->made[v->id] = (fg_tensor){v->dtype, v->shape, data};
}

static void store_float(fg_tensor *t, int64_t i, double x) {
    switch (t->dtype) {
    case FG_DOUBLE: ((double *)t->data)[i] = x; break;
    case FG_FLOAT: ((float *)t->data)[i] = (float)x; break;
    case FG_FLOAT16: ((uint16_t *)t->data)[i] = fg_half_from_double(x); break;
    default: ((uint16_t *)t->data)[i] = fg_bfloat_from_double(x); break;
    }
}

/* A value may be stored in a narrower float type than the graph as read has. */
static fg_tensor converted(fg_check *c, const fg_value *v, const fg_tensor *from) {
    uint32_t floats = FG_T_FLOATS;
    if (!(FG_T(v->dtype) & floats) || !(FG_T(from->dtype) & floats))
        fg_raise(c->ctx, FG_INTERNAL, "fusion: '%s' has another type than its reference", v->name);
    int64_t n = fg_shape_count(&from->shape);
    fg_tensor t = {v->dtype, fg_check_shape(c, v), fg_big_alloc(c->ctx, fg_dtype_bytes(v->dtype, n) + 1)};
    fg_value view = {.name = "", .dtype = from->dtype, .shape = from->shape, .data = from->data};
    for (int64_t i = 0; i < n; i++) store_float(&t, i, fg_const_float(&view, i));
    c->made[v->id] = t;
    return t;
}

static bool can_evaluate(const fg_node *n) {
    return n && n->op && n->op->reference;
}

bool fg_check_evaluate(fg_check *c, const fg_node *n, fg_tensor *out) {
    fg_graph *g = c->m->partition->graph;
    if (!can_evaluate(n)) return false;
    fg_tensor *in = FG_ARRAY(c->ctx, n->n_in + 1, fg_tensor);
    bool bounds = true; /* nothing is smaller than planned for */
    for (int i = 0; i < n->n_in; i++) {
        if (!n->in[i]) continue;
        in[i] = fg_check_value(c, n->in[i]);
        if (!in[i].data) return false;
        bounds = bounds && fg_shape_equal(&in[i].shape, &n->in[i]->shape);
    }
    fg_spend_work(g, n, &c->spent);
    fg_evaluate(g, bounds ? n : fg_infer_again(g, n, in), in, out, false);
    return true;
}

/* The graph as read does not have the value: the interpreter runs the node of the rewritten graph on what
 * that one reads. */
static fg_tensor evaluated(fg_check *c, const fg_value *v) {
    const fg_node *n = v->producer;
    fg_tensor *out = n ? FG_ARRAY(c->ctx, n->n_out + 1, fg_tensor) : NULL;
    if (!fg_check_evaluate(c, n, out)) return c->made[v->id];
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] && !c->made[n->out[i]->id].data)
            c->made[n->out[i]->id] = out[i];
        else
            fg_big_free(c->ctx, out[i].data);
    }
    return c->made[v->id];
}

fg_tensor fg_check_value(fg_check *c, const fg_value *v) {
    fg_tensor none = {v->dtype, v->shape, NULL};
    if (c->made[v->id].data) return c->made[v->id];
    fg_tensor t = v->ref ? fg_check_reference(c, v->ref) : none;
    if (v->symbol) return symbol_tensor(c, v);
    if (v->data) t = (fg_tensor){v->dtype, v->shape, (void *)v->data};
    if (!t.data) return evaluated(c, v);
    const fg_shape shape = fg_check_shape(c, v);
    if (fg_shape_count(&t.shape) != fg_shape_count(&shape))
        fg_raise(c->ctx, FG_INTERNAL, "fusion: '%s' has another size than its reference", v->name);
    if (t.dtype != v->dtype) return converted(c, v, &t);
    return (fg_tensor){v->dtype, shape, t.data};
}

/* One step away where it is a toss-up; end to end, where steps add up, as far as a plain float run goes. */
static bool passes_quantised(const fg_check *c, const fg_value *v, const fg_tensor *want_,
                             const fg_tensor *got, double bound) {
    const fg_value *source = fg_quantised_source(v);
    if (!source) return false;
    fg_tensor data = fg_check_reference(c, source);
    if (data.data && fg_quantised_is_tie(c->ctx, v, want_, got, &data, c->options->tolerance)) return true;
    return fg_dtype_get(v->dtype)->is_integer && bound > c->options->tolerance &&
           fg_quantised_error(c->ctx, v, want_, got) <= bound;
}

fg_error fg_check_compare(const fg_check *c, const fg_value *v, const fg_tensor *want_, const fg_tensor *got,
                          double bound) {
    fg_error e = fg_compare(want_, got, bound);
    if (e.passed || !v || want_->dtype != v->dtype) return e;
    if (passes_quantised(c, v, want_, got, bound)) {
        e.passed = true;
        return e;
    }
    const fg_value *source = fg_index_source(v);
    if (!source) return e;
    fg_tensor data = fg_check_reference(c, source);
    if (data.data && fg_index_is_tie(v, want_, got, &data, bound))
        return (fg_error){.at = -1, .passed = true};
    return e;
}

/* Error of the interpreter itself when it accumulates in float32: what the model's arithmetic costs anyway.
 */
static void mark_undecided(fg_check *c, int i, const fg_tensor *got) {
    fg_tensor exact = fg_check_reference(c, c->read->outputs[i]);
    const bool same_shape = fg_shape_equal(&exact.shape, &got->shape);
    const bool index = fg_dtype_get(exact.dtype)->is_integer;
    c->undecided[i] = !same_shape || (index && !fg_compare(&exact, got, 0).passed);
    c->n_undecided += c->undecided[i];
}

static double float_run(fg_check *c) {
    bool *keep = FG_ARRAY(c->ctx, c->read->n_values + 1, bool);
    for (int i = 0; i < c->read->n_outputs; i++) keep[c->read->outputs[i]->id] = true;
    fg_run *run = fg_interpret(c->read, c->inputs, keep, true);
    double worst = 0;
    for (int i = 0; i < c->read->n_outputs; i++) {
        const fg_value *v = c->read->outputs[i];
        const fg_tensor *got = fg_run_value(run, v);
        const bool quantised = fg_quantised_source(v) && fg_dtype_get(v->dtype)->is_integer;
        if (got && c->read->n_symbols > 0) mark_undecided(c, i, got);
        if (!got || !(quantised || fg_dtype_get(v->dtype)->is_float)) continue;
        fg_tensor exact = fg_check_reference(c, v);
        if (quantised) {
            worst = fmax(worst, fg_quantised_error(c->ctx, v, &exact, got));
            continue;
        }
        fg_error e = fg_compare(&exact, got, 0);
        if (isfinite(e.max_rel) && e.max_rel > worst) worst = e.max_rel;
    }
    fg_run_free(run);
    return worst;
}

/* ---- end to end ---- */

/* Bytes of an output that mean something; what lies behind its true extents does not. */
static size_t output_bytes(const fg_check *c, int i) {
    const fg_shape s = fg_check_shape(c, c->m->partition->graph->outputs[i]);
    return fg_dtype_bytes(c->m->partition->graph->outputs[i]->dtype, fg_shape_count(&s));
}

static fg_tensor output_tensor(const fg_check *c, int i) {
    const fg_value *v = c->m->partition->graph->outputs[i];
    const fg_space *s = c->mem->out[i];
    fg_tensor t = {v->dtype, fg_check_shape(c, v), fg_big_alloc(c->ctx, s->bytes + 1)};
    memcpy(t.data, s->data, s->bytes);
    return t;
}

/* Runs PREFIX_run; false, with a failure recorded, if it does not come back with 0 or damages what is around
 * it. */
static bool run_whole(fg_check *c, const fg_parallel *parallel) {
    fg_entry entry = {fg_library_find(c->shipped ? c->shipped : c->lib, c->m, "run"),
                      c->m,
                      c->mem->in_pointer,
                      c->mem->out_pointer,
                      c->mem->arena->data,
                      c->mem->weights->data,
                      0,
                      parallel};
    if (!entry.function)
        fg_raise(c->ctx, FG_INTERNAL, "codegen: the text has no function '%s_run'", c->m->options.prefix);
    fg_fault fault = c->lib->call
                         ? c->lib->call(c->lib, parallel ? FG_CALL_RUN_DIVIDED : FG_CALL_RUN, &entry.result)
                         : fg_sandbox(c->ctx, fg_entry_call, &entry);
    fg_check_instruction(c->ctx, c->m->target, fault);
    const char *text = NULL;
    const char *damaged = fg_check_damage(c);
    if (fault.signal)
        text = fg_check_fault(c, fault);
    else if (entry.result != 0)
        text = fg_format(c->ctx, "returns %d", entry.result);
    else if (damaged)
        text = fg_format(c->ctx, "writes around %s", damaged);
    if (text) fg_check_fail(c, fg_format(c->ctx, "end to end: %s_run %s", c->m->options.prefix, text));
    return !text;
}

static void add_error(fg_error *total, const fg_error *e) {
    if (e->max_rel > total->max_rel || total->at < 0) total->at = e->at;
    total->max_abs = fmax(total->max_abs, e->max_abs);
    total->max_rel = fmax(total->max_rel, e->max_rel);
    total->max_ulp = fmax(total->max_ulp, e->max_ulp);
    total->passed = total->passed && e->passed;
}

/* The text of an end-to-end failure, with the kernel where the error arises if there is one. */
static const char *locate(fg_check *c, const char *difference) {
    const char *kernel = fg_check_first_divergence(c, c->verdict->bound);
    const char *where = kernel ? fg_format(c->ctx, "first in %s", kernel)
                               : "its kernels called one by one agree, so the calls in it are wrong";
    return fg_format(c->ctx, "end to end: %s; %s", difference, where);
}

static const char *compare_output(fg_check *c, int i, const fg_tensor *got) {
    const fg_value *v = c->read->outputs[i];
    if (c->undecided[i]) return NULL;
    fg_tensor exact = fg_check_reference(c, v);
    fg_error e = fg_check_compare(c, v, &exact, got, c->verdict->bound);
    add_error(&c->verdict->total, &e);
    return e.passed ? NULL : fg_check_difference(c, "output", v->name, &exact, got, &e, c->verdict->bound);
}

/* Against data from outside (--expect). */
static const char *compare_expected(fg_check *c, int i, const fg_tensor *got) {
    const fg_value *v = c->read->outputs[i];
    const fg_tensor *expected = c->options->expected ? &c->options->expected[i] : NULL;
    if (!expected || !expected->data) return NULL;
    const double bound = c->verdict->bound + c->verdict->rounding.max_rel; /* the data know no rounding */
    fg_error e = fg_check_compare(c, v, expected, got, bound);
    if (e.passed) return NULL;
    c->verdict->total.passed = false;
    fg_tensor exact = fg_check_reference(c, v);
    fg_error own = fg_check_compare(c, v, expected, &exact, bound);
    const char *text = fg_check_difference(c, "expected data: output", v->name, expected, got, &e, bound);
    return fg_format(c->ctx, "%s; the reference interpreter %s", text,
                     own.passed ? "agrees with the data" : "differs from the data too");
}

static bool compare_outputs(fg_check *c, fg_tensor *got) {
    const char *wrong = NULL, *unexpected = NULL;
    for (int i = 0; i < c->read->n_outputs; i++) {
        const char *text = compare_output(c, i, &got[i]);
        if (!wrong) wrong = text;
        text = compare_expected(c, i, &got[i]);
        if (!unexpected) unexpected = text;
    }
    if (wrong) fg_check_fail(c, c->verdict->first_failure ? wrong : locate(c, wrong));
    if (unexpected) fg_check_fail(c, unexpected);
    return !wrong && !unexpected;
}

/* Outputs behind those of the graph as read tell true extents. */
static bool compare_shapes(fg_check *c) {
    const fg_graph *g = c->m->partition->graph;
    for (int i = c->read->n_outputs; c->n_undecided == 0 && i < g->n_outputs; i++) {
        fg_tensor told = fg_check_value(c, g->outputs[i]), got = output_tensor(c, i);
        fg_error e = fg_compare(&told, &got, 0);
        if (e.passed) continue;
        fg_check_fail(c, fg_check_difference(c, "output", g->outputs[i]->name, &told, &got, &e, 0));
        return false;
    }
    return true;
}

/* A second run on an arena of zeros, and in parts where the code is made for threads, gives the same bits; or
 * something is read before it is written, or depends on how the work is divided. */
static void compare_again(fg_check *c, const fg_tensor *got) {
    fg_memory_fill(c->mem, 0);
    if (!run_whole(c, &fg_parallel_backwards)) return;
    for (int i = 0; i < c->read->n_outputs; i++) {
        const fg_space *s = c->mem->out[i];
        const size_t bytes = output_bytes(c, i);
        if (bytes == 0 || memcmp(s->data, got[i].data, bytes) == 0) continue;
        const char *name = fg_escape_terminal(c->ctx, c->read->outputs[i]->name);
        fg_check_fail(c, fg_format(c->ctx, "end to end: output '%s' depends on what the arena held before%s",
                                   name, c->m->options.threads > 1 ? " or on the number of parts" : ""));
        return;
    }
}

static void check_whole(fg_check *c) {
    int n = c->read->n_outputs;
    fg_tensor *got = FG_ARRAY(c->ctx, n + 1, fg_tensor);
    fg_memory_fill(c->mem, FG_POISON);
    c->verdict->total = (fg_error){.at = -1, .passed = true};
    const bool ran = run_whole(c, NULL);
    if (c->lib->call) c->verdict->all_instructions = c->lib->instructions;
    if (!ran) {
        c->verdict->total =
            (fg_error){.max_abs = INFINITY, .max_rel = INFINITY, .max_ulp = INFINITY, .at = -1};
        return;
    }
    for (int i = 0; i < n; i++) got[i] = output_tensor(c, i);
    if (compare_outputs(c, got) && compare_shapes(c)) compare_again(c, got);
    for (int i = 0; i < n; i++) fg_big_free(c->ctx, got[i].data);
}

/* ---- verdict ---- */

/* What the target's own dialect is called; NULL: plain C, which every compiler sees alike. */
static const char *vector_name(const fg_target *t) {
    bool x86 = strcmp(t->isa, "x86") == 0;
    if (t->vector_bits <= 32) return NULL;
    if (x86) return t->vector_bits >= 512 ? "AVX-512" : t->vector_bits >= 256 ? "AVX" : "SSE";
    if (strcmp(t->isa, "aarch64") == 0 || strcmp(t->isa, "arm") == 0) return "NEON";
    return strcmp(t->isa, "riscv") == 0 ? "RISC-V vector" : "vector-extension";
}

static const char *what_was_checked(const fg_check *c) {
    if (c->options->mode == FG_VERIFY_CC)
        return fg_format(c->ctx, "compiled by %s, real vectors", c->lib->how);
    const char *vectors = vector_name(c->m->target);
    if (c->options->mode == FG_VERIFY_EMULATOR) return fg_format(c->ctx, "compiled by %s", c->lib->how);
    if (!vectors) return "scalar dialect checked by tcc; the target's compiler not checked, use --verify=cc";
    return fg_format(c->ctx, "lane dialect checked by tcc; %s text not checked, use --verify=cc", vectors);
}

static fg_library *load(const fg_check *c) {
    if (c->options->mode == FG_VERIFY_CC) return fg_load_cc(c->m);
    if (c->options->mode == FG_VERIFY_EMULATOR) return fg_load_emulator(c->m, c->mem);
    return fg_load_tcc(c->m, c->mem->weights->data);
}

static fg_verdict *new_verdict(fg_context *ctx, const fg_module *m, fg_verify_mode mode) {
    fg_verdict *v = FG_NEW(ctx, fg_verdict);
    v->mode = mode;
    v->passed = true;
    v->n_kernels = m->n_kernels;
    v->kernels = FG_ARRAY(ctx, m->n_kernels + 1, fg_error);
    for (int i = 0; i < m->n_kernels; i++) v->kernels[i] = (fg_error){.at = -1, .passed = true};
    v->instructions = FG_ARRAY(ctx, m->n_kernels + 1, int64_t);
    for (int i = 0; i < m->n_kernels; i++) v->instructions[i] = -1;
    v->all_instructions = -1;
    v->total = (fg_error){.at = -1, .passed = true};
    v->checked = "nothing was checked (--verify=none)";
    return v;
}

static void check_interface(const fg_check *c) {
    const fg_graph *g = c->m->partition->graph;
    FG_REQUIRE(c->ctx, "fusion", g->n_inputs == c->read->n_inputs);
    FG_REQUIRE(c->ctx, "fusion", g->n_outputs >= c->read->n_outputs); /* shapes come behind */
}

static void check_weights(fg_check *c) {
    if (c->m->options.weights != FG_WEIGHTS_INLINE) return;
    const char *text = fg_inline_weights_differ(c->m, fg_emit_inline_weights);
    if (text) fg_check_fail(c, text);
}

/* Here locked memory shows at once who writes to it; in an emulator only the end shows that somebody did. */
static void check_end(fg_check *c) {
    const char *damaged = c->lib->call ? c->lib->finish(c->lib) : NULL;
    if (damaged) fg_check_fail(c, fg_format(c->ctx, "end to end: something writes to %s", damaged));
}

static void check_all(fg_check *c) {
    fg_verdict *v = c->verdict;
    c->reference = fg_interpret(c->read, c->inputs, values_to_keep(c), false);
    find_symbols(c);
    c->undecided = FG_ARRAY(c->ctx, c->read->n_outputs + 1, bool);
    v->float_run = float_run(c);
    v->bound = fmax(c->options->tolerance, 4 * v->float_run);
    fg_check_rounding(c);
    fg_progress(c->ctx, "compile", 0, 1);
    c->mem = fg_memory_new(c->m, c->inputs, FG_MEMORY_WATCHED);
    c->lib = load(c);
    if (c->options->mode == FG_VERIFY_CC) c->shipped = fg_load_cc_shipped(c->m);
    v->checked = what_was_checked(c);
    if (c->n_undecided > 0)
        v->checked = fg_format(c->ctx,
                               "%s; %d outputs hang on choices that a float32 run of the interpreter "
                               "takes otherwise too and are not compared end to end",
                               v->checked, c->n_undecided);
    fg_check_kernels(c);
    check_whole(c);
    check_end(c);
    check_weights(c);
}

fg_verdict *fg_verify(fg_graph *read, const fg_module *m, const fg_verify_options *options) {
    fg_context *ctx = m->ctx;
    fg_verdict *verdict = new_verdict(ctx, m, options->mode);
    if (options->mode == FG_VERIFY_NONE) return verdict;
    fg_check c = {.ctx = ctx, .read = read, .m = m, .options = options, .verdict = verdict};
    check_interface(&c);
    c.inputs = fg_verify_inputs(read, options->inputs, options->seed);
    c.made = FG_ARRAY(ctx, m->partition->graph->n_values + 1, fg_tensor);
    check_all(&c);
    fg_library_close(c.lib);
    if (c.shipped) fg_library_close(c.shipped);
    fg_memory_free(c.mem);
    fg_run_free(c.reference);
    return verdict;
}
