/* Products of matrices that no convolution can stand for: both operands computed, batches, any strides, any
 * element type. float32 goes by in register tiles of rows by vectors of columns; the columns of a panel are
 * read where they lie, or from scratch where they do not lie side by side. Everything else is a dot product
 * per element. */
#include <stdlib.h>
#include <string.h>

#include "codegen/expr.h"
#include "codegen/moves.h"
#include "codegen/tail.h"
#include "codegen/tile.h"

typedef struct fg_matmul {
    fg_emit *e;
    fg_nest *nest; /* batch dimensions, rows, columns */
    fg_tail tail;
    int a, b, c; /* nest operands; c: Gemm's bias, -1: none */
    const char *a_name, *b_name;
    fg_dtype a_stored, b_stored; /* --precision: constants may be stored in 16 bits */
    int64_t a_k, b_k;            /* strides along the sum */
    int64_t k;
    fg_value *bias;
    float alpha, beta;
    fg_dtype dtype;
    bool spill;  /* results cannot be finished as vectors: their lanes go one by one */
    bool packed; /* a panel of columns is copied to scratch first */
    fg_tile tile;
} fg_matmul;

static int row_dim(const fg_matmul *q) {
    return q->nest->rank - 2;
}

static int column_dim(const fg_matmul *q) {
    return q->nest->rank - 1;
}

/* ---- what is multiplied ---- */

/* Strides of an operand in the nest: leading dimensions broadcast to the batch, then one dimension of the
 * matrix (row or column of the result). */
static int add_matrix(fg_matmul *q, const fg_value *v, const int64_t *own, int leading, int to, int from) {
    int64_t stride[2 * FG_MAX_RANK] = {0};
    const int batch = q->nest->rank - 2;
    for (int d = 0; d < leading; d++) {
        stride[batch - leading + d] = v->shape.dim[d] == 1 ? 0 : own[d];
    }
    if (from >= 0) {
        stride[to] = own[from];
    }
    return fg_nest_add(q->e->ctx, q->nest, stride);
}

static void add_operands(fg_matmul *q, const fg_node *n) {
    const bool gemm = strcmp(n->op_type, "Gemm") == 0;
    const bool ta = gemm && fg_attr_int(n, "transA", 0) != 0, tb = gemm && fg_attr_int(n, "transB", 0) != 0;
    fg_value *a = n->in[0], *b = n->in[1];
    const int ar = a->shape.rank, br = b->shape.rank;
    int64_t as[FG_MAX_RANK], bs[FG_MAX_RANK];
    fg_strides_of(q->e, a, as);
    fg_strides_of(q->e, b, bs);
    const int a_k = ta ? ar - 2 : ar - 1, b_k = br == 1 || tb ? br - 1 : br - 2;
    q->k = a->shape.dim[a_k];
    q->a_k = as[a_k];
    q->b_k = bs[b_k];
    q->a = add_matrix(q, a, as, ar > 2 ? ar - 2 : 0, row_dim(q), ar == 1 ? -1 : ta ? ar - 1 : ar - 2);
    q->b = add_matrix(q, b, bs, br > 2 ? br - 2 : 0, column_dim(q), br == 1 ? -1 : tb ? br - 2 : br - 1);
    q->c = q->bias != NULL ? fg_nest_add_value(q->e, q->nest, q->bias) : -1;
}

/* The result's space with a row and a column dimension whatever the operands' ranks; dims: where the result's
 * own dimensions went. */
static void make_nest(fg_matmul *q, const fg_node *n) {
    const fg_shape *y = &n->out[0]->shape, *a = &n->in[0]->shape, *b = &n->in[1]->shape;
    const bool rows = a->rank > 1, columns = b->rank > 1;
    const int batch = y->rank - rows - columns;
    fg_dims dims = fg_dims_same(FG_MAX_RANK);
    const fg_shape none = {.rank = 0};
    q->nest = fg_nest_new(q->e->ctx, &none, 3 + fg_tail_operands(q->e));
    for (int d = 0; d < batch; d++) {
        q->nest->extent[d] = y->dim[d];
        dims.to[d] = d;
    }
    q->nest->rank = batch + 2;
    q->nest->extent[batch] = rows ? y->dim[batch] : 1;
    q->nest->extent[batch + 1] = columns ? y->dim[y->rank - 1] : 1;
    if (rows) {
        dims.to[batch] = batch;
    }
    if (columns) {
        dims.to[batch + rows] = batch + 1;
    }
    add_operands(q, n);
    fg_tail_open(q->e, &q->tail, q->nest, &dims);
}

