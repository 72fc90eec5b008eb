#include "codegen/convolution.h"

#include <stdlib.h>
#include <string.h>

#include "frontend/ops.h"

static bool all_float(const fg_node *n) {
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && n->in[i]->dtype != FG_FLOAT) return false;
    return true;
}

/* A bias operand that is constant and varies along the channels only (or is one number). */
static bool bias_suits(const fg_value *b, int64_t oc) {
    if (!b) return true;
    if (!b->data) return false;
    const int64_t count = fg_shape_count(&b->shape);
    if (count == 1) return true;
    return count == oc && b->shape.dim[b->shape.rank - 1] == oc;
}

static void resolve_padding(const fg_node *n, int spatial, const int64_t *in, const int64_t *k,
                            const int64_t *s, const int64_t *d, int64_t *pads) {
    const char *mode = fg_attr_string(n, "auto_pad", "NOTSET");
    if (strcmp(mode, "NOTSET") == 0) return;
    memset(pads, 0, 2 * (size_t)spatial * sizeof(*pads));
    if (strcmp(mode, "VALID") == 0) return;
    for (int i = 0; i < spatial; i++) {
        const int64_t out = (in[i] + s[i] - 1) / s[i];
        int64_t total = (out - 1) * s[i] + (k[i] - 1) * d[i] + 1 - in[i];
        if (total < 0) total = 0;
        const bool upper = strcmp(mode, "SAME_UPPER") == 0;
        pads[i] = upper ? total / 2 : total - total / 2;
        pads[spatial + i] = total - pads[i];
    }
}

static bool from_conv(fg_context *ctx, const fg_node *n, fg_convolution *c) {
    const fg_value *x = n->in[0], *w = n->in[1];
    const int spatial = x->shape.rank - 2;
    if (spatial < 1 || spatial > 2) return false;
    int64_t s[2] = {1, 1}, d[2] = {1, 1}, pads[4] = {0}, k[2], in[2];
    fg_attr_ints(ctx, n, "strides", spatial, s);
    fg_attr_ints(ctx, n, "dilations", spatial, d);
    fg_attr_ints(ctx, n, "pads", 2 * spatial, pads);
    for (int i = 0; i < spatial; i++) {
        k[i] = w->shape.dim[2 + i];
        in[i] = x->shape.dim[2 + i];
    }
    resolve_padding(n, spatial, in, k, s, d, pads);
    c->images = x->shape.dim[0];
    c->ic = x->shape.dim[1];
    c->oc = w->shape.dim[0];
    c->groups = fg_attr_int(n, "group", 1);
    c->in = c->out = spatial == 2 ? (fg_axes){0, 1, 2, 3} : (fg_axes){0, 1, -1, 2};
    const int last = spatial - 1;
    c->iw = in[last];
    c->ow = c->y->shape.dim[2 + last];
    c->kw = k[last];
    c->sx = s[last];
    c->dx = d[last];
    c->pl = pads[last];
    c->pr = pads[spatial + last];
    c->ih = c->oh = c->kh = c->sy = c->dy = 1;
    if (spatial == 2) {
        c->ih = in[0];
        c->oh = c->y->shape.dim[2];
        c->kh = k[0];
        c->sy = s[0];
        c->dy = d[0];
        c->pt = pads[0];
        c->pb = pads[2];
    }
    c->w_kx = 1;
    c->w_ky = c->kw;
    c->w_ic = c->kh * c->kw;
    c->w_oc = w->shape.dim[1] * c->w_ic;
    return c->pt >= 0 && c->pl >= 0 && c->pb >= 0 && c->pr >= 0;
}

/* Leading dimensions of a matrix operand as image, row and pixel. */
static bool matrix_axes(const fg_value *v, fg_axes *a, int64_t *images, int64_t *rows, int64_t *pixels) {
    const int rank = v->shape.rank;
    *a = (fg_axes){-1, rank - 1, -1, -1};
    *images = *rows = *pixels = 1;
    if (rank > 4 || rank < 1) return false;
    if (rank >= 2) *pixels = v->shape.dim[a->x = rank - 2];
    if (rank >= 3) *rows = v->shape.dim[a->y = rank - 3];
    if (rank >= 4) *images = v->shape.dim[a->b = 0];
    if (*pixels == 1 && *rows > 1) { /* rows of one pixel: one row of pixels, whatever their pitch */
        const int64_t extent = *rows;
        const int y = a->y;
        *rows = *pixels;
        *pixels = extent;
        a->y = a->x;
        a->x = y;
    }
    return true;
}

