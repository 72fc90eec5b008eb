/* Movement operators that could not become views: strided copies. Every operator here is a nest over two
 * operands, the result (0) and the source (1); a Reshape between shapes that have no common refinement
 * divides a running index instead. */
#include <string.h>

#include "codegen/draw.h"
#include "codegen/moves.h"
#include "codegen/nest.h"
#include "frontend/movement.h"

enum { TO, FROM };
enum { SQUARE = 16 }; /* elements: a line of cache of four bytes each */

/* One copy: a nest over both, and the elements at which they start. */
typedef struct fg_move {
    fg_emit *e;
    fg_nest *nest;
    const char *from, *to;
    int64_t from_offset, to_offset;
    fg_dtype dtype;
    const fg_value *result; /* of packed elements, to be cleared behind its end; NULL: it is already */
} fg_move;

static const char *start(fg_context *ctx, const char *pointer, int64_t offset, const char *at) {
    const char *p = offset == 0 ? pointer : fg_format(ctx, "%s + %lld", pointer, (long long)offset);
    return fg_pointer_to(ctx, p, at);
}

/* What is not divided among threads is done by the first of them, as other copies of the same kernel may be
 * divided. */
static void begin_serial(fg_emit *e) {
    if (e->m->options.threads > 1) {
        fg_line(e, "if (c->part == 0) {");
    }
}

static void end_serial(fg_emit *e) {
    if (e->m->options.threads > 1) {
        fg_line(e, "}");
    }
}

static int64_t longest_loop(const fg_nest *n, int loops) {
    int64_t longest = 1;
    for (int d = 0; d < loops; d++) {
        longest = n->extent[d] > longest ? n->extent[d] : longest;
    }
    return longest;
}

static const char *moved(fg_context *ctx, int64_t offset, const char *at) {
    return offset == 0 ? at : fg_format(ctx, "%lld + %s", (long long)offset, at);
}

/* Packed elements share bytes: one by one, by one thread. */
static void move_packed(const fg_move *m) {
    fg_context *ctx = m->e->ctx;
    const fg_nest *n = m->nest;
    begin_serial(m->e);
    if (m->result != NULL) {
        fg_clear_packed(m->e, m->to, m->result);
    }
    fg_nest_open(n, 0, n->rank, "i", m->e->out);
    fg_line(m->e, "%s",
            fg_move_element(ctx, m->dtype, m->to,
                            moved(ctx, m->to_offset, fg_nest_at(ctx, n, TO, 0, n->rank, "i")), m->from,
                            moved(ctx, m->from_offset, fg_nest_at(ctx, n, FROM, 0, n->rank, "i"))));
    fg_nest_close(n->rank, m->e->out);
    end_serial(m->e);
}

/* Elements side by side in the result lie apart in the source and the other way round: by squares whose lines
 * of cache both stay. The source's dense dimension becomes the last but one. */
static bool is_transposed(fg_nest *n) {
    const int inner = n->rank - 1;
    if (inner < 1 || n->stride[TO][inner] != 1 || n->extent[inner] < SQUARE) {
        return false;
    }
    for (int d = 0; d < inner; d++) {
        if (n->stride[FROM][d] == 1 && n->extent[d] >= SQUARE) {
            fg_nest_move(n, d, inner - 1);
            return true;
        }
    }
    return false;
}

static void set_loops(const fg_move *m, fg_template *t, int loops, bool squares) {
    const fg_nest *n = m->nest;
    const bool serial = longest_loop(n, loops) < 2;
    if (serial) {
        begin_serial(m->e);
    }
    fg_nest_divide(m->e, t, n, loops);
    fg_template_int(t, "SQUARE", squares ? SQUARE : 0);
    fg_template_render(t, "copy", m->e->out);
    if (serial) {
        end_serial(m->e);
    }
}

static void emit_move(const fg_move *m) {
    fg_context *ctx = m->e->ctx;
    fg_nest *n = m->nest;
    fg_nest_simplify(n, TO, 0, n->rank);
    if (fg_dtype_is_packed(m->dtype)) {
        move_packed(m);
        return;
    }
    const int inner = n->rank - 1;
    const bool run = m->dtype != FG_STRING && /* pointers: the target knows their size */
                     inner >= 0 && n->stride[TO][inner] == 1 && n->stride[FROM][inner] == 1 &&
                     n->extent[inner] >= 4;
    const int loops = run ? inner : n->rank;
    const bool squares = !run && is_transposed(n);
    fg_template *t = fg_emit_template(m->e);
    fg_template_int(t, "LOOPS", loops);
    fg_template_ints(t, "EXTENT", n->rank, n->extent);
    fg_template_int(t, "RUN", run);
    fg_template_int(t, "BYTES", run ? (int64_t)fg_dtype_bytes(m->dtype, n->extent[inner]) : 0);
    fg_template_text(t, "FROM", start(ctx, m->from, m->from_offset, fg_nest_at(ctx, n, FROM, 0, loops, "i")));
    fg_template_text(t, "TO", start(ctx, m->to, m->to_offset, fg_nest_at(ctx, n, TO, 0, loops, "i")));
    set_loops(m, t, loops, squares);
}

