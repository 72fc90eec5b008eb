/* Loop nests over strided operands. */
#include "codegen/nest.h"

#include <string.h>

#include "codegen/expr.h"

#define FG_NEST_RANK (2 * FG_MAX_RANK)

fg_nest *fg_nest_new(fg_context *ctx, const fg_shape *space, int max_operands) {
    fg_nest *n = FG_NEW(ctx, fg_nest);
    n->rank = space->rank;
    memcpy(n->extent, space->dim, (size_t)space->rank * sizeof(*n->extent));
    n->capacity = max_operands;
    n->stride = fg_alloc(ctx, (size_t)max_operands + 1, sizeof(*n->stride));
    return n;
}

int fg_nest_add(fg_context *ctx, fg_nest *n, const int64_t *stride) {
    FG_REQUIRE(ctx, "nest", n->n < n->capacity);
    memcpy(n->stride[n->n], stride, (size_t)n->rank * sizeof(*stride));
    return n->n++;
}

void fg_dense_strides(const fg_shape *s, int64_t *stride) {
    int64_t step = 1;
    for (int d = s->rank; d-- > 0;) {
        stride[d] = step;
        step *= s->dim[d];
    }
}

void fg_strides_of(const fg_emit *e, const fg_value *v, int64_t *stride) {
    if (v->data != NULL) {
        fg_dense_strides(&v->shape, stride);
    } else {
        memcpy(stride, fg_layout_of(e, v)->stride, (size_t)v->shape.rank * sizeof(*stride));
    }
}

int fg_nest_add_value(const fg_emit *e, fg_nest *n, const fg_value *v) {
    int64_t own[FG_MAX_RANK], stride[FG_NEST_RANK] = {0};
    FG_REQUIRE(e->ctx, "nest", v->shape.rank <= n->rank);
    fg_strides_of(e, v, own);
    const int shift = n->rank - v->shape.rank;
    for (int d = 0; d < v->shape.rank; d++) {
        FG_REQUIRE(e->ctx, "nest", v->shape.dim[d] == 1 || v->shape.dim[d] == n->extent[shift + d]);
        stride[shift + d] = v->shape.dim[d] == 1 ? 0 : own[d];
    }
    return fg_nest_add(e->ctx, n, stride);
}

static void swap(fg_nest *n, int a, int b) {
    const int64_t extent = n->extent[a];
    n->extent[a] = n->extent[b];
    n->extent[b] = extent;
    for (int i = 0; i < n->n; i++) {
        const int64_t stride = n->stride[i][a];
        n->stride[i][a] = n->stride[i][b];
        n->stride[i][b] = stride;
    }
}

void fg_nest_move(fg_nest *n, int d, int to) {
    for (; d < to; d++) {
        swap(n, d, d + 1);
    }
}

static void take_out(fg_nest *n, int d) {
    fg_nest_move(n, d, n->rank - 1);
    n->rank--;
}

static int64_t magnitude(int64_t i) {
    return i < 0 ? -i : i;
}

static bool can_merge(const fg_nest *n, int d) {
    for (int i = 0; i < n->n; i++) {
        if (n->stride[i][d] != n->stride[i][d + 1] * n->extent[d + 1]) {
            return false;
        }
    }
    return true;
}

int fg_nest_simplify(fg_nest *n, int by, int first, int last) {
    for (int d = first; d < last;) {
        if (n->extent[d] == 1) {
            take_out(n, d);
            last--;
        } else {
            d++;
        }
    }
    for (int i = first + 1; i < last; i++) { /* stable: equal strides keep their order */
        for (int d = i; d > first && magnitude(n->stride[by][d - 1]) < magnitude(n->stride[by][d]); d--) {
            swap(n, d - 1, d);
        }
    }
    for (int d = last - 2; d >= first; d--) {
        if (can_merge(n, d)) {
            n->extent[d + 1] *= n->extent[d];
            take_out(n, d);
            last--;
        }
    }
    return last - first;
}

/* Offsets are int where that is enough: twice as fast on small processors, and easier to read. */
static bool fits_int(const fg_nest *n, int operand, int first, int last) {
    int64_t reach = 0;
    for (int d = first; d < last; d++) {
        reach += magnitude(n->stride[operand][d]) * n->extent[d];
    }
    return reach <= INT32_MAX;
}

const char *fg_nest_at(fg_context *ctx, const fg_nest *n, int operand, int first, int last, const char *var) {
    const char *s = NULL, *wide = fits_int(n, operand, first, last) ? "" : "(int64_t)";
    for (int d = first; d < last; d++) {
        const int64_t stride = n->stride[operand][d];
        if (stride == 0) {
            continue;
        }
        const char *before = s == NULL ? (stride < 0 ? "-" : "") : stride < 0 ? " - " : " + ";
        const char *term = fg_format(ctx, "%s%s%s%s%d", s == NULL ? "" : s, before, wide, var, d);
        s = magnitude(stride) == 1 ? term : fg_format(ctx, "%s * %lld", term, (long long)magnitude(stride));
    }
    return s == NULL ? "0" : s;
}

