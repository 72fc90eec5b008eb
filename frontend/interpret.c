/* The reference interpreter: evaluates the nodes one by one with their reference kernels. It knows nothing of
 * fusion, layouts or generated code; that is what makes its answer worth comparing with. */
#include "frontend/interpret.h"

#include <string.h>

#include "frontend/extent.h"
#include "frontend/run.h"

/* ---- the cost of a node ---- */

static int64_t mul_sat(int64_t a, int64_t b) {
    int64_t r;
    return __builtin_mul_overflow(a, b, &r) ? INT64_MAX : r;
}

static int64_t add_sat(int64_t a, int64_t b) {
    int64_t r;
    return __builtin_add_overflow(a, b, &r) ? INT64_MAX : r;
}

static int64_t product_from(const fg_shape *s, int from) {
    int64_t p = 1;
    for (int d = from; d < s->rank; d++) {
        p = mul_sat(p, s->dim[d]);
    }
    return p;
}

static const fg_shape *in_shape(const fg_node *n, int i) {
    return i < n->n_in && n->in[i] != NULL ? &n->in[i]->shape : NULL;
}

static const fg_shape *out_shape(const fg_node *n) {
    return n->n_out > 0 && n->out[0] != NULL ? &n->out[0]->shape : NULL;
}

/* w: M x C/g x k...: every output element takes C/g * k... multiply-adds. */
static int64_t conv_macs(const fg_node *n) {
    const fg_shape *w = in_shape(n, 1), *y = out_shape(n);
    return w == NULL || y == NULL ? 0 : mul_sat(product_from(y, 0), product_from(w, 1));
}

/* w: C x M/g x k...: every input element is spread over M/g * k... outputs. */
static int64_t conv_transpose_macs(const fg_node *n) {
    const fg_shape *w = in_shape(n, 1), *x = in_shape(n, 0);
    return w == NULL || x == NULL ? 0 : mul_sat(product_from(x, 0), product_from(w, 1));
}

static int64_t gemm_macs(const fg_node *n) {
    const fg_shape *a = in_shape(n, 0), *y = out_shape(n);
    if (a == NULL || y == NULL || a->rank != 2) {
        return 0;
    }
    return mul_sat(product_from(y, 0), a->dim[fg_attr_int(n, "transA", 0) != 0 ? 0 : 1]);
}

static int64_t matmul_macs(const fg_node *n) {
    const fg_shape *a = in_shape(n, 0), *y = out_shape(n);
    if (a == NULL || y == NULL || a->rank < 1) {
        return 0;
    }
    return mul_sat(product_from(y, 0), a->dim[a->rank - 1]);
}

static const struct {
    const char *op;
    int64_t (*macs)(const fg_node *n);
} mac_counters[] = {{"Conv", conv_macs},
                    {"ConvTranspose", conv_transpose_macs},
                    {"Gemm", gemm_macs},
                    {"MatMul", matmul_macs}};

static bool is_counted(const fg_node *n) {
    for (size_t i = 0; i < FG_COUNT(mac_counters); i++) {
        if (strcmp(n->op_type, mac_counters[i].op) == 0) {
            return true;
        }
    }
    return false;
}

int64_t fg_node_macs(const fg_node *n) {
    for (size_t i = 0; i < FG_COUNT(mac_counters); i++) {
        if (strcmp(n->op_type, mac_counters[i].op) == 0) {
            return mac_counters[i].macs(n);
        }
    }
    int64_t said = fg_attr_int(n, FG_MACS, 0); /* what inference says of other operators */
    return said > 0 ? said : 0;
}

/* Windows are clipped to the input, so one output element never costs more than the whole input. */
static int64_t window_work(const fg_node *n, int64_t in, int64_t out) {
    const fg_attr *k = fg_attr_of(n, "kernel_shape", FG_ATTR_INTS);
    int64_t window = strcmp(n->op_type, "LRN") == 0 ? fg_attr_int(n, "size", 1) : 1;
    for (int i = 0; k != NULL && i < k->n; i++) {
        window = mul_sat(window, k->ints[i] < 1 ? 1 : k->ints[i]);
    }
    if (window < 1) {
        window = 1;
    }
    return mul_sat(out, window < in ? window : in);
}

