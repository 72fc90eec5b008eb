/* Loops in the run function: the calls of a body stand between those that begin and end an iteration. */
#include "frontend/loops.h"

#include "codegen/planner.h"

/* The LoopNext that ends what this kernel begins; NULL if it begins nothing. */
static const fg_node *loop_begun(const fg_kernel *k) {
    const fg_node *n = k->stage[0].anchor;
    const fg_value *iteration = n != NULL && fg_is_loop_enter(n) ? n->out[FG_ENTERED_ITERATION] : NULL;
    for (int i = 0; iteration != NULL && i < iteration->n_users; i++) {
        if (fg_is_loop_next(iteration->users[i])) {
            return iteration->users[i];
        }
    }
    return NULL;
}

static const char *at_value(const fg_planner *p, const fg_value *v) {
    const fg_slot *s = &p->m->slots[v->id];
    FG_REQUIRE(p->ctx, "loops", s->place == FG_PLACE_ARENA);
    return fg_format(p->ctx, "(c->arena + %lld)",
                     (long long)(s->base + (int64_t)fg_dtype_bytes(v->dtype, s->layout.offset)));
}

static bool is_there(const fg_value *v) {
    return v->n_users > 0 || v->is_output;
}

void fg_loop_unless(const fg_planner *p, int kernel, int depth, fg_text *out) {
    const fg_kernel *k = p->partition->kernels[kernel];
    if (loop_begun(k) != NULL)
        fg_text_printf(out, "%*s*%s = 0;\n", 4 * depth, "",
                       at_value(p, k->stage[0].anchor->out[FG_ENTERED_ON]));
}

int fg_loop_text(const fg_planner *p, int kernel, int depth, fg_text *out) {
    const fg_kernel *k = p->partition->kernels[kernel];
    const fg_node *next = loop_begun(k), *own = k->stage[0].anchor;
    const int pad = 4 * depth;
    if (next != NULL) {
        const fg_value *ran = next->out[FG_NEXT_RAN], *count = next->out[FG_NEXT_COUNT];
        if (is_there(ran)) fg_text_printf(out, "%*s*%s = 0;\n", pad, "", at_value(p, ran));
        if (is_there(count))
            fg_text_printf(out, "%*s*(int64_t *)(void *)%s = 0;\n", pad, "", at_value(p, count));
        fg_text_printf(out, "%*swhile (*%s) {\n", pad, "", at_value(p, own->out[FG_ENTERED_ON]));
        return 1;
    }
    if (own == NULL || !fg_is_loop_next(own)) return 0;
    fg_text_printf(out, "%*s}\n", pad - 4, "");
    return -1;
}

bool fg_has_loops(const fg_partition *p) {
    for (int i = 0; i < p->n_kernels; i++) {
        if (loop_begun(p->kernels[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* An iteration begins with what the one before left: what it reads and does not make stays to its end, and
 * what outlives it is there from its beginning. */
static void stretch(const fg_planner *p, int first, int last) {
    for (int i = 0; i < p->m->n_slots; i++) {
        fg_slot *s = &p->m->slots[i];
        if (s->place != FG_PLACE_ARENA || s->last < first || s->first > last) continue;
        if (s->first < first && s->last < last) s->last = last;
        if (s->first > first && s->last > last) s->first = first;
    }
}

static void check_kept(const fg_planner *p, int first, int last) {
    for (int i = 0; i < p->n_scratch; i++) {
        if (p->scratch[i].kept && p->scratch[i].kernel > first && p->scratch[i].kernel < last) {
            fg_context_set_node(p->ctx, p->partition->kernels[p->scratch[i].kernel]->nodes[0]);
            fg_remedy(p->ctx, "bind the number of iterations with --const, so that the loop is unrolled");
            fg_raise(
                p->ctx, FG_UNSUPPORTED,
                "makes strings in a loop that only a run counts, and each iteration's would have to stay");
        }
    }
}

void fg_loop_lifetimes(const fg_planner *p) {
    for (int a = p->partition->n_kernels - 1; a >= 0; a--) { /* from the last: inner loops first */
        const fg_node *next = loop_begun(p->partition->kernels[a]);
        int b = a;
        while (next != NULL && p->partition->kernels[b]->stage[0].anchor != next) b++;
        if (next != NULL) {
            check_kept(p, a, b);
            stretch(p, a, b);
        }
    }
}