/* The transposed product, (AB)' = B'A': rows and columns change places. */
static void transpose(fg_matmul *q) {
    fg_nest *n = q->nest;
    const int r = row_dim(q), c = column_dim(q);
    const int64_t extent = n->extent[r], k = q->a_k;
    n->extent[r] = n->extent[c];
    n->extent[c] = extent;
    for (int i = 0; i < n->n; i++) {
        const int64_t stride = n->stride[i][r];
        n->stride[i][r] = n->stride[i][c];
        n->stride[i][c] = stride;
    }
    const int a = q->a;
    const char *name = q->a_name;
    q->a = q->b;
    q->b = a;
    q->a_name = q->b_name;
    q->b_name = name;
    const fg_dtype stored = q->a_stored;
    q->a_stored = q->b_stored;
    q->b_stored = stored;
    q->a_k = q->b_k;
    q->b_k = k;
}

/* ---- vectors ---- */

/* The end of one accumulator: Gemm's factors, the epilogue, the store. */
static void scale_vector(const fg_matmul *q, const char *var, int64_t shift, int lanes, fg_text *out) {
    fg_context *ctx = q->e->ctx;
    if (q->alpha != 1) {
        fg_text_printf(out, "%s = fg_mul(%s, fg_set1(%s));\n", var, var, fg_c_float(ctx, q->alpha));
    }
    if (q->c < 0) {
        return;
    }
    const int64_t stride = q->nest->stride[q->c][column_dim(q)];
    const char *at = fg_nest_at(ctx, q->nest, q->c, 0, q->nest->rank, "i");
    const char *p = fg_pointer_to(ctx, "bias", at);
    if (shift != 0 && stride != 0) {
        p = fg_format(ctx, "%s + %lld", p, (long long)shift);
    }
    const char *v = stride == 0            ? fg_format(ctx, "fg_set1(bias[%s])", at)
                    : lanes == q->e->lanes ? fg_format(ctx, "fg_load(%s)", p)
                                           : fg_format(ctx, "fg_loadn(%s, %d)", p, lanes);
    if (q->beta == 1) {
        fg_text_printf(out, "%s = fg_add(%s, %s);\n", var, var, v);
    } else {
        fg_text_printf(out, "%s = fg_fma(fg_set1(%s), %s, %s);\n", var, fg_c_float(ctx, q->beta), v, var);
    }
}

/* The same for one element. */
static void finish_element(const fg_matmul *q, const char *var, fg_text *out) {
    fg_context *ctx = q->e->ctx;
    const bool real = fg_dtype_get(q->dtype)->is_float, wide = q->dtype == FG_DOUBLE || !real;
    const char *type = fg_compute_type(ctx, q->dtype);
    const bool scaled = q->alpha != 1 || q->beta != 1;
    const char *at = q->c < 0 ? "" : fg_nest_at(ctx, q->nest, q->c, 0, q->nest->rank, "i");
    const char *c = q->c < 0 ? NULL : fg_load_element(ctx, q->dtype, "bias", at);
    if (!real && scaled) { /* factors of integers go through double */
        fg_text_printf(out, "const double scaled = %s * (double)%s", fg_c_double(ctx, (double)q->alpha), var);
        if (c != NULL) {
            fg_text_printf(out, " + %s * (double)%s", fg_c_double(ctx, (double)q->beta), c);
        }
        fg_text_printf(out, ";\n%s = (%s)scaled;\n", var, type);
    } else {
        if (q->alpha != 1) {
            fg_text_printf(out, "%s *= %s;\n", var,
                           wide ? fg_c_double(ctx, (double)q->alpha) : fg_c_float(ctx, q->alpha));
        }
        if (c != NULL && q->beta != 1) {
            c = fg_format(ctx, "%s * %s", wide ? fg_c_double(ctx, (double)q->beta) : fg_c_float(ctx, q->beta),
                          c);
        }
        if (c != NULL && real) {
            fg_text_printf(out, "%s += %s;\n", var, c);
        } else if (c != NULL) {
            fg_text_printf(out, "%s = fgs_add_%s(%s, %s);\n", var, fg_ctype_tag(q->dtype), var, c);
        }
    }
    fg_tail_emit(&q->tail, var, q->nest->rank, 0, 0, 0, "", out);
}