static bool declare(fg_emit *e, const char *x, fg_value *from, const char *y, fg_value *to) {
    if (fg_is_empty_result(e, to)) {
        return false;
    }
    fg_emit_input(e, x, from);
    fg_emit_output(e, y, to);
    return true;
}

/* ---- reshapes ---- */

/* One shape's dimensions from the innermost outwards, split as needed. */
typedef struct fg_pieces {
    const fg_shape *shape;
    const int64_t *stride;
    int d;        /* dimension that is being split; -1: all used up */
    int64_t left; /* of its extent */
    int64_t step; /* of what is left */
} fg_pieces;

static void next_dimension(fg_pieces *p) {
    do {
        p->d--;
    } while (p->d >= 0 && p->shape->dim[p->d] == 1);
    if (p->d >= 0) {
        p->left = p->shape->dim[p->d];
        p->step = p->stride[p->d];
    }
}

static fg_pieces pieces_of(const fg_shape *shape, const int64_t *stride) {
    fg_pieces p = {.shape = shape, .stride = stride, .d = shape->rank};
    next_dimension(&p);
    return p;
}

static void take(fg_pieces *p, int64_t extent) {
    p->left /= extent;
    p->step *= extent;
    if (p->left == 1) {
        next_dimension(p);
    }
}

/* The nest over the common refinement of two shapes of equally many elements; false if they have none. */
static bool refine(fg_context *ctx, fg_nest *n, fg_pieces to, fg_pieces from) {
    int64_t extent[2 * FG_MAX_RANK], stride[2][2 * FG_MAX_RANK];
    int rank = 0;
    while (to.d >= 0 && from.d >= 0) {
        const int64_t piece = to.left < from.left ? to.left : from.left;
        if (to.left % piece != 0 || from.left % piece != 0) {
            return false;
        }
        FG_REQUIRE(ctx, "copy", rank < 2 * FG_MAX_RANK);
        extent[rank] = piece;
        stride[TO][rank] = to.step;
        stride[FROM][rank++] = from.step;
        take(&to, piece);
        take(&from, piece);
    }
    n->rank = rank;
    n->n = 2;
    for (int d = 0; d < rank; d++) {
        n->extent[d] = extent[rank - 1 - d];
        n->stride[TO][d] = stride[TO][rank - 1 - d];
        n->stride[FROM][d] = stride[FROM][rank - 1 - d];
    }
    return true;
}

/* Offset of the n-th element in row-major order. */
static const char *divided(fg_context *ctx, const fg_shape *s, const int64_t *stride) {
    const char *text = NULL;
    int64_t below = 1;
    for (int d = s->rank; d-- > 0;) {
        if (s->dim[d] != 1) {
            const char *index = below == 1 ? "n" : fg_format(ctx, "n / %lld", (long long)below);
            if (below * s->dim[d] != fg_shape_count(s)) {
                index = fg_format(ctx, "%s %% %lld", index, (long long)s->dim[d]);
            }
            const char *term = fg_format(ctx, stride[d] == 1 && below == 1 ? "%s" : "(%s)", index);
            if (stride[d] != 1) {
                term = fg_format(ctx, "%s * %lld", term, (long long)stride[d]);
            }
            text = text == NULL ? term : fg_format(ctx, "%s + %s", term, text);
        }
        below *= s->dim[d];
    }
    return text == NULL ? "0" : text;
}

static void emit_reshape(fg_emit *e, fg_value *x, fg_value *y) {
    fg_context *ctx = e->ctx;
    int64_t to[FG_MAX_RANK], from[FG_MAX_RANK];
    fg_strides_of(e, x, from);
    fg_strides_of(e, y, to);
    const fg_shape none = {.rank = 0};
    fg_nest *n = fg_nest_new(ctx, &none, 2);
    if (fg_dtype_is_packed(x->dtype)) { /* always row-major */
        begin_serial(e);
        fg_line(e, "memcpy(y, x, %zu);", fg_dtype_bytes(x->dtype, fg_shape_count(&x->shape)));
        end_serial(e);
        return;
    }
    if (refine(ctx, n, pieces_of(&y->shape, to), pieces_of(&x->shape, from))) {
        emit_move(&(fg_move){.e = e, .nest = n, .from = "x", .to = "y", .dtype = x->dtype});
        return;
    }
    begin_serial(e);
    fg_line(e, "for (int n = 0; n < %lld; n++)", (long long)fg_shape_count(&x->shape));
    fg_line(e, "y[%s] = x[%s];", divided(ctx, &y->shape, to), divided(ctx, &x->shape, from));
    end_serial(e);
}

