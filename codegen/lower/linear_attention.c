/* LinearAttention: a state per head of keys, brought forward token by token. The state's rows are whole
 * vectors long; heads are divided among threads. */
#include "codegen/expr.h"
#include "codegen/nest.h"
#include "frontend/attention.h"

enum { QUERY, KEY, VALUE, STATE, DECAY, BETA, OPERANDS };

static void prefer(fg_planner *p, fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] != NULL) {
            fg_want_row_major(p, n->in[i]);
        }
    }
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] != NULL) {
            fg_want_row_major(p, n->out[i]);
        }
    }
}

static bool is_wanted(const fg_node *n, int i) {
    return i < n->n_out && n->out[i] != NULL && (n->out[i]->n_users > 0 || n->out[i]->is_output);
}

/* Element `index` of operand i, as a float; "0" where there is none. */
static const char *element(const fg_emit *e, int i, const char *name, const char *index) {
    const fg_node *n = e->k->stage[0].anchor;
    const fg_value *v = i < n->n_in ? n->in[i] : NULL;
    return v == NULL ? "0" : fg_load_element(e->ctx, v->dtype, name, index);
}

static void set_sizes(fg_template *t, const fg_linear *l, int lanes) {
    fg_template_int(t, "KV", l->kv_heads);
    fg_template_int(t, "GROUP", l->q_heads / l->kv_heads);
    fg_template_int(t, "LENGTH", l->length);
    fg_template_int(t, "D", l->head);
    fg_template_int(t, "M", l->v_head);
    fg_template_int(t, "ROW", (l->v_head + lanes - 1) / lanes * lanes);
    fg_template_int(t, "GATED", l->gated);
    fg_template_int(t, "BY_ELEMENT", l->decay_by_element);
    fg_template_int(t, "DELTA", l->delta);
}

static void emit(fg_emit *e) {
    static const char *const names[OPERANDS] = {"q", "k", "v", "past", "g", "b"};
    const fg_node *n = e->k->stage[0].anchor;
    fg_linear l;
    fg_linear_plan(e->ctx, n, &l);
    const bool y = is_wanted(n, 0), present = is_wanted(n, 1), past = n->n_in > STATE && n->in[STATE] != NULL;
    FG_REQUIRE(e->ctx, "linear attention", y || present);
    if (l.batch == 0) {
        fg_line(e, "(void)c; /* no elements */");
        return;
    }
    const bool divided = l.batch * l.kv_heads > 1 && fg_emit_parallel(e);
    const int64_t row = (l.v_head + e->lanes - 1) / e->lanes * e->lanes;
    for (int i = y ? QUERY : KEY; i < n->n_in; i++) {
        if (n->in[i] != NULL) {
            fg_emit_input(e, names[i], n->in[i]);
        }
    }
    if (y) {
        fg_emit_output(e, "y", n->out[0]);
    }
    if (present) {
        fg_emit_output(e, "present", n->out[1]);
    }
    fg_emit_scratch(e, "state", "float", 4, fg_checked_product(e->ctx, 2, (const int64_t[]){l.head, row}));
    fg_emit_scratch(e, "update", "float", 4, row);
    fg_template *t = fg_emit_template(e);
    set_sizes(t, &l, e->lanes);
    fg_template_int(t, "OUTPUT", y);
    fg_template_int(t, "PAST", past);
    fg_template_int(t, "PRESENT", present);
    fg_template_text(t, "SCALE", fg_c_float(e->ctx, (float)l.scale));
    fg_template_text(t, "FROM", divided ? fg_part_from(e, l.batch * l.kv_heads) : "0");
    fg_template_text(t, "TO",
                     divided ? fg_part_to(e, l.batch * l.kv_heads)
                             : fg_format(e->ctx, "%lld", (long long)(l.batch * l.kv_heads)));
    const char *at = fg_format(e->ctx, "at * %lld + d", (long long)l.head);
    fg_template_text(t, "QUERY",
                     element(e, QUERY, "q", fg_format(e->ctx, "from * %lld + d", (long long)l.head)));
    fg_template_text(t, "KEY", element(e, KEY, "k", at));
    fg_template_text(t, "VALUE",
                     element(e, VALUE, "v", fg_format(e->ctx, "at * %lld + m", (long long)l.v_head)));
    fg_template_text(t, "DECAY", element(e, DECAY, "g", l.decay_by_element ? at : "at"));
    fg_template_text(t, "BETA", element(e, BETA, "b", l.beta_by_head ? "at" : "token"));
    const char *of_state =
        fg_format(e->ctx, "(kv * %lld + d) * %lld + m", (long long)l.head, (long long)l.v_head);
    fg_template_text(t, "PAST_ELEMENT", element(e, STATE, "past", of_state));
    const char *of_y = fg_format(e->ctx, "from * %lld + m", (long long)l.v_head);
    fg_template_text(t, "STORE", y ? fg_store_element(e->ctx, n->out[0]->dtype, "y", of_y, "lanes[i]") : "");
    fg_template_text(t, "STORE_STATE",
                     present ? fg_store_element(e->ctx, n->out[1]->dtype, "present", of_state,
                                                fg_format(e->ctx, "state[d * %lld + m]", (long long)row))
                             : "");
    fg_template_render(t, "linear_attention", e->out);
    fg_describe(e, "", "the state is brought forward token by token, in vectors along the values");
}

const fg_lowering fg_lowering_linear_attention = {"linear_attention", prefer, emit};