/* "ROW VECTORS LAST": a row of accumulators; the last one has LAST lanes. */
static void hook_row(void *user, const char *arguments, fg_text *out) {
    const fg_matmul *q = user;
    fg_context *ctx = q->e->ctx;
    char *end;
    const long row = strtol(arguments, &end, 10), vectors = strtol(end, &end, 10),
               last = strtol(end, &end, 10);
    const int r = row_dim(q), c = column_dim(q);
    fg_text_add(out, "{\n");
    if (q->nest->extent[r] > 1) {
        fg_text_printf(out, row == 0 ? "const int i%d = row;\n" : "const int i%d = row + %ld;\n", r, row);
    }
    for (long j = 0; j < vectors; j++) {
        const int lanes = j == vectors - 1 ? (int)last : q->e->lanes;
        const char *var = fg_format(ctx, "c%ld_%ld", row, j);
        if (!q->spill) {
            if (j == 0) {
                fg_text_printf(out, "const int i%d = column;\n", c);
            }
            scale_vector(q, var, j * q->e->lanes, lanes, out);
            fg_tail_emit(&q->tail, var, q->nest->rank, lanes, c, j * q->e->lanes, fg_format(ctx, "_%ld", j),
                         out);
            continue;
        }
        fg_text_printf(out, "fg_store(lanes + %ld, %s);\n", j * q->e->lanes, var);
    }
    if (q->spill) {
        fg_text_printf(out, "for (int lane = 0; lane < %ld; lane++) {\n", (vectors - 1) * q->e->lanes + last);
        fg_text_printf(out, "const int i%d = column + lane;\nfloat v = lanes[lane];\n", c);
        finish_element(q, "v", out);
        fg_text_add(out, "}\n");
    }
    fg_text_add(out, "}\n");
}

static int64_t magnitude(int64_t i) {
    return i < 0 ? -i : i;
}

static bool bias_suits_vectors(const fg_matmul *q) {
    const int64_t stride = q->c < 0 ? 0 : q->nest->stride[q->c][column_dim(q)];
    return stride == 0 || stride == 1;
}

/* Rows that are a multiple of a kilobyte apart compete for the same few sets of the cache: worth a copy if
 * the panel is read again and again. */
static bool rows_collide(const fg_matmul *q) {
    const int64_t rows = q->nest->extent[row_dim(q)];
    return q->k >= 16 && q->b_k * 4 % 1024 == 0 && rows >= 4 * q->tile.mr;
}

/* What the parts of the kernel divide among them: matrices if there are several, else full panels of columns.
 */
typedef struct fg_split {
    bool matrices, panels;
    int64_t n_panels, full;
    int64_t width;
} fg_split;

static fg_split choose_split(const fg_matmul *q, int64_t columns, int64_t width) {
    fg_split s = {.n_panels = (columns + width - 1) / width, .full = columns / width, .width = width};
    for (int d = 0; d < row_dim(q); d++) {
        s.matrices = s.matrices || q->nest->extent[d] > 1;
    }
    s.panels = !s.matrices && s.full > 1;
    if (s.matrices || s.panels) {
        fg_emit_parallel(q->e);
    }
    return s;
}

static void set_split(const fg_matmul *q, fg_template *t, const fg_split *s) {
    fg_emit *e = q->e;
    const bool divided = s->panels && e->m->options.threads > 1;
    fg_nest_divide(e, t, q->nest, s->matrices ? row_dim(q) : 0);
    fg_template_part(t, e, "N", divided, s->n_panels, s->full, s->width);
    fg_template_text(t, "ONLY_LAST", divided ? "if (c->part == c->parts - 1)" : "");
}