static void lower_reshape(fg_emit *e, const fg_node *n) {
    if (declare(e, "x", n->in[0], "y", n->out[0])) {
        emit_reshape(e, n->in[0], n->out[0]);
    }
}

/* ---- views ---- */

/* Every output is a view of the input, copied. */
static void lower_view(fg_emit *e, const fg_node *n) {
    int64_t own[FG_MAX_RANK], stride[FG_MAX_RANK], offset;
    fg_strides_of(e, n->in[0], own);
    for (int i = 0; i < n->n_out; i++) {
        fg_value *y = n->out[i];
        if (y == NULL || (y->n_users == 0 && !y->is_output)) {
            continue;
        }
        for (int k = 1; k < n->n_in; k++) {
            if (!fg_operand_is_checked(n, k)) {
                fg_need_constant(e, n->in[k]);
            }
        }
        FG_REQUIRE(e->ctx, "copy", fg_movement_view(n, i, own, 0, stride, &offset));
        fg_line(e, "{");
        if (declare(e, "x", n->in[0], "y", y)) {
            fg_move m = {.e = e,
                         .nest = fg_nest_new(e->ctx, &y->shape, 2),
                         .from = "x",
                         .to = "y",
                         .from_offset = offset};
            m.dtype = y->dtype;
            m.result = y;
            fg_nest_add_value(e, m.nest, y);
            fg_nest_add(e->ctx, m.nest, stride);
            emit_move(&m);
        }
        fg_line(e, "}");
    }
}

/* ---- repetition, concatenation, depth and space ---- */

/* Adds the dimension `extent`, walked by both operands, in front of the innermost ones. */
static void add_dimension(fg_nest *n, int64_t extent, int64_t to, int64_t from) {
    n->extent[n->rank] = extent;
    n->stride[TO][n->rank] = to;
    n->stride[FROM][n->rank] = from;
    n->rank++;
    n->n = 2;
}

/* From x to y, of both from the start; dimensions are to be added. */
static fg_move whole_move(fg_emit *e, const fg_value *x, const fg_value *y) {
    const fg_shape none = {.rank = 0};
    return (fg_move){.e = e,
                     .nest = fg_nest_new(e->ctx, &none, 2),
                     .from = "x",
                     .to = "y",
                     .dtype = x->dtype,
                     .result = y};
}

static void lower_tile(fg_emit *e, const fg_node *n) {
    fg_value *x = n->in[0], *y = n->out[0];
    if (!declare(e, "x", x, "y", y)) {
        return;
    }
    if (!fg_operand_is_checked(n, 1)) {
        fg_need_constant(e, n->in[1]);
    }
    int64_t from[FG_MAX_RANK], to[FG_MAX_RANK];
    fg_strides_of(e, x, from);
    fg_strides_of(e, y, to);
    fg_move m = whole_move(e, x, y);
    for (int d = 0; d < x->shape.rank; d++) {
        const int64_t extent = x->shape.dim[d];
        add_dimension(m.nest, y->shape.dim[d] / extent, to[d] * extent, 0);
        add_dimension(m.nest, extent, to[d], from[d]);
    }
    emit_move(&m);
}

static void lower_concat(fg_emit *e, const fg_node *n) {
    fg_value *y = n->out[0];
    const int axis = fg_axis(e->ctx, n, fg_attr_int(n, "axis", 0), y->shape.rank);
    int64_t to[FG_MAX_RANK], at = 0;
    fg_strides_of(e, y, to);
    for (int i = 0; i < n->n_in; i++) {
        fg_value *x = n->in[i];
        if (!fg_is_part_of(e, x, y) && fg_shape_count(&x->shape) > 0) {
            fg_line(e, "{");
            declare(e, "x", x, "y", y);
            fg_move m = {
                .e = e, .nest = fg_nest_new(e->ctx, &x->shape, 2), .from = "x", .to = "y", .dtype = x->dtype};
            m.to_offset = at * to[axis];
            m.result = at == 0 ? y : NULL;
            fg_nest_add(e->ctx, m.nest, to);
            fg_nest_add_value(e, m.nest, x);
            emit_move(&m);
            fg_line(e, "}");
        }
        at += x->shape.dim[axis];
    }
    (void)fg_is_empty_result(e, y);
}

