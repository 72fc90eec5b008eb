/* Convolutions of any form. The nest: image, spatial dimensions, channel. */
#include "codegen/conv_any.h"

#include <stdlib.h>
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"
#include "codegen/tail.h"
#include "codegen/window.h"

typedef struct fg_conv_any {
    fg_emit *e;
    const fg_node *node;
    bool transposed;
    fg_window w;
    fg_value *x, *weights, *bias;
    int64_t groups, icg, ocg; /* channels of one group */
    int64_t taps;
    fg_nest *nest;
    fg_tail tail;
    int nv;
    bool spill;
} fg_conv_any;

static int channel_dim(const fg_conv_any *q) {
    return q->w.axes + 1;
}

static void read_node(fg_conv_any *q, fg_context *ctx, const fg_node *n) {
    q->node = n;
    q->x = n->in[0];
    q->weights = n->in[1];
    q->bias = n->n_in > 2 ? n->in[2] : NULL;
    q->transposed = strcmp(n->op_type, "ConvTranspose") == 0;
    const int64_t *kernel = q->weights->shape.dim + 2;
    q->w = q->transposed ? fg_window_of_transpose(ctx, n, &q->x->shape, kernel)
                         : fg_window_of(ctx, n, &q->x->shape, kernel);
    q->groups = fg_attr_int(n, "group", 1);
    q->icg = q->x->shape.dim[1] / q->groups;
    q->ocg = n->out[0]->shape.dim[1] / q->groups;
    q->taps = 1;
    for (int d = 0; d < q->w.axes; d++) {
        q->taps *= q->w.kernel[d];
    }
}

static bool in_vectors(const fg_conv_any *q, int lanes) {
    const bool constant = q->weights->data != NULL && (q->bias == NULL || q->bias->data != NULL);
    return q->x->dtype == FG_FLOAT && constant && 2 * q->ocg >= lanes;
}

void fg_conv_any_prefer(fg_planner *p, fg_kernel *k) {
    for (int i = 0; i < k->n_out; i++) {
        fg_want_channels_last(p, k->out[i], false);
    }
    fg_value *x = k->stage[0].anchor->in[0];
    if (!x->is_input) {
        fg_want_channels_last(p, x, false);
    }
}

static void make_nest(fg_conv_any *q) {
    const fg_shape *y = &q->node->out[0]->shape, none = {.rank = 0};
    fg_dims dims = fg_dims_same(FG_MAX_RANK);
    q->nest = fg_nest_new(q->e->ctx, &none, fg_tail_operands(q->e));
    q->nest->rank = y->rank;
    for (int d = 0; d < y->rank; d++) {
        dims.to[d] = d == 0 ? 0 : d == 1 ? channel_dim(q) : d - 1;
        q->nest->extent[dims.to[d]] = y->dim[d];
    }
    fg_tail_open(q->e, &q->tail, q->nest, &dims);
}

/* Weight of output channel oc and input channel ic of its group, at a tap. */
static float weight(const fg_conv_any *q, int64_t oc, int64_t ic, int64_t tap) {
    const float *w = q->weights->data;
    const int64_t g = oc / q->ocg;
    return q->transposed ? w[((g * q->icg + ic) * q->ocg + oc % q->ocg) * q->taps + tap]
                         : w[(oc * q->icg + ic) * q->taps + tap];
}

/* [group][panel][tap][input channel][nv vectors]; lanes without a channel are zero. */
static fg_dtype pack(fg_conv_any *q) {
    const int64_t lanes = q->e->lanes, vectors = (q->ocg + lanes - 1) / lanes;
    const int64_t extents[4] = {q->groups, vectors * lanes, q->taps, q->icg};
    const int64_t count = fg_checked_product(q->e->ctx, 4, extents);
    float *const packed = fg_pack_new(q->e, count), *to = packed;
    for (int64_t g = 0; g < q->groups; g++) {
        for (int64_t v = 0; v < vectors; v += q->nv) {
            const int64_t width = (v + q->nv <= vectors ? q->nv : vectors - v) * lanes;
            for (int64_t i = 0; i < q->taps * q->icg; i++) {
                for (int64_t lane = 0; lane < width; lane++, to++) {
                    const int64_t o = v * lanes + lane;
                    *to = o < q->ocg ? weight(q, g * q->ocg + o, i % q->icg, i / q->icg) : 0;
                }
            }
        }
    }
    const fg_dtype stored = fg_emit_packed(q->e, "w", q->weights->storage, packed, count);
    float *bias = fg_emit_weights(q->e, "bias", q->groups * vectors * lanes);
    for (int64_t oc = 0; q->bias != NULL && oc < q->groups * q->ocg; oc++) {
        bias[oc / q->ocg * vectors * lanes + oc % q->ocg] = ((const float *)q->bias->data)[oc];
    }
    return stored;
}

/* ---- text ---- */

/* "VECTORS LAST": the end of one pixel's accumulators c0, c1, ... */
static void hook_vectors(void *user, const char *arguments, fg_text *out) {
    const fg_conv_any *q = user;
    fg_context *ctx = q->e->ctx;
    char *end;
    const long vectors = strtol(arguments, &end, 10), last = strtol(end, &end, 10);
    const int lanes = q->e->lanes, c = channel_dim(q);
    for (long j = 0; j < vectors; j++) {
        const char *var = fg_format(ctx, "c%ld", j);
        if (q->spill) {
            fg_text_printf(out, "fg_store(lanes + %ld, %s);\n", j * lanes, var);
        } else {
            fg_tail_emit(&q->tail, var, q->nest->rank, j == vectors - 1 ? (int)last : lanes, c, j * lanes,
                         fg_format(ctx, "_%ld", j), out);
        }
    }
    if (q->spill) {
        fg_text_printf(out, "for (int lane = 0; lane < %ld; lane++) {\n", (vectors - 1) * lanes + last);
        fg_text_printf(out, "const int i%d = channel + lane;\nfloat v = lanes[lane];\n", c);
        fg_tail_emit(&q->tail, "v", q->nest->rank, 0, 0, 0, "", out);
        fg_text_add(out, "}\n");
    }
}

