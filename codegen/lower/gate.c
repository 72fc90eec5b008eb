/* Fully connected layers on one vector per image: the gate of a squeeze-and-excite block, the classifier
 * after a global pool. The vector may first be pooled from a map. Bandwidth of the weights is all that
 * matters here. */
#include "codegen/lower/gate.h"

#include "codegen/convolution.h"

#include <stdlib.h>
#include <string.h>

typedef struct fg_dense {
    fg_emit *e;
    bool pool;
    int layers;
    fg_convolution c[FG_MAX_STAGES];
    fg_epilogue *epilogue[FG_MAX_STAGES];
    int nv[FG_MAX_STAGES];
    const char *type[FG_MAX_STAGES], *load[FG_MAX_STAGES]; /* of weights */
    bool divided;                                          /* parts share the vectors of the last layer */
} fg_dense;

/* Weights, of the last layer, below which a second thread costs more than it saves: it takes as long to wake
 * as to read them. */
#define WORTH_DIVIDING 16384

/* Parts share the results of the last layer; those before it, which are small, each makes for itself: waiting
 * for one another in between would take longer. */
static bool may_divide(const fg_dense *q) {
    const fg_convolution *last = &q->c[q->layers - 1];
    const int threads = q->e->m->options.threads;
    int64_t before = 0;
    for (int l = 0; l < q->layers - 1; l++) before += q->c[l].ic * q->c[l].oc;
    return threads > 1 && last->ic * last->oc >= WORTH_DIVIDING && before <= 2 * last->ic * last->oc &&
           !(q->pool && q->layers == 1) && last->oc >= q->e->lanes * threads;
}

static bool is_pool(const fg_node *n) {
    return strcmp(n->op_type, "GlobalAveragePool") == 0;
}

static void prefer(fg_planner *p, fg_kernel *k) {
    for (int i = 0; i < k->n_in; i++) fg_want_channels_last(p, k->in[i], is_pool(k->stage[0].anchor));
}

static void hook_operands(void *user, const char *arguments, fg_text *out) {
    const fg_dense *q = user;
    fg_epilogue_at(q->epilogue[atoi(arguments)], "b", "b", "b", "n", out); /* at most one axis is long */
}

static void hook_result(void *user, const char *arguments, fg_text *out) {
    const fg_dense *q = user;
    char *end;
    const long l = strtol(arguments, &end, 10), j = strtol(end, &end, 10), lanes = strtol(end, &end, 10);
    const char *var = fg_format(q->e->ctx, "c0_%ld", j);
    fg_epilogue_apply(q->epilogue[l], var, 0, j * q->e->lanes, (int)lanes, fg_format(q->e->ctx, "_%ld", j),
                      out);
    if (lanes < q->e->lanes && l == q->layers - 1)
        fg_text_printf(out, "fg_storen(yt + %ld, %s, %ld);\n", j * q->e->lanes, var, lanes);
    else
        fg_text_printf(out, "fg_store(yt + %ld, %s);\n", j * q->e->lanes, var);
}

static void open_layer(fg_dense *q, int l, const fg_stage *s) {
    fg_emit *e = q->e;
    const fg_convolution *c = &q->c[l];
    const int64_t vectors = (c->oc + e->lanes - 1) / e->lanes;
    const bool shared = q->divided && l == q->layers - 1;
    q->nv[l] = fg_row_vectors(e->m->target, shared ? vectors / e->m->options.threads : vectors);
    const fg_dtype stored = fg_pack_panels(e, fg_format(e->ctx, "weights%d", l), c, 1, q->nv[l]);
    q->type[l] = fg_weight_type(stored);
    q->load[l] = fg_weight_load(stored);
    fg_pack_bias(e, fg_format(e->ctx, "bias%d", l), c, 1);
    if (l > 0)
        fg_emit_scratch(e, fg_format(e->ctx, "h%d", l), "float", sizeof(float),
                        (c->ic + e->lanes - 1) / e->lanes * e->lanes);
    q->epilogue[l] =
        fg_epilogue_new(e, fg_format(e->ctx, "p%d_", l), s->epilogue, s->n_epilogue, c->y, c->out, false);
}

/* From image to image, which may be any axis but the channels. */
static int64_t image_stride(const fg_emit *e, const fg_value *v, fg_axes a) {
    const int axis[] = {a.x, a.y, a.b};
    int long_axis = -1, count = 0;
    for (int i = 0; i < 3; i++)
        if (axis[i] >= 0 && v->shape.dim[axis[i]] > 1) {
            long_axis = axis[i];
            count++;
        }
    FG_REQUIRE(e->ctx, "gate", count <= 1);
    return count ? fg_layout_of(e, v)->stride[long_axis] : 0;
}