/* What makes a stored weight, which is finite, float32. */
static const char *widening(fg_dtype stored) {
    return stored == FG_FLOAT16 ? "fgs_finite_half_to_f32" : stored == FG_BFLOAT16 ? "fgs_bf16_to_f32" : "";
}

static void emit_vectors(fg_matmul *q) {
    fg_emit *e = q->e;
    const fg_nest *n = q->nest;
    const int64_t rows = n->extent[row_dim(q)], columns = n->extent[column_dim(q)],
                  vectors = (columns + e->lanes - 1) / e->lanes;
    const fg_product product = {.rows = 1,
                                .width = rows,
                                .k = q->k,
                                .vectors = vectors,
                                .pitch = 4 * n->stride[q->a][row_dim(q)],
                                .compact = fg_wants_little_text(e->m, e->k)};
    const fg_pick pick = fg_pick_of(e->m, e->k);
    q->tile = fg_pick_tile(e->m->target, &product, &pick);
    e->kt->choice = fg_format(e->ctx, "%dx%d", q->tile.mr, q->tile.nv);
    q->spill = !fg_tail_vectors(&q->tail, column_dim(q)) || !bias_suits_vectors(q);
    q->packed = n->stride[q->b][column_dim(q)] != 1 || rows_collide(q) || q->b_stored != FG_FLOAT;
    const int64_t width = q->tile.nv * (int64_t)e->lanes;
    const fg_split split = choose_split(q, columns, width);
    if (q->packed) {
        fg_emit_scratch(e, "panel", "float", sizeof(float), q->k * width);
    }
    if (q->spill) {
        fg_emit_scratch(e, "lanes", "float", sizeof(float), width);
    }
    fg_template *t = fg_emit_template(e);
    set_split(q, t, &split);
    fg_template_int(t, "BATCH", n->rank - 2);
    fg_template_ints(t, "EXTENT", n->rank, n->extent);
    fg_template_int(t, "M", rows);
    fg_template_int(t, "K", q->k);
    fg_template_int(t, "MR", q->tile.mr);
    fg_template_int(t, "NV", q->tile.nv);
    fg_template_int(t, "PANELS", vectors / q->tile.nv);
    fg_template_int(t, "REST", vectors % q->tile.nv);
    fg_template_int(t, "LANES", (columns - 1) % e->lanes + 1);
    fg_template_int(t, "PACK", q->packed);
    fg_template_int(t, "A_M", n->stride[q->a][row_dim(q)]);
    fg_template_int(t, "A_K", q->a_k);
    fg_template_int(t, "B_N", n->stride[q->b][column_dim(q)]);
    fg_template_int(t, "B_K", q->b_k);
    fg_template_int(t, "ALONG_K", magnitude(q->b_k) < magnitude(n->stride[q->b][column_dim(q)]));
    fg_template_text(t, "AT", fg_weight_type(q->a_stored));
    fg_template_text(t, "BT", fg_weight_type(q->b_stored));
    fg_template_text(t, "WIDEN_A", widening(q->a_stored));
    fg_template_text(t, "WIDEN_B", widening(q->b_stored));
    fg_template_text(t, "LOADB", fg_weight_load(q->b_stored));
    fg_template_text(t, "A",
                     fg_pointer_to(e->ctx, q->a_name, fg_nest_at(e->ctx, n, q->a, 0, n->rank - 2, "i")));
    fg_template_text(t, "B",
                     fg_pointer_to(e->ctx, q->b_name, fg_nest_at(e->ctx, n, q->b, 0, n->rank - 2, "i")));
    fg_template_hook(t, "row", hook_row, q);
    fg_template_render(t, "matmul", e->out);
    fg_describe(e, fg_format(e->ctx, "%dx%d", q->tile.mr, q->tile.nv * e->lanes),
                "%d rows by %d columns in registers; %s", q->tile.mr, q->tile.nv * e->lanes,
                q->packed ? "a panel of columns is copied side by side first"
                          : "columns are read where they lie");
}

/* ---- elements ---- */

static void hook_element(void *user, const char *arguments, fg_text *out) {
    (void)arguments;
    finish_element(user, "v", out);
}

