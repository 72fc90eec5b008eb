/* Epilogue and store of kernels over loop nests. */
#include "codegen/tail.h"

#include <string.h>

static int chain_length(const fg_emit *e) {
    return e->k->stage[0].n_epilogue;
}

int fg_tail_operands(const fg_emit *e) {
    int n = 2;
    for (int i = 0; i < chain_length(e); i++) {
        n += 2 * e->k->stage[0].epilogue[i]->n_in;
    }
    return n;
}

/* v's elements and, if its rows lie anywhere, the numbers of these: returns the operand of the latter, or -1.
 */
static int add_value(fg_emit *e, fg_nest *nest, const fg_value *v, const char *name, int rank,
                     const fg_dims *dims, int *row) {
    const char *rows = fg_format(e->ctx, "%s_rows", name);
    if (!fg_emit_rows(e, rows, v)) {
        *row = -1;
        return fg_nest_add_in(e, nest, v, rank, dims);
    }
    int64_t own[FG_MAX_RANK], within[FG_MAX_RANK] = {0};
    const int last = v->shape.rank - 1;
    fg_strides_of(e, v, own);
    for (int d = 0; d <= last; d++) {
        own[d] = d == last ? 0 : own[d] / v->shape.dim[last];
    }
    within[last] = 1;
    *row = fg_nest_add_strides(e, nest, v, own, rank, dims);
    return fg_nest_add_strides(e, nest, v, within, rank, dims);
}

/* "(NAME + NAME_rows[...])", or NAME. */
static const char *base(const fg_tail *t, int row, const char *name, int last) {
    if (row < 0) {
        return name;
    }
    const char *at = fg_nest_at(t->e->ctx, t->nest, row, 0, last, "i");
    return fg_format(t->e->ctx, "(%s + %s_rows[%s])", name, name, at);
}

const char *fg_tail_at(const fg_tail *t, int last, int along, int64_t shift) {
    fg_context *ctx = t->e->ctx;
    const char *at = fg_nest_shifted(ctx, t->nest, t->y, last, along, shift);
    if (t->y_row < 0) {
        return at;
    }
    const char *row = fg_format(ctx, "y_rows[%s]", fg_nest_at(ctx, t->nest, t->y_row, 0, last, "i"));
    return strcmp(at, "0") == 0 ? row : fg_format(ctx, "%s + %s", row, at);
}

void fg_tail_open(fg_emit *e, fg_tail *t, fg_nest *nest, const fg_dims *dims) {
    const fg_stage *s = &e->k->stage[0];
    const int n = s->n_epilogue;
    *t = (fg_tail){.e = e, .nest = nest, .nodes = s->epilogue, .n_nodes = n};
    t->result = n > 0 ? s->epilogue[n - 1]->out[0] : s->anchor->out[0];
    FG_REQUIRE(e->ctx, "tail", e->k->n_stages == 1 && t->result->shape.rank == s->anchor->out[0]->shape.rank);
    fg_compute_type(e->ctx, t->result->dtype);
    if (fg_slot_of(e, t->result)->place != FG_PLACE_NONE) {
        fg_emit_output(e, "y", t->result);
    } else { /* only another output of the anchor is wanted: all elements go where nobody looks */
        const fg_dtype_info *type = fg_dtype_get(t->result->dtype);
        fg_emit_scratch(e, "y", type->c_type, (size_t)type->bits / 8, e->lanes);
    }
    t->y = add_value(e, nest, t->result, "y", t->result->shape.rank, dims, &t->y_row);
    if (n == 0) {
        return;
    }
    t->chain = fg_chain_new(e, s->epilogue, n, s->anchor->out[0]);
    const int operands = fg_chain_operands(t->chain);
    t->at = FG_ARRAY(e->ctx, operands + 1, int);
    t->row = FG_ARRAY(e->ctx, operands + 1, int);
    for (int i = 0; i < operands; i++) {
        fg_value *v = fg_chain_operand(t->chain, i);
        const char *name = fg_format(e->ctx, "t%d", i);
        fg_compute_type(e->ctx, v->dtype);
        fg_emit_input(e, name, v);
        t->at[i] = add_value(e, nest, v, name, t->result->shape.rank, dims, &t->row[i]);
    }
}

static bool all_float(const fg_node *n) {
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] != NULL && n->in[i]->dtype != FG_FLOAT) {
            return false;
        }
    }
    return n->out[0]->dtype == FG_FLOAT;
}

bool fg_tail_vectors(const fg_tail *t, int d) {
    for (int i = 0; i < t->n_nodes; i++) {
        if (!all_float(t->nodes[i])) {
            return false;
        }
    }
    const int operands = t->chain != NULL ? fg_chain_operands(t->chain) : 0;
    for (int i = 0; i < operands; i++) {
        const int64_t stride = t->nest->stride[t->at[i]][d];
        if ((stride != 0 && stride != 1) || (t->row[i] >= 0 && t->nest->stride[t->row[i]][d] != 0)) {
            return false;
        }
    }
    return t->result->dtype == FG_FLOAT && t->nest->stride[t->y][d] == 1;
}

void fg_tail_emit(const fg_tail *t, const char *var, int last, int lanes, int along, int64_t shift,
                  const char *tag, fg_text *out) {
    fg_context *ctx = t->e->ctx;
    if (t->chain != NULL) {
        const int n = fg_chain_operands(t->chain);
        const char **loaded = FG_ARRAY(ctx, n + 1, const char *);
        for (int i = 0; i < n; i++) {
            const fg_dtype type = fg_chain_operand(t->chain, i)->dtype;
            loaded[i] =
                fg_nest_load(t->e, t->nest, t->at[i], type,
                             base(t, t->row[i], fg_format(ctx, "t%d", i), last), last, lanes, along, shift);
        }
        fg_chain_emit(t->chain, var, false, loaded, lanes > 0, tag, 0, out);
    }
    const char *index = fg_tail_at(t, last, along, shift);
    if (lanes == 0) {
        fg_text_printf(out, "%s\n", fg_store_element(ctx, t->result->dtype, "y", index, var));
    } else if (lanes == t->e->lanes) {
        fg_text_printf(out, "fg_store(%s, %s);\n", fg_pointer_to(ctx, "y", index), var);
    } else {
        fg_text_printf(out, "fg_storen(%s, %s, %d);\n", fg_pointer_to(ctx, "y", index), var, lanes);
    }
}