static bool from_matrix(const fg_node *n, fg_convolution *c) {
    const bool gemm = strcmp(n->op_type, "Gemm") == 0;
    if (gemm && fg_attr_int(n, "transA", 0)) return false;
    if (c->w->shape.rank != 2 || c->y->shape.rank != c->x->shape.rank) return false;
    if (!matrix_axes(c->x, &c->in, &c->images, &c->ih, &c->iw)) return false;
    c->out = c->in;
    c->oh = c->ih;
    c->ow = c->iw;
    c->ic = c->x->shape.dim[c->in.n];
    const bool transposed = gemm && fg_attr_int(n, "transB", 0) != 0;
    c->oc = c->w->shape.dim[transposed ? 0 : 1];
    c->w_oc = transposed ? c->ic : 1;
    c->w_ic = transposed ? 1 : c->oc;
    c->groups = c->kh = c->kw = c->sy = c->sx = c->dy = c->dx = 1;
    if (gemm) {
        c->w_scale = fg_attr_float(n, "alpha", 1);
        c->bias_scale = fg_attr_float(n, "beta", 1);
    }
    return true;
}

bool fg_convolution_of(fg_context *ctx, const fg_node *n, fg_convolution *c) {
    memset(c, 0, sizeof(*c));
    const bool conv = strcmp(n->op_type, "Conv") == 0;
    if (!conv && strcmp(n->op_type, "Gemm") != 0 && strcmp(n->op_type, "MatMul") != 0) return false;
    if (n->n_in < 2 || !n->in[0] || !n->in[1] || !n->in[1]->data || n->in[0]->data || !all_float(n))
        return false;
    c->node = n;
    c->x = n->in[0];
    c->w = n->in[1];
    c->bias = n->n_in > 2 ? n->in[2] : NULL;
    c->y = n->out[0];
    c->w_scale = c->bias_scale = 1;
    if (fg_shape_count(&c->y->shape) == 0 || fg_shape_count(&c->x->shape) == 0 ||
        fg_shape_count(&c->w->shape) == 0)
        return false;
    if (!(conv ? from_conv(ctx, n, c) : from_matrix(n, c))) return false;
    return bias_suits(c->bias, c->oc);
}

bool fg_convolution_is_depthwise(const fg_convolution *c) {
    return c->groups > 1 && c->groups == c->ic && c->oc == c->ic;
}

bool fg_convolution_is_pointwise(const fg_convolution *c) {
    return c->groups == 1 && c->kh == 1 && c->kw == 1 && c->sy == 1 && c->sx == 1 &&
           !(c->pt | c->pl | c->pb | c->pr);
}

int64_t fg_merged_groups(const fg_convolution *c, int lanes) {
    if (c->groups == 1) return 1;
    const int64_t ocg = c->oc / c->groups;
    int64_t merged = 1;
    while (merged * ocg < lanes && merged < c->groups) {
        merged++;
        while (c->groups % merged != 0) merged++;
    }
    return merged;
}

float fg_convolution_weight(const fg_convolution *c, int64_t oc, int64_t ic, int64_t ky, int64_t kx) {
    const float *w = c->w->data;
    const float v = w[oc * c->w_oc + ic * c->w_ic + ky * c->w_ky + kx * c->w_kx];
    return c->w_scale == 1 ? v : (float)((double)c->w_scale * v);
}

float fg_convolution_bias(const fg_convolution *c, int64_t oc) {
    if (!c->bias) return 0;
    const float *b = c->bias->data;
    const float v = fg_shape_count(&c->bias->shape) == 1 ? b[0] : b[oc];
    return c->bias_scale == 1 ? v : (float)((double)c->bias_scale * v);
}

/* A dense convolution reads few-channel images as they come, plane by plane; others it wants channels-last.
 */
static bool reads_planes(const fg_convolution *c) {
    return c->groups == 1 && c->ic <= 4 && c->x->is_input;
}