static void emit_elements(fg_matmul *q) {
    fg_emit *e = q->e;
    fg_nest *n = q->nest;
    fg_nest_simplify(n, q->tail.y, 0, n->rank);
    const bool real = fg_dtype_get(q->dtype)->is_float;
    const char *type = fg_compute_type(e->ctx, q->dtype);
    const char *sum = q->dtype == FG_DOUBLE                           ? "double"
                      : real                                          ? "float"
                      : q->dtype == FG_INT32 || q->dtype == FG_UINT32 ? "uint32_t"
                                                                      : "uint64_t";
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "RANK", n->rank);
    fg_template_ints(t, "EXTENT", n->rank, n->extent);
    fg_nest_divide(e, t, n, n->rank);
    fg_template_int(t, "K", q->k);
    fg_template_int(t, "REAL", real);
    fg_template_text(t, "TYPE", type);
    fg_template_text(t, "AT", fg_dtype_get(q->a_stored)->c_type);
    fg_template_text(t, "BT", fg_dtype_get(q->b_stored)->c_type);
    fg_template_text(t, "SUM", sum);
    fg_template_text(t, "A", fg_pointer_to(e->ctx, q->a_name, fg_nest_at(e->ctx, n, q->a, 0, n->rank, "i")));
    fg_template_text(t, "B", fg_pointer_to(e->ctx, q->b_name, fg_nest_at(e->ctx, n, q->b, 0, n->rank, "i")));
    const char *ak = q->a_k == 1 ? "k" : fg_format(e->ctx, "k * %lld", (long long)q->a_k);
    const char *bk = q->b_k == 1 ? "k" : fg_format(e->ctx, "k * %lld", (long long)q->b_k);
    fg_template_text(t, "AK", fg_load_element(e->ctx, q->a_stored, "ak", ak));
    fg_template_text(t, "BK", fg_load_element(e->ctx, q->b_stored, "bk", bk));
    fg_template_hook(t, "finish", hook_element, q);
    fg_template_render(t, "matmul_elements", e->out);
    fg_describe(e, "", "one dot product per element");
}

static void prefer(fg_planner *p, fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    for (int i = 0; i < k->n_out; i++) {
        fg_want_row_major(p, k->out[i]);
        fg_give_strided(p, k->out[i], -1);
    }
    fg_take_strided(p, n->in[0]);
    if (n->in[1] != n->in[0]) {
        fg_take_strided(p, n->in[1]);
    }
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    FG_REQUIRE(e->ctx, "matmul", n != NULL && e->k->n_prologue == 0 && e->k->n_out == 1);
    const bool gemm = strcmp(n->op_type, "Gemm") == 0;
    fg_matmul q = {.e = e, .a_name = "a", .b_name = "b", .c = -1, .alpha = 1, .beta = 1};
    q.dtype = n->in[0]->dtype;
    if (fg_is_empty_result(e, n->out[0])) {
        return;
    }
    fg_compute_type(e->ctx, q.dtype);
    q.a_stored = fg_emit_stored(e, "a", n->in[0]);
    q.b_stored = fg_emit_stored(e, "b", n->in[1]);
    if (gemm) {
        q.alpha = fg_attr_float(n, "alpha", 1);
        q.beta = fg_attr_float(n, "beta", 1);
        q.bias = n->n_in > 2 && q.beta != 0 ? n->in[2] : NULL;
    }
    if (q.bias != NULL) {
        fg_emit_input(e, "bias", q.bias);
    }
    make_nest(&q, n);
    fg_nest_simplify(q.nest, q.tail.y, 0, q.nest->rank - 2);
    const int64_t *y = q.nest->stride[q.tail.y], *extent = q.nest->extent;
    const int r = row_dim(&q), c = column_dim(&q);
    if (extent[c] == 1 || (y[c] != 1 && y[r] == 1 && extent[r] > 1)) {
        transpose(&q);
    }
    if (q.dtype == FG_FLOAT && 2 * extent[c] >= e->lanes && extent[c] > 1 && q.k > 0) {
        emit_vectors(&q);
    } else {
        emit_elements(&q);
    }
}

const fg_lowering fg_lowering_matmul = {.name = "matmul", .prefer = prefer, .emit = emit};
