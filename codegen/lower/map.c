/* Elementwise chains over operands in any layouts, with broadcasting: one loop nest, innermost along the
 * result's densest dimension; in vectors where everything is float32 and lies side by side. */
#include <stdlib.h>

#include "codegen/moves.h"
#include "codegen/nest.h"
#include "codegen/text.h"

typedef struct fg_map {
    fg_emit *e;
    fg_chain *chain;
    fg_nest *nest;
    fg_value *result;
    int operands; /* nest operands 0 .. operands - 1; the result is the next one */
    bool vector;
} fg_map;

static bool is_float(const fg_value *v) {
    return v == NULL || v->dtype == FG_FLOAT;
}

static bool has_vector_form(const fg_node *n) {
    for (int i = 0; i < n->n_in; i++) {
        if (!is_float(n->in[i])) {
            return false;
        }
    }
    return is_float(n->out[0]) && n->op->vector != NULL;
}

/* After simplification: side by side or broadcast in the innermost dimension, and enough of it. */
static bool can_use_vectors(const fg_map *m, fg_node *const *nodes, int n_nodes) {
    const fg_nest *n = m->nest;
    const int lanes = m->e->lanes, inner = n->rank - 1;
    if (lanes < 2 || inner < 0 || n->extent[inner] * 2 < lanes || n->stride[m->operands][inner] != 1) {
        return false;
    }
    for (int i = 0; i < m->operands; i++) {
        if (n->stride[i][inner] != 0 && n->stride[i][inner] != 1) {
            return false;
        }
    }
    for (int i = 0; i < n_nodes; i++) {
        if (!has_vector_form(nodes[i])) {
            return false;
        }
    }
    return true;
}

/* Text that loads operand i at the current indices; lanes 0: one element. */
static const char *load(const fg_map *m, int i, int lanes) {
    fg_context *ctx = m->e->ctx;
    const fg_nest *n = m->nest;
    const fg_value *v = fg_chain_operand(m->chain, i);
    const char *name = fg_format(ctx, "x%d", i);
    if (lanes == 0) {
        return fg_load_element(ctx, v->dtype, name, fg_nest_at(ctx, n, i, 0, n->rank, "i"));
    }
    const char *at = fg_nest_at(ctx, n, i, 0, n->rank, "i");
    if (n->stride[i][n->rank - 1] == 0) {
        return fg_format(ctx, "fg_set1(%s[%s])", name, at);
    }
    const char *from = fg_pointer_to(ctx, name, at);
    return lanes == m->e->lanes ? fg_format(ctx, "fg_load(%s)", from)
                                : fg_format(ctx, "fg_loadn(%s, %d)", from, lanes);
}

/* The chain at the current indices, over `lanes` elements (0: scalar). */
static void body(void *user, const char *arguments, fg_text *out) {
    const fg_map *m = user;
    fg_context *ctx = m->e->ctx;
    const fg_nest *n = m->nest;
    const int lanes = atoi(arguments);
    const char **loaded = FG_ARRAY(ctx, m->operands + 1, const char *);
    for (int i = 0; i < m->operands; i++) {
        loaded[i] = load(m, i, lanes);
    }
    fg_chain_emit(m->chain, "v", true, loaded, lanes > 0, "", 0, out);
    const char *at = fg_nest_at(ctx, n, m->operands, 0, n->rank, "i");
    if (lanes == 0) {
        fg_text_add(out, fg_store_element(ctx, m->result->dtype, "y", at, "v"));
    } else if (lanes == m->e->lanes) {
        fg_text_printf(out, "fg_store(%s, v);", fg_pointer_to(ctx, "y", at));
    } else {
        fg_text_printf(out, "fg_storen(%s, v, %d);", fg_pointer_to(ctx, "y", at), lanes);
    }
}

static void declare(fg_map *m) {
    fg_context *ctx = m->e->ctx;
    m->nest = fg_nest_new(ctx, &m->result->shape, m->operands + 1);
    for (int i = 0; i < m->operands; i++) {
        fg_value *v = fg_chain_operand(m->chain, i);
        fg_compute_type(ctx, v->dtype);
        fg_emit_input(m->e, fg_format(ctx, "x%d", i), v);
        fg_nest_add_value(m->e, m->nest, v);
    }
    fg_compute_type(ctx, m->result->dtype);
    fg_emit_output(m->e, "y", m->result);
    fg_nest_add_value(m->e, m->nest, m->result);
    fg_nest_simplify(m->nest, m->operands, 0, m->nest->rank);
}

static fg_node **chain_of(fg_context *ctx, const fg_kernel *k, int *count) {
    const fg_stage *s = &k->stage[0];
    fg_node **nodes = FG_ARRAY(ctx, s->n_epilogue + 1, fg_node *);
    int n = 0;
    if (s->anchor != NULL) {
        nodes[n++] = s->anchor;
    }
    for (int i = 0; i < s->n_epilogue; i++) {
        nodes[n++] = s->epilogue[i];
    }
    *count = n;
    return nodes;
}

static void emit(fg_emit *e) {
    if (fg_emit_text_map(e)) return;
    int n_nodes;
    fg_node **nodes = chain_of(e->ctx, e->k, &n_nodes);
    FG_REQUIRE(e->ctx, "map", n_nodes > 0 && e->k->n_out == 1);
    fg_map m = {.e = e, .result = e->k->out[0]};
    FG_REQUIRE(e->ctx, "map", m.result == nodes[n_nodes - 1]->out[0]);
    if (fg_is_empty_result(e, m.result)) {
        return;
    }
    m.chain = fg_chain_new(e, nodes, n_nodes, NULL);
    m.operands = fg_chain_operands(m.chain);
    declare(&m);
    m.vector = can_use_vectors(&m, nodes, n_nodes);
    fg_template *t = fg_emit_template(e);
    fg_nest_map(e, t, m.nest, m.vector);
    fg_template_hook(t, "body", body, &m);
    fg_template_render(t, "map", e->out);
    fg_describe(e, "", m.vector ? "vectors along the densest dimension" : "element by element");
}

const fg_lowering fg_lowering_map = {"map", NULL, emit};
