#include "verify/memory.h"

#include <string.h>

#include "codegen/escape.h"
#include "verify/place.h"

static size_t element_align(fg_dtype t) {
    size_t bytes = fg_dtype_bytes(t, 1);
    return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8 ? bytes : 8;
}

static size_t tensor_bytes(const fg_value *v) {
    return fg_dtype_bytes(v->dtype, fg_shape_count(&v->shape));
}

static fg_space *value_space(fg_context *ctx, const char *what, const fg_value *v, fg_memory_use use,
                             bool shadow) {
    const char *name = fg_format(ctx, "%s '%s'", what, fg_escape_terminal(ctx, v->name));
    bool watched = use == FG_MEMORY_WATCHED;
    size_t align = watched ? element_align(v->dtype) : 64;
    return fg_space_new(ctx, name, tensor_bytes(v), align, watched, shadow);
}

static void bind_inputs(fg_memory *mem, const fg_graph *g, const fg_tensor *inputs, fg_memory_use use) {
    fg_context *ctx = mem->m->ctx;
    mem->in = FG_ARRAY(ctx, g->n_inputs + 1, fg_space *);
    mem->in_pointer = FG_ARRAY(ctx, g->n_inputs + 1, const void *);
    for (int i = 0; i < g->n_inputs; i++) {
        mem->in[i] = value_space(ctx, "input", g->inputs[i], use, false);
        if (mem->in[i]->bytes > 0) memcpy(mem->in[i]->data, inputs[i].data, mem->in[i]->bytes);
        fg_space_lock(ctx, mem->in[i]);
        mem->in_pointer[i] = mem->in[i]->data;
    }
}

static void bind_outputs(fg_memory *mem, const fg_graph *g, fg_memory_use use) {
    fg_context *ctx = mem->m->ctx;
    mem->out = FG_ARRAY(ctx, g->n_outputs + 1, fg_space *);
    mem->out_pointer = FG_ARRAY(ctx, g->n_outputs + 1, void *);
    for (int i = 0; i < g->n_outputs; i++) {
        mem->out[i] = value_space(ctx, "output", g->outputs[i], use, use == FG_MEMORY_WATCHED);
        mem->out_pointer[i] = mem->out[i]->data;
    }
}

static bool index_in_range(const fg_memory *mem, const fg_slot *s) {
    const fg_graph *g = mem->m->partition->graph;
    int64_t n = s->place == FG_PLACE_INPUT ? g->n_inputs : g->n_outputs;
    return s->base >= 0 && s->base < n;
}

static void check_slots(const fg_memory *mem) {
    const fg_module *m = mem->m;
    for (int i = 0; i < m->n_slots; i++) {
        const fg_slot *s = &m->slots[i];
        if (!s->value || s->place == FG_PLACE_NONE || s->place == FG_PLACE_WEIGHTS) continue;
        if (s->place != FG_PLACE_ARENA && !index_in_range(mem, s))
            fg_raise(m->ctx, FG_INTERNAL, "codegen: '%s' lies in an interface tensor that is not there",
                     s->value->name);
        fg_check_slot(m->ctx, s, fg_memory_space(mem, s)->bytes);
    }
}

static void check_scratch(const fg_module *m) {
    for (int i = 0; i < m->n_kernels; i++) {
        int64_t base = m->kernels[i].scratch_base, bytes = m->kernels[i].scratch_bytes;
        bool inside = base >= 0 && bytes >= 0 && bytes <= m->arena_bytes && base <= m->arena_bytes - bytes;
        if (bytes != 0 && !inside)
            fg_raise(m->ctx, FG_INTERNAL, "codegen: scratch of '%s' lies outside the arena",
                     m->kernels[i].symbol);
    }
}

fg_memory *fg_memory_new(const fg_module *m, const fg_tensor *inputs, fg_memory_use use) {
    fg_context *ctx = m->ctx;
    fg_memory *mem = FG_NEW(ctx, fg_memory);
    mem->m = m;
    FG_REQUIRE(ctx, "codegen", m->arena_align > 0 && (m->arena_align & (m->arena_align - 1)) == 0);
    mem->arena = fg_space_new(ctx, "arena", (size_t)m->arena_bytes, (size_t)m->arena_align, false,
                              use == FG_MEMORY_WATCHED);
    mem->weights = fg_space_new(ctx, "weights", (size_t)m->weights_bytes, 64, false, false);
    if (m->weights_bytes > 0) memcpy(mem->weights->data, m->weights, mem->weights->bytes);
    fg_space_lock(ctx, mem->weights);
    bind_inputs(mem, m->partition->graph, inputs, use);
    bind_outputs(mem, m->partition->graph, use);
    check_slots(mem);
    check_scratch(m);
    return mem;
}

void fg_memory_free(fg_memory *mem) {
    const fg_graph *g = mem->m->partition->graph;
    fg_context *ctx = mem->m->ctx;
    fg_space_free(ctx, mem->arena);
    fg_space_free(ctx, mem->weights);
    for (int i = 0; i < g->n_inputs; i++) fg_space_free(ctx, mem->in[i]);
    for (int i = 0; i < g->n_outputs; i++) fg_space_free(ctx, mem->out[i]);
}

static void fill_space(fg_space *s, int byte) {
    if (s->bytes == 0) return;
    memset(s->data, byte, s->bytes);
    if (s->shadow) memset(s->shadow, byte, s->bytes);
}

void fg_memory_fill(fg_memory *mem, int byte) {
    fill_space(mem->arena, byte);
    for (int i = 0; i < mem->m->partition->graph->n_outputs; i++) fill_space(mem->out[i], byte);
}

fg_space *fg_memory_space(const fg_memory *mem, const fg_slot *s) {
    switch (s->place) {
    case FG_PLACE_ARENA: return mem->arena;
    case FG_PLACE_INPUT: return mem->in[s->base];
    case FG_PLACE_OUTPUT: return mem->out[s->base];
    case FG_PLACE_WEIGHTS: return mem->weights;
    case FG_PLACE_NONE: break;
    }
    return NULL;
}

size_t fg_memory_offset(const fg_slot *s) {
    return s->place == FG_PLACE_ARENA || s->place == FG_PLACE_WEIGHTS ? (size_t)s->base : 0;
}

const fg_slot *fg_module_slot(const fg_module *m, const fg_value *v) {
    if (v->id < 0 || v->id >= m->n_slots || m->slots[v->id].value != v)
        fg_raise(m->ctx, FG_INTERNAL, "codegen: '%s' has no storage", v->name);
    return &m->slots[v->id];
}

const fg_space *fg_memory_damage(const fg_memory *mem) {
    if (!fg_space_intact(mem->arena)) return mem->arena;
    for (int i = 0; i < mem->m->partition->graph->n_outputs; i++)
        if (!fg_space_intact(mem->out[i])) return mem->out[i];
    return NULL;
}

const fg_space *fg_memory_owner(const fg_memory *mem, const void *address) {
    const fg_graph *g = mem->m->partition->graph;
    if (fg_space_holds(mem->arena, address)) return mem->arena;
    if (fg_space_holds(mem->weights, address)) return mem->weights;
    for (int i = 0; i < g->n_inputs; i++)
        if (fg_space_holds(mem->in[i], address)) return mem->in[i];
    for (int i = 0; i < g->n_outputs; i++)
        if (fg_space_holds(mem->out[i], address)) return mem->out[i];
    return NULL;
}

fg_call fg_memory_call(fg_memory *mem) {
    return (fg_call){mem->in_pointer, mem->out_pointer, mem->arena->data, mem->weights->data, 0, 1,
                     &mem->status};
}