static void set_layers(const fg_dense *q, fg_template *t) {
    int64_t k[FG_MAX_STAGES], nv[FG_MAX_STAGES], panels[FG_MAX_STAGES], rest[FG_MAX_STAGES],
        lanes[FG_MAX_STAGES];
    const int vl = q->e->lanes;
    for (int l = 0; l < q->layers; l++) {
        const int64_t vectors = (q->c[l].oc + vl - 1) / vl;
        k[l] = q->c[l].ic;
        nv[l] = q->nv[l];
        panels[l] = vectors / nv[l];
        rest[l] = vectors % nv[l];
        lanes[l] = (q->c[l].oc - 1) % vl + 1;
    }
    fg_template_ints(t, "K", q->layers, k);
    fg_template_ints(t, "NV", q->layers, nv);
    fg_template_ints(t, "PANELS", q->layers, panels);
    fg_template_ints(t, "REST", q->layers, rest);
    fg_template_ints(t, "LANES", q->layers, lanes);
    fg_template_texts(t, "TYPES", q->layers, q->type);
    fg_template_texts(t, "LOADS", q->layers, q->load);
    const int last = q->layers - 1;
    const int64_t full = panels[last] - (rest[last] == 0 && lanes[last] < vl);
    fg_template_int(t, "DIVIDED", q->divided ? last : -1);
    fg_template_part(t, q->e, "N", q->divided, panels[last] + (rest[last] > 0), full, nv[last] * vl);
}

/* The convolutions that the layers are. */
static void open_layers(fg_dense *q, const fg_stage *layer) {
    fg_emit *e = q->e;
    for (int l = 0; l < q->layers; l++) {
        const bool ok = fg_convolution_of(e->ctx, layer[l].anchor, &q->c[l]);
        FG_REQUIRE(e->ctx, "gate",
                   ok && fg_convolution_is_pointwise(&q->c[l]) &&
                       q->c[l].oh * q->c[l].ow * q->c[l].images == q->c[0].images * q->c[0].oh * q->c[0].ow);
    }
}

static void render(fg_dense *q, fg_template *t, const fg_stage *layer) {
    fg_emit *e = q->e;
    for (int l = 0; l < q->layers; l++) open_layer(q, l, &layer[l]);
    if (q->pool)
        fg_emit_scratch(e, "mean", "float", sizeof(float), (q->c[0].ic + e->lanes - 1) / e->lanes * e->lanes);
    fg_template_int(t, "LAYERS", q->layers);
    set_layers(q, t);
    fg_template_hook(t, "operands", hook_operands, q);
    fg_template_hook(t, "result", hook_result, q);
    fg_template_render(t, "dense", e->out);
}

void fg_gate_emit_layers(fg_emit *e, const fg_stage *layer, int n, fg_value *x, fg_value *y) {
    fg_dense q = {.e = e, .layers = n};
    open_layers(&q, layer);
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "out", y);
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "POOL", 0);
    fg_template_int(t, "B", 0);
    fg_template_int(t, "XB", image_stride(e, x, q.c[0].in));
    fg_template_int(t, "YB", image_stride(e, y, q.c[n - 1].out));
    render(&q, t, layer);
}

static void emit(fg_emit *e) {
    const fg_kernel *k = e->k;
    fg_dense q = {.e = e, .pool = is_pool(k->stage[0].anchor)};
    const fg_stage *layer = &k->stage[q.pool ? 1 : 0];
    q.layers = k->n_stages - (q.pool ? 1 : 0);
    open_layers(&q, layer);
    q.divided = may_divide(&q) && fg_emit_parallel(e);
    fg_value *x = q.pool ? k->stage[0].anchor->in[0] : q.c[0].x;
    fg_emit_input(e, "x", x);
    fg_emit_output(e, "out", k->out[0]);
    const int64_t images = q.c[0].images * q.c[0].oh * q.c[0].ow;
    fg_template *t = fg_emit_template(e);
    const fg_layout *xl = fg_layout_of(e, x);
    const int rank = x->shape.rank;
    int64_t pixels = 1, rows = 1, row = 0;
    for (int d = 2; d < rank; d++) pixels *= x->shape.dim[d];
    const char *mean = fg_format(e->ctx, "1.0f / %lld.0f", (long long)pixels);
    /* With a border the rows do not join. */
    if (q.pool && rank == 4 && xl->stride[2] != xl->stride[3] * x->shape.dim[3]) {
        rows = x->shape.dim[2];
        row = xl->stride[2];
        pixels = x->shape.dim[3];
    }
    FG_REQUIRE(e->ctx, "gate", !q.pool || rank <= 4);
    fg_template_int(t, "POOL", q.pool);
    fg_template_int(t, "PIXELS", pixels);
    fg_template_int(t, "ROWS", rows);
    fg_template_int(t, "PY", row);
    fg_template_int(t, "PX", xl->stride[rank - 1]);
    fg_template_text(t, "MEAN", mean);
    fg_template_int(t, "B", images);
    fg_template_int(t, "XB", q.pool ? xl->stride[0] : image_stride(e, x, q.c[0].in));
    fg_template_int(t, "YB", image_stride(e, k->out[0], q.c[q.layers - 1].out));
    render(&q, t, layer);
    fg_describe(e, fg_format(e->ctx, "1x%d", q.nv[0] * e->lanes),
                "one row: %d accumulators hide the latency, the weights stream once", q.nv[0]);
}

const fg_lowering fg_lowering_gate = {.name = "gate", .prefer = prefer, .emit = emit};