/* Epilogue operands are read vector by vector along the channels, so they have to lie like the result. */
void fg_convolution_prefer_operands(fg_planner *p, const fg_kernel *k, int rank) {
    for (int i = 0; i < k->n_stages; i++)
        for (int j = 0; j < k->stage[i].n_epilogue; j++) {
            const fg_node *n = k->stage[i].epilogue[j];
            for (int a = 0; a < n->n_in; a++)
                if (n->in[a] && !n->in[a]->data && n->in[a]->shape.rank == rank &&
                    n->in[a]->shape.dim[1] != 1)
                    fg_want_channels_last(p, n->in[a], true);
        }
}

/* Those of a matrix product lie anywhere as long as their columns do side by side. */
static void take_operands(fg_planner *p, const fg_kernel *k, const fg_value *x) {
    for (int i = 0; i < k->n_in; i++)
        if (!k->in[i]->data && k->in[i] != x) fg_take_rows(p, k->in[i]);
}

void fg_convolution_prefer(fg_planner *p, const fg_convolution *c, const fg_kernel *k) {
    const bool matrix = strcmp(c->node->op_type, "Conv") != 0;
    for (int i = 0; i < k->n_out; i++) {
        if (!k->tap || k->out[i] != k->tap->out[0])
            fg_give_strided(p, k->out[i], matrix ? k->out[i]->shape.rank - 1 : 1);
        if (matrix)
            fg_want_row_major(p, k->out[i]);
        else
            fg_want_channels_last(p, k->out[i], true);
    }
    if (matrix) {
        fg_want_row_major(p, c->x);
        take_operands(p, k, c->x);
        return;
    }
    /* A prologue works along the channels. */
    if (!reads_planes(c) || k->n_prologue > 0) fg_want_channels_last(p, c->x, true);
    fg_convolution_prefer_operands(p, k, c->y->shape.rank);
    if (c->x->is_input) return;
    if (c->in.y >= 0) fg_want_border(p, c->x, c->in.y, c->pt, c->pb);
    fg_want_border(p, c->x, c->in.x, c->pl, c->pr);
}

/* ---- input ---- */

static int64_t stride_of(const fg_emit *e, const fg_value *v, int dim) {
    return dim < 0 ? 0 : fg_layout_of(e, v)->stride[dim];
}

static bool border_granted(const fg_emit *e, const fg_convolution *c) {
    const bool y = c->in.y < 0 || (fg_border_before(e, c->x, c->in.y) >= c->pt &&
                                   fg_border_after(e, c->x, c->in.y) >= c->pb);
    if (!(c->pt | c->pl | c->pb | c->pr)) return true;
    return y && fg_border_before(e, c->x, c->in.x) >= c->pl && fg_border_after(e, c->x, c->in.x) >= c->pr;
}

int64_t fg_source_pixel(const fg_emit *e, const fg_convolution *c) {
    const int64_t x = stride_of(e, c->x, c->in.x);
    return border_granted(e, c) || x == 1 ? x : c->ic;
}

fg_source fg_source_open(fg_emit *e, const fg_convolution *c) {
    fg_source s = {.pointer = "x",
                   .b = stride_of(e, c->x, c->in.b),
                   .y = stride_of(e, c->x, c->in.y),
                   .x = stride_of(e, c->x, c->in.x),
                   .c = stride_of(e, c->x, c->in.n)};
    fg_emit_input(e, "x", c->x);
    if (border_granted(e, c)) {
        const int64_t back = c->pt * s.y + c->pl * s.x;
        if (back) fg_line(e, "x -= %lld; /* the zero border before the first pixel */", (long long)back);
        return s;
    }
    const int64_t h = c->ih + c->pt + c->pb, w = c->iw + c->pl + c->pr;
    fg_emit_scratch(e, "padded", "float", sizeof(float), h * w * c->ic);
    const bool planes = s.x == 1 && s.c != 1;
    s.pointer = "padded";
    s.per_image = true;
    s.b = 0;
    s.x = planes ? 1 : c->ic;
    s.y = w * s.x;
    s.c = planes ? h * w : 1;
    return s;
}