int64_t fg_node_work(const fg_node *n) {
    int64_t in = 0, out = 0;
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] != NULL) {
            in = add_sat(in, product_from(&n->in[i]->shape, 0));
        }
    }
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] != NULL) {
            out = add_sat(out, product_from(&n->out[i]->shape, 0));
        }
    }
    int64_t work = add_sat(in, out), macs = fg_node_macs(n), window = window_work(n, in, out);
    work = work > macs ? work : macs;
    return is_counted(n) || work > window ? work : window;
}

void fg_spend_work(fg_graph *g, const fg_node *n, int64_t *spent) {
    fg_spend(g, fg_node_work(n), spent);
}

void fg_spend(fg_graph *g, int64_t work, int64_t *spent) {
    const int64_t limit = fg_context_limits(g->ctx)->work;
    *spent = add_sat(*spent, work);
    if (*spent <= limit) {
        return;
    }
    fg_remedy(g->ctx, "raise --max-work");
    fg_raise(g->ctx, FG_UNSUPPORTED, "evaluation would take more than %lld multiply-adds", (long long)limit);
}

/* ---- one node ---- */

/* The graph's opset; for a node that a rewrite made by a row of another opset the nearest one of that row. */
static int opset_for(const fg_graph *g, const fg_node *n) {
    int opset = 1;
    if (n->domain == NULL || n->domain[0] == '\0' || strcmp(n->domain, "ai.onnx") == 0) {
        opset = g->opset;
    } else if (strcmp(n->domain, "ai.onnx.ml") == 0) {
        opset = g->opset_ml;
    }
    if (opset < n->op->since) {
        return n->op->since;
    }
    return n->op->until > 0 && opset > n->op->until ? n->op->until : opset;
}

void fg_evaluate(fg_graph *g, const fg_node *n, const fg_tensor *in, fg_tensor *out, bool float_accumulate) {
    if (n->op == NULL || n->op->reference == NULL) {
        fg_raise(g->ctx, FG_UNSUPPORTED, "operator '%s' has no reference kernel", n->op_type);
    }
    for (int i = 0; i < n->n_out; i++) {
        const fg_value *v = n->out[i];
        if (v == NULL) {
            continue;
        }
        size_t bytes = fg_dtype_bytes(v->dtype, fg_shape_count(&v->shape));
        out[i] = (fg_tensor){v->dtype, v->shape, fg_big_alloc(g->ctx, bytes > 0 ? bytes : 1)};
    }
    fg_eval e = {g->ctx, n, in, out, float_accumulate, opset_for(g, n)};
    n->op->reference(&e);
}

/* ---- a run ---- */

static void release(fg_run *r, const fg_value *v) {
    if (!r->owned[v->id]) {
        return;
    }
    fg_big_free(r->ctx, r->tensors[v->id].data);
    r->tensors[v->id].data = NULL;
    r->owned[v->id] = false;
}

static void release_used(fg_run *r, const fg_value *v) {
    if (r->pending[v->id] == 0 && (r->keep == NULL ? false : !r->keep[v->id])) {
        release(r, v);
    }
}

void fg_run_put(fg_run *r, const fg_value *v, const fg_tensor *t) {
    release(r, v); /* of the iteration before */
    r->tensors[v->id] = *t;
    r->owned[v->id] = true;
    r->pending[v->id] = r->uses[v->id];
    release_used(r, v);
}

void fg_run_used(fg_run *r, const fg_node *n) {
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] != NULL && --r->pending[n->in[i]->id] == 0) {
            release_used(r, n->in[i]);
        }
    }
}

static void start_run(fg_graph *g, fg_run *r, const fg_tensor *inputs) {
    for (int i = 0; i < g->n_values; i++) {
        const fg_value *v = g->values[i];
        if (v->data != NULL) {
            r->tensors[v->id] = (fg_tensor){v->dtype, v->shape, (void *)v->data};
        }
    }
    for (int i = 0; i < g->n_inputs; i++) {
        const fg_value *v = g->inputs[i];
        const fg_tensor *t = &inputs[i];
        if (t->dtype != v->dtype || !fg_shape_equal(&t->shape, &v->shape)) {
            fg_raise(g->ctx, FG_USAGE, "input '%s' must be %s %s; data given is %s %s", v->name,
                     fg_dtype_get(v->dtype)->name, fg_shape_text(g->ctx, &v->shape),
                     fg_dtype_get(t->dtype)->name, fg_shape_text(g->ctx, &t->shape));
        }
        r->tensors[v->id] = *t;
    }
    for (int i = 0; i < g->n_nodes; i++) {
        for (int k = 0; k < g->nodes[i]->n_in; k++) {
            if (g->nodes[i]->in[k] != NULL) {
                r->uses[g->nodes[i]->in[k]->id]++;
            }
        }
    }
    r->loops = fg_loops_begin(g, r);
    memcpy(r->pending, r->uses, (size_t)g->n_values * sizeof *r->pending);
}