static void hook_element(void *user, const char *arguments, fg_text *out) {
    const fg_conv_any *q = user;
    (void)arguments;
    fg_tail_emit(&q->tail, "v", q->nest->rank, 0, 0, 0, "", out);
}

static void set_window(const fg_conv_any *q, fg_template *t) {
    const int64_t *xs = fg_layout_of(q->e, q->x)->stride;
    int64_t own[FG_MAX_RANK];
    if (q->x->data != NULL) {
        fg_strides_of(q->e, q->x, own);
        xs = own;
    }
    fg_template_window(t, &q->w);
    fg_template_int(t, "TRANSPOSED", q->transposed);
    fg_template_ints(t, "EXTENT", q->nest->rank, q->nest->extent);
    fg_template_ints(t, "X_S", q->x->shape.rank, xs);
    fg_template_int(t, "GROUPS", q->groups);
    fg_template_int(t, "ICG", q->icg);
    fg_template_int(t, "OCG", q->ocg);
    fg_template_int(t, "TAPS", q->taps);
}

static bool divides(const fg_nest *n, int loops) {
    for (int d = 0; d < loops; d++) {
        if (n->extent[d] > 1) {
            return true;
        }
    }
    return false;
}

static void emit_vectors(fg_conv_any *q) {
    fg_emit *e = q->e;
    const int64_t vectors = (q->ocg + e->lanes - 1) / e->lanes;
    int most = e->m->target->vector_registers / 2 - 1;
    most = most > 8 ? 8 : most < 1 ? 1 : most;
    q->nv = vectors < most ? (int)vectors : most;
    q->spill = !fg_tail_vectors(&q->tail, channel_dim(q));
    const int loops = q->nest->rank - 1;
    if (divides(q->nest, loops)) {
        fg_emit_parallel(e);
    }
    const fg_dtype stored = pack(q);
    if (q->spill) {
        fg_emit_scratch(e, "lanes", "float", sizeof(float), q->nv * (int64_t)e->lanes);
    }
    fg_template *t = fg_emit_template(e);
    set_window(q, t);
    fg_template_weights(t, stored);
    fg_nest_divide(e, t, q->nest, loops);
    fg_template_int(t, "NV", q->nv);
    fg_template_int(t, "NP", vectors * e->lanes);
    fg_template_int(t, "PANELS", vectors / q->nv);
    fg_template_int(t, "REST", vectors % q->nv);
    fg_template_int(t, "LANES", (q->ocg - 1) % e->lanes + 1);
    fg_template_int(t, "SPILL", q->spill);
    fg_template_hook(t, "finish", hook_vectors, q);
    fg_template_render(t, "conv_any", e->out);
    fg_describe(e, fg_format(e->ctx, "1x%d", q->nv * e->lanes), "one pixel by %d channels in registers",
                q->nv * e->lanes);
}

static void emit_elements(fg_conv_any *q) {
    fg_emit *e = q->e;
    const fg_dtype dtype = q->x->dtype;
    int64_t ws[FG_MAX_RANK];
    fg_strides_of(e, q->weights, ws);
    const fg_dtype stored = fg_emit_stored(e, "w", q->weights);
    if (q->bias != NULL) {
        fg_emit_input(e, "bias", q->bias);
    }
    fg_template *t = fg_emit_template(e);
    set_window(q, t);
    fg_nest_divide(e, t, q->nest, q->nest->rank);
    fg_template_ints(t, "W_S", q->weights->shape.rank, ws);
    const int channel = channel_dim(q);
    const char *at = fg_format(e->ctx, "i%d", channel);
    fg_template_text(t, "BIAS", q->bias != NULL ? fg_load_element(e->ctx, dtype, "bias", at) : "0");
    fg_template_text(t, "TYPE", fg_compute_type(e->ctx, dtype));
    fg_template_text(t, "STORED", fg_dtype_get(dtype)->c_type);
    fg_template_text(t, "WT", fg_dtype_get(stored)->c_type);
    const int64_t xc = fg_layout_of(e, q->x)->stride[1], wc = ws[q->transposed ? 0 : 1];
    fg_template_text(t, "XK",
                     fg_load_element(e->ctx, dtype, "xk", fg_format(e->ctx, "k * %lld", (long long)xc)));
    fg_template_text(t, "WK",
                     fg_load_element(e->ctx, stored, "wk", fg_format(e->ctx, "k * %lld", (long long)wc)));
    fg_template_hook(t, "finish", hook_element, q);
    fg_template_render(t, "conv_any_elements", e->out);
    fg_describe(e, "", "one sum per element");
}

void fg_conv_any_emit(fg_emit *e) {
    const fg_kernel *k = e->k;
    FG_REQUIRE(e->ctx, "conv", k->n_stages == 1 && k->n_prologue == 0 && k->tap == NULL && k->n_out == 1);
    fg_conv_any q = {.e = e};
    read_node(&q, e->ctx, k->stage[0].anchor);
    if (fg_is_empty_result(e, q.node->out[0])) {
        return;
    }
    fg_compute_type(e->ctx, q.x->dtype);
    fg_emit_input(e, "x", q.x);
    make_nest(&q);
    if (in_vectors(&q, e->lanes)) {
        emit_vectors(&q);
    } else {
        emit_elements(&q);
    }
}