/* Row `own` times step, and so many more. */
static const char *image_row(const fg_emit *e, const char *own, int64_t step, int64_t more) {
    return fg_format(e->ctx, "(%s * %lld %c %lld)", own, (long long)step, more < 0 ? '-' : '+',
                     llabs((long long)more));
}

void fg_source_limit(const fg_emit *e, fg_source *s, const fg_convolution *c, int64_t n, int64_t step,
                     int64_t first, int64_t count) {
    if (!s->per_image) return;
    const int64_t from = first * c->sy - c->pt, reach = (count - 1 - step) * c->sy + (c->kh - 1) * c->dy;
    s->first = image_row(e, fg_part_from(e, n), step * c->sy, from);
    s->last = image_row(e, fg_part_to(e, n), step * c->sy, from + reach);
}

void fg_source_fill(fg_emit *e, const fg_source *s, const fg_convolution *c) {
    if (!s->per_image) return;
    fg_template *t = fg_emit_template(e);
    const int64_t xs_c = stride_of(e, c->x, c->in.n);
    const bool planes = s->x == 1 && s->c != 1;
    fg_template_int(t, "PLANES", planes ? c->ic : 1);
    fg_template_int(t, "RUN", planes ? 1 : c->ic);
    fg_template_int(t, "PLANE_FROM", planes ? xs_c : 0);
    fg_template_int(t, "PLANE_TO", planes ? s->c : 0);
    fg_template_int(t, "FROM_B", stride_of(e, c->x, c->in.b));
    fg_template_int(t, "FROM_Y", stride_of(e, c->x, c->in.y));
    fg_template_int(t, "FROM_X", stride_of(e, c->x, c->in.x));
    fg_template_int(t, "FROM_C", xs_c);
    fg_template_int(t, "H", c->ih);
    fg_template_int(t, "W", c->iw);
    fg_template_int(t, "PT", c->pt);
    fg_template_int(t, "PL", c->pl);
    fg_template_int(t, "PB", c->pb);
    fg_template_int(t, "PR", c->pr);
    fg_template_int(t, "SOME", s->first != NULL);
    fg_template_text(t, "FIRST", s->first ? s->first : "");
    fg_template_text(t, "LAST", s->last ? s->last : "");
    fg_template_render(t, "pad_copy", e->out);
}

/* ---- weights ---- */

fg_dtype fg_pack_panels(fg_emit *e, const char *name, const fg_convolution *c, int64_t merged, int nv) {
    const int64_t icg = c->ic / c->groups, ocg = c->oc / c->groups, lanes = e->lanes;
    const int64_t blocks = c->groups / merged, ocm = ocg * merged, icm = icg * merged;
    const int64_t vectors = (ocm + lanes - 1) / lanes, taps = c->kh * c->kw;
    const int64_t extents[4] = {blocks, vectors * lanes, taps, icm};
    const int64_t count = fg_checked_product(e->ctx, 4, extents);
    float *const packed = fg_pack_new(e, count), *to = packed;
    for (int64_t block = 0; block < blocks; block++)
        for (int64_t v0 = 0; v0 < vectors; v0 += nv) {
            const int64_t width = (v0 + nv <= vectors ? nv : vectors - v0) * lanes;
            for (int64_t tap = 0; tap < taps; tap++)
                for (int64_t ic = 0; ic < icm; ic++)
                    for (int64_t lane = 0; lane < width; lane++, to++) {
                        const int64_t o = v0 * lanes + lane;
                        if (o >= ocm || o / ocg != ic / icg) continue; /* other groups' channels: zero */
                        *to = fg_convolution_weight(c, block * ocm + o, ic % icg, tap / c->kw, tap % c->kw);
                    }
        }
    return fg_emit_packed(e, name, c->w->storage, packed, count);
}

void fg_pack_bias(fg_emit *e, const char *name, const fg_convolution *c, int64_t merged) {
    const int64_t ocm = c->oc / c->groups * merged, lanes = e->lanes,
                  padded = (ocm + lanes - 1) / lanes * lanes;
    float *to = fg_emit_weights(e, name, padded * (c->groups / merged));
    for (int64_t oc = 0; oc < c->oc; oc++) to[oc / ocm * padded + oc % ocm] = fg_convolution_bias(c, oc);
}