void fg_nest_open(const fg_nest *n, int first, int last, const char *var, fg_text *out) {
    for (int d = first; d < last; d++) {
        fg_text_printf(out, "for (int %s%d = 0; %s%d < %lld; %s%d++) {\n", var, d, var, d,
                       (long long)n->extent[d], var, d);
    }
}

void fg_nest_close(int loops, fg_text *out) {
    for (int i = 0; i < loops; i++) {
        fg_text_add(out, "}\n");
    }
}

const char *fg_pointer_to(fg_context *ctx, const char *pointer, const char *index) {
    return strcmp(index, "0") == 0 ? pointer : fg_format(ctx, "%s + %s", pointer, index);
}

/* ---- operands of a nest ---- */

const char *fg_nest_shifted(fg_context *ctx, const fg_nest *n, int i, int last, int along, int64_t shift) {
    const char *s = fg_nest_at(ctx, n, i, 0, last, "i");
    const int64_t more = shift == 0 ? 0 : shift * n->stride[i][along];
    if (more == 0) {
        return s;
    }
    return strcmp(s, "0") == 0 ? fg_format(ctx, "%lld", (long long)more)
                               : fg_format(ctx, "%s + %lld", s, (long long)more);
}

const char *fg_nest_load(const fg_emit *e, const fg_nest *n, int i, fg_dtype t, const char *name, int last,
                         int lanes, int along, int64_t shift) {
    fg_context *ctx = e->ctx;
    const char *at = fg_nest_shifted(ctx, n, i, last, along, shift);
    if (lanes == 0) {
        return fg_load_element(ctx, t, name, at);
    }
    if (n->stride[i][along] == 0) {
        return fg_format(ctx, "fg_set1(%s[%s])", name, at);
    }
    const char *p = fg_pointer_to(ctx, name, at);
    return lanes == e->lanes ? fg_format(ctx, "fg_load(%s)", p)
                             : fg_format(ctx, "fg_loadn(%s, %d)", p, lanes);
}

fg_dims fg_dims_same(int rank) {
    fg_dims dims = {.to = {0}};
    for (int d = 0; d < rank; d++) {
        dims.to[d] = d;
        dims.inner[d] = -1;
    }
    return dims;
}

int fg_nest_add_in(const fg_emit *e, fg_nest *n, const fg_value *v, int rank, const fg_dims *dims) {
    int64_t own[FG_MAX_RANK];
    fg_strides_of(e, v, own);
    return fg_nest_add_strides(e, n, v, own, rank, dims);
}

int fg_nest_add_strides(const fg_emit *e, fg_nest *n, const fg_value *v, const int64_t *own, int rank,
                        const fg_dims *dims) {
    int64_t stride[FG_NEST_RANK] = {0};
    const int skip = rank - v->shape.rank;
    FG_REQUIRE(e->ctx, "nest", skip >= 0);
    for (int d = 0; d < v->shape.rank; d++) {
        const int64_t step = v->shape.dim[d] == 1 ? 0 : own[d];
        const bool split = dims->inner[skip + d] >= 0;
        stride[dims->to[skip + d]] = split ? step * dims->inner_extent[skip + d] : step;
        if (split) {
            stride[dims->inner[skip + d]] = step;
        }
    }
    return fg_nest_add(e->ctx, n, stride);
}

void fg_need_constant(fg_emit *e, const fg_value *v) {
    if (v == NULL || v->data != NULL) {
        return;
    }
    if (v->is_input) {
        fg_remedy(e->ctx, "bind it with --const %s=FILE.npy", v->name);
    } else {
        fg_remedy(e->ctx, "bind the graph input it depends on with --const");
    }
    fg_raise(e->ctx, FG_UNSUPPORTED, "generated code needs operand '%s' to be constant", v->name);
}

/* ---- threads ---- */

void fg_nest_divide(fg_emit *e, fg_template *t, const fg_nest *n, int loops) {
    int d = 0;
    while (d < loops && n->extent[d] < 2) {
        d++;
    }
    const bool divided = d < loops && fg_emit_parallel(e);
    fg_template_int(t, "PAR", divided ? d : -1);
    fg_template_text(t, "PART_FROM", divided ? fg_part_from(e, n->extent[d]) : "");
    fg_template_text(t, "PART_TO", divided ? fg_part_to(e, n->extent[d]) : "");
}

void fg_nest_map(fg_emit *e, fg_template *t, const fg_nest *n, bool vector) {
    const int loops = vector ? n->rank - 1 : n->rank;
    const int64_t length = n->rank > 0 ? n->extent[n->rank - 1] : 1, vectors = vector ? length / e->lanes : 0;
    fg_template_int(t, "VECTOR", vector);
    fg_template_int(t, "LOOPS", loops);
    fg_template_int(t, "N", length);
    fg_template_ints(t, "EXTENT", n->rank, n->extent);
    fg_nest_divide(e, t, n, loops);
    const bool blocks = loops == 0 && vectors > 1 && fg_emit_parallel(e);
    fg_template_int(t, "BLOCKS", blocks);
    fg_template_text(t, "BLOCK_FROM", blocks ? fg_part_from(e, vectors) : "");
    fg_template_text(t, "BLOCK_TO", blocks ? fg_part_to(e, vectors) : "");
}