/* True of a node without outputs too. */
static bool all_constant(const fg_node *n) {
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] != NULL && n->out[i]->data == NULL) {
            return false;
        }
    }
    return true;
}

static void gather_inputs(const fg_run *r, const fg_node *n, fg_tensor *in) {
    for (int i = 0; i < n->n_in; i++) {
        const fg_value *v = n->in[i];
        if (v == NULL) {
            continue;
        }
        in[i] = r->tensors[v->id];
        if (in[i].data == NULL) {
            fg_raise(r->ctx, FG_INTERNAL, "interpreter: value '%s' is not there", v->name);
        }
    }
}

/* Its results have extents that only these operands tell. */
static bool depends_on_data(const fg_node *n) {
    bool depends = fg_has_dynamic_operand(n);
    for (int i = 0; i < n->n_out; i++) {
        depends = depends || (n->out[i] != NULL && fg_is_dynamic(n->out[i]));
    }
    return depends;
}

static void run_node(fg_graph *g, fg_run *r, const fg_node *n, bool float_accumulate) {
    fg_tensor *in = (fg_tensor *)fg_big_alloc(g->ctx, (size_t)(n->n_in + n->n_out + 1) * sizeof(fg_tensor));
    fg_tensor *out = in + n->n_in;
    gather_inputs(r, n, in);
    fg_evaluate(g, depends_on_data(n) ? fg_infer_again(g, n, in) : n, in, out, float_accumulate);
    for (int i = 0; i < n->n_out; i++) {
        const fg_value *v = n->out[i];
        if (v == NULL) {
            continue;
        }
        if (v->data != NULL) { /* partly constant: shape operators with several outputs */
            fg_big_free(g->ctx, out[i].data);
            continue;
        }
        fg_run_put(r, v, &out[i]);
    }
    fg_run_used(r, n);
    fg_big_free(g->ctx, in);
}

fg_run *fg_interpret(fg_graph *g, const fg_tensor *inputs, const bool *keep, bool float_accumulate) {
    fg_run *r = FG_NEW(g->ctx, fg_run);
    r->ctx = g->ctx;
    r->keep = keep;
    r->n_values = g->n_values;
    r->tensors = FG_ARRAY(g->ctx, g->n_values + 1, fg_tensor);
    r->owned = FG_ARRAY(g->ctx, g->n_values + 1, bool);
    r->pending = FG_ARRAY(g->ctx, g->n_values + 1, int);
    r->uses = FG_ARRAY(g->ctx, g->n_values + 1, int);
    start_run(g, r, inputs);
    for (int i = 0; i < g->n_nodes;) {
        const fg_node *n = g->nodes[i];
        fg_progress(g->ctx, "reference", i, g->n_nodes);
        fg_context_set_node(g->ctx, n);
        if (all_constant(n) || fg_loops_skip(r, i)) {
            i++;
        } else if (fg_loops_have(r, i)) {
            i = fg_loops_step(g, r, i);
        } else {
            fg_spend_work(g, n, &r->spent);
            run_node(g, r, n, float_accumulate);
            i++;
        }
    }
    fg_context_set_node(g->ctx, NULL);
    fg_progress(g->ctx, "reference", g->n_nodes, g->n_nodes);
    return r;
}

const fg_tensor *fg_run_value(const fg_run *r, const fg_value *v) {
    if (v->id < 0 || v->id >= r->n_values) {
        return NULL;
    }
    const fg_tensor *t = &r->tensors[v->id];
    return t->data == NULL ? NULL : t;
}

void fg_run_free(fg_run *r) {
    for (int i = 0; r != NULL && i < r->n_values; i++) {
        if (r->owned[i]) {
            fg_big_free(r->ctx, r->tensors[i].data);
            r->tensors[i].data = NULL;
            r->owned[i] = false;
        }
    }
}
