/* GridSample: for every point the taps that lie inside the image and their weights, shared by all channels.
 * Places are computed in double, where nothing is rounded that decides which pixels are read. */
#include <string.h>

#include "codegen/moves.h"

enum { TO, GRID, OPERANDS };

/* A nest over images and points; operands move with these only. */
static fg_nest *points_of(fg_emit *e, const fg_value *y, const fg_value *grid, const int64_t *ys,
                          const int64_t *gs) {
    fg_shape space = {.rank = y->shape.rank - 1};
    int64_t to[2 * FG_MAX_RANK] = {0}, from[2 * FG_MAX_RANK] = {0};
    for (int d = 0; d < space.rank; d++) {
        space.dim[d] = grid->shape.dim[d];
        to[d] = ys[d == 0 ? 0 : d + 1];
        from[d] = gs[d];
    }
    fg_nest *nest = fg_nest_new(e->ctx, &space, OPERANDS);
    fg_nest_add(e->ctx, nest, to);
    fg_nest_add(e->ctx, nest, from);
    return nest;
}

static bool in_vectors(const fg_emit *e, const fg_value *x, int64_t x_step, int64_t y_step) {
    return x->dtype == FG_FLOAT && e->lanes > 1 && x_step == 1 && y_step == 1 &&
           2 * x->shape.dim[1] >= e->lanes;
}

static void set_places(fg_template *t, const fg_node *n, const fg_value *x, const int64_t *xs) {
    const char *mode = fg_attr_string(n, "mode", "linear");
    const int axes = x->shape.rank - 2, taps = mode[0] == 'n' ? 1 : strstr(mode, "cubic") != NULL ? 4 : 2;
    int64_t room = 1;
    for (int d = 0; d < axes; d++) {
        room *= taps;
    }
    fg_template_int(t, "AXES", axes);
    fg_template_int(t, "TAPS", taps);
    fg_template_int(t, "ROOM", room);
    fg_template_int(t, "ALIGNED", fg_attr_int(n, "align_corners", 0) != 0);
    fg_template_text(t, "PADDING", fg_attr_string(n, "padding_mode", "zeros"));
    fg_template_ints(t, "IN", axes, x->shape.dim + 2);
    fg_template_ints(t, "X_S", axes, xs + 2);
}

/* What the grid says of each axis; the last axis comes first. */
static void set_coordinates(fg_template *t, fg_context *ctx, const fg_value *grid, int64_t step) {
    const int axes = grid->shape.rank - 2;
    const char *text[FG_MAX_RANK];
    for (int d = 0; d < axes; d++) {
        const char *at = fg_format(ctx, "%lld", (long long)((axes - 1 - d) * step));
        text[d] = fg_load_element(ctx, grid->dtype, "g", at);
    }
    fg_template_texts(t, "COORDINATE", axes, text);
    fg_template_text(t, "COORDINATES", fg_dtype_get(grid->dtype)->c_type);
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *grid = n->in[1], *y = n->out[0];
    int64_t xs[FG_MAX_RANK], gs[FG_MAX_RANK], ys[FG_MAX_RANK];
    if (fg_is_empty_result(e, y)) {
        return;
    }
    const char *type = fg_compute_type(ctx, x->dtype);
    fg_emit_input(e, "x", x);
    fg_emit_input(e, "grid", grid);
    fg_emit_output(e, "y", y);
    fg_strides_of(e, x, xs);
    fg_strides_of(e, grid, gs);
    fg_strides_of(e, y, ys);
    const fg_nest *nest = points_of(e, y, grid, ys, gs);
    const bool vector = in_vectors(e, x, xs[1], ys[1]);
    fg_template *t = fg_emit_template(e);
    set_places(t, n, x, xs);
    fg_template_int(t, "RANK", nest->rank);
    fg_template_ints(t, "EXTENT", nest->rank, nest->extent);
    fg_nest_divide(e, t, nest, nest->rank);
    fg_template_int(t, "VECTOR", vector);
    fg_template_int(t, "CHANNELS", x->shape.dim[1]);
    set_coordinates(t, ctx, grid, gs[grid->shape.rank - 1]);
    fg_template_text(t, "TYPE", type);
    const bool wide = x->dtype == FG_DOUBLE;
    fg_template_text(t, "THREE_QUARTERS", wide ? "0.75" : "0.75f");
    fg_template_text(t, "QUARTER", wide ? "0.25" : "0.25f");
    fg_template_text(t, "FIVE", wide ? "5.0" : "5.0f");
    fg_template_text(t, "NINE", wide ? "9.0" : "9.0f");
    fg_template_text(t, "STORED", fg_dtype_get(x->dtype)->c_type);
    fg_template_text(t, "POINT", fg_pointer_to(ctx, "grid", fg_nest_at(ctx, nest, GRID, 0, nest->rank, "i")));
    fg_template_text(t, "IMAGE",
                     xs[0] == 0 ? "x" : fg_format(ctx, "x + (ptrdiff_t)i0 * %lld", (long long)xs[0]));
    fg_template_text(t, "TO", fg_pointer_to(ctx, "y", fg_nest_at(ctx, nest, TO, 0, nest->rank, "i")));
    fg_template_text(
        t, "ELEMENT",
        fg_load_element(ctx, x->dtype, "image", fg_format(ctx, "channel * %lld + at[k]", (long long)xs[1])));
    fg_template_text(
        t, "STORE",
        fg_store_element(ctx, x->dtype, "to", fg_format(ctx, "channel * %lld", (long long)ys[1]), "v"));
    fg_template_render(t, "grid_sample", e->out);
    fg_describe(e, "",
                vector ? "taps of each point, then vectors of channels"
                       : "taps of each point, then its channels");
}

static void prefer(fg_planner *p, fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    if (n->in[0]->dtype == FG_FLOAT && n->in[0]->shape.dim[1] > 1) {
        fg_want_channels_last(p, n->in[0], false);
        fg_want_channels_last(p, n->out[0], false);
    }
    fg_want_row_major(p, n->in[1]);
}

const fg_lowering fg_lowering_grid_sample = {"grid_sample", prefer, emit};