/* Block rows and columns (bh, bw) are dimensions of their own on both sides. */
static void lower_depth_space(fg_emit *e, const fg_node *n) {
    fg_value *x = n->in[0], *y = n->out[0];
    if (!declare(e, "x", x, "y", y)) {
        return;
    }
    const bool to_space = strcmp(n->op_type, "DepthToSpace") == 0;
    const bool depth_first = strcmp(fg_attr_string(n, "mode", "DCR"), "DCR") == 0;
    const int64_t b = fg_attr_int(n, "blocksize", 1);
    int64_t from[FG_MAX_RANK], to[FG_MAX_RANK];
    fg_strides_of(e, x, from);
    fg_strides_of(e, y, to);
    const fg_value *deep = to_space ? x : y, *wide = to_space ? y : x;
    const int64_t *ds = to_space ? from : to,
                  *ws = to_space ? to : from; /* strides of the deep and of the wide side */
    const int64_t c = wide->shape.dim[1], h = deep->shape.dim[2], w = deep->shape.dim[3];
    const int64_t step_c = depth_first ? 1 : b * b,
                  step_b = depth_first ? c : 1; /* channel = c * step_c + (bh * b + bw) * step_b */
    const struct {
        int64_t extent, deep, wide;
    } dims[] = {
        {deep->shape.dim[0], ds[0], ws[0]}, {c, step_c * ds[1], ws[1]}, {b, b * step_b * ds[1], ws[2]},
        {b, step_b * ds[1], ws[3]},         {h, ds[2], b * ws[2]},      {w, ds[3], b * ws[3]}};
    fg_move m = whole_move(e, x, y);
    for (size_t i = 0; i < FG_COUNT(dims); i++) {
        add_dimension(m.nest, dims[i].extent, to_space ? dims[i].wide : dims[i].deep,
                      to_space ? dims[i].deep : dims[i].wide);
    }
    emit_move(&m);
}

/* Inference keeps everything. */
static void fill_mask(fg_emit *e, fg_value *mask) {
    fg_nest *n = fg_nest_new(e->ctx, &mask->shape, 1);
    fg_line(e, "{");
    begin_serial(e);
    fg_emit_output(e, "mask", mask);
    fg_nest_add_value(e, n, mask);
    const int loops = fg_nest_simplify(n, TO, 0, n->rank);
    fg_nest_open(n, 0, loops, "i", e->out);
    fg_line(e, "mask[%s] = 1;", fg_nest_at(e->ctx, n, TO, 0, loops, "i"));
    fg_nest_close(loops, e->out);
    end_serial(e);
    fg_line(e, "}");
}

static void lower_dropout(fg_emit *e, const fg_node *n) {
    if (fg_attr_int(n, FG_TRAINS, 0) != 0) {
        fg_emit_dropout(e, n);
        return;
    }
    if (n->out[0] != NULL && (n->out[0]->n_users > 0 || n->out[0]->is_output)) {
        lower_reshape(e, n);
    }
    if (n->n_out > 1 && n->out[1] != NULL && (n->out[1]->n_users > 0 || n->out[1]->is_output)) {
        fill_mask(e, n->out[1]);
    }
}

static const struct {
    const char *op;
    void (*lower)(fg_emit *e, const fg_node *n);
} ways[] = {
    {"Tile", lower_tile},
    {"Dropout", lower_dropout},
    {"Concat", lower_concat},
    {"DepthToSpace", lower_depth_space},
    {"SpaceToDepth", lower_depth_space},
    {"Reshape", lower_reshape},
    {"Flatten", lower_reshape},
    {"Squeeze", lower_reshape},
    {"Unsqueeze", lower_reshape},
};

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    FG_REQUIRE(e->ctx, "copy", n != NULL && e->k->stage[0].n_epilogue == 0 && e->k->n_prologue == 0);
    for (size_t i = 0; i < FG_COUNT(ways); i++) {
        if (strcmp(ways[i].op, n->op_type) == 0) {
            ways[i].lower(e, n);
            return;
        }
    }
    lower_view(e, n);
}

/* Sources are read at any strides, so that a view of a view costs one copy at most. */
static void prefer(fg_planner *p, fg_kernel *k) {
    for (int i = 0; i < k->n_in; i++) {
        if (k->in[i]->data == NULL && !k->in[i]->is_sequence) {
            fg_take_strided(p, k->in[i]);
        }
    }
}

const fg_lowering fg_lowering_copy = {"copy", prefer, emit};
