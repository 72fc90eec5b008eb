/* Epilogue and store of kernels over loop nests. */
#include "codegen/tail.h"

static int chain_length(const fg_emit *e) {
    return e->k->stage[0].n_epilogue;
}

int fg_tail_operands(const fg_emit *e) {
    int n = 1;
    for (int i = 0; i < chain_length(e); i++) {
        n += e->k->stage[0].epilogue[i]->n_in;
    }
    return n;
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
    t->y = fg_nest_add_in(e, nest, t->result, t->result->shape.rank, dims);
    t->operand = nest->n;
    if (n == 0) {
        return;
    }
    t->chain = fg_chain_new(e, s->epilogue, n, s->anchor->out[0]);
    for (int i = 0; i < fg_chain_operands(t->chain); i++) {
        fg_value *v = fg_chain_operand(t->chain, i);
        fg_compute_type(e->ctx, v->dtype);
        fg_emit_input(e, fg_format(e->ctx, "t%d", i), v);
        fg_nest_add_in(e, nest, v, t->result->shape.rank, dims);
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
    for (int i = t->operand; i < t->operand + operands; i++) {
        if (t->nest->stride[i][d] != 0 && t->nest->stride[i][d] != 1) {
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
            loaded[i] = fg_nest_load(t->e, t->nest, t->operand + i, type, fg_format(ctx, "t%d", i), last,
                                     lanes, along, shift);
        }
        fg_chain_emit(t->chain, var, false, loaded, lanes > 0, tag, out);
    }
    const char *index = fg_nest_shifted(ctx, t->nest, t->y, last, along, shift);
    if (lanes == 0) {
        fg_text_printf(out, "%s\n", fg_store_element(ctx, t->result->dtype, "y", index, var));
    } else if (lanes == t->e->lanes) {
        fg_text_printf(out, "fg_store(%s, %s);\n", fg_pointer_to(ctx, "y", index), var);
    } else {
        fg_text_printf(out, "fg_storen(%s, %s, %d);\n", fg_pointer_to(ctx, "y", index), var, lanes);
    }
}
