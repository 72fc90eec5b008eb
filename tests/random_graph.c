#include "random_graph.h"

enum { OUTPUTS_MAX = 5 };

/* ---- random numbers ---- */

uint64_t rng_next(rng *r) {
    uint64_t z = r->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

int64_t rng_range(rng *r, int64_t low, int64_t high) {
    return high <= low ? low : low + (int64_t)(rng_next(r) % (uint64_t)(high - low + 1));
}

bool rng_chance(rng *r, int percent) {
    return rng_range(r, 0, 99) < percent;
}

double rng_normal(rng *r) {
    double sum = 0;
    for (int i = 0; i < 12; i++) {
        sum += (double)(rng_next(r) >> 11) / (double)(UINT64_C(1) << 53);
    }
    return sum - 6;
}

/* ---- the pool ---- */

static fg_value *add(grower *s, fg_value *v, bool exact) {
    if (s->n_pool < POOL_MAX) {
        s->pool[s->n_pool++] = (grown){v, exact};
    }
    return v;
}

bool is_exact(const grower *s, const fg_value *v) {
    for (int i = 0; i < s->n_pool; i++) {
        if (s->pool[i].v == v) {
            return s->pool[i].exact;
        }
    }
    return false;
}

fg_value *grow_as(grower *s, fg_value *v, bool exact) {
    fg_node *n = v->producer;
    fg_infer_node(s->g, n);
    for (int i = 0; i < n->n_out; i++) {
        int64_t count = fg_shape_count(&n->out[i]->shape);
        if (count > s->budget || count == 0) {
            fg_raise(s->ctx, FG_UNSUPPORTED, "more elements than a test should have");
        }
        if (n->out[i]->data == NULL) {
            add(s, n->out[i], exact);
        }
    }
    return v;
}

fg_value *grow_known(grower *s, fg_value *v, const fg_shape *shape) {
    v->dtype = FG_FLOAT;
    v->shape = *shape;
    v->shape_known = true;
    return add(s, v, false);
}

fg_value *grow(grower *s, fg_value *v) {
    return grow_as(s, v, false);
}

fg_value *grow_exact(grower *s, fg_value *v) {
    return grow_as(s, v, is_exact(s, v->producer->in[0]));
}

fg_shape shape_make(int rank, const int64_t *dim) {
    fg_shape shape = {.rank = rank};
    for (int i = 0; i < rank; i++) {
        shape.dim[i] = dim[i];
    }
    return shape;
}

fg_value *grow_input(grower *s, fg_dtype type, const fg_shape *shape) {
    if (s->g->n_inputs >= GROWN_INPUTS) {
        fg_raise(s->ctx, FG_UNSUPPORTED, "more inputs than a test should have");
    }
    fg_value *v = input(s->g, "x", "1");
    v->dtype = type;
    v->shape = *shape;
    v->bound = fg_dtype_get(type)->is_integer ? 11 : 0;
    return add(s, v, true);
}

fg_value *grow_ints(grower *s, int n, const int64_t *values) {
    return ints(s->g, n, values);
}

fg_value *grow_weights(grower *s, int rank, const int64_t *dim, double mean, double deviation) {
    fg_shape shape = shape_make(rank, dim);
    const int64_t n = fg_shape_count(&shape);
    float *data = fg_big_alloc(s->ctx, (size_t)(n + 1) * sizeof *data);
    for (int64_t i = 0; i < n; i++) {
        data[i] = (float)(mean + deviation * rng_normal(&s->r));
    }
    return fg_graph_const(s->g, "w", FG_FLOAT, &shape, data);
}

static void put_number(void *data, int64_t i, fg_dtype type, double x) {
    switch (type) {
    case FG_DOUBLE: ((double *)data)[i] = x; break;
    case FG_FLOAT16: ((uint16_t *)data)[i] = fg_half_from_float((float)x); break;
    case FG_BFLOAT16: ((uint16_t *)data)[i] = fg_bfloat_from_float((float)x); break;
    case FG_FLOAT: ((float *)data)[i] = (float)x; break;
    case FG_INT64: ((int64_t *)data)[i] = (int64_t)x; break;
    case FG_INT32: ((int32_t *)data)[i] = (int32_t)x; break;
    case FG_INT16: ((int16_t *)data)[i] = (int16_t)x; break;
    case FG_UINT16: ((uint16_t *)data)[i] = (uint16_t)x; break;
    default: ((uint8_t *)data)[i] = (uint8_t)(int8_t)x; break;
    }
}

fg_value *divisors(grower *s, fg_dtype type, const fg_shape *shape) {
    const int64_t n = fg_shape_count(shape);
    void *data = fg_big_alloc(s->ctx, (size_t)(n + 1) * 8);
    for (int64_t i = 0; i < n; i++) {
        put_number(data, i, type, (double)rng_range(&s->r, 1, 5));
    }
    return fg_graph_const(s->g, "c", type, shape, data);
}

fg_value *grow_scalar(grower *s, fg_dtype type, double value) {
    const fg_shape none = {0};
    void *data = fg_alloc(s->ctx, 1, 8);
    put_number(data, 0, type, value);
    return fg_graph_const(s->g, "scalar", type, &none, data);
}

fg_value *grow_truth(grower *s, bool value) {
    const fg_shape none = {0};
    unsigned char *data = FG_NEW(s->ctx, unsigned char);
    *data = value;
    return fg_graph_const(s->g, "truth", FG_BOOL, &none, data);
}

/* ---- choosing operands ---- */

static fg_shape some_shape(grower *s, int rank) {
    static const int64_t channels[] = {1, 3, 4, 7, 8, 16, 17, 24, 40}, maps[] = {1, 2, 5, 7, 8, 9, 13, 14};
    fg_shape shape = {.rank = rank};
    for (int d = 0; d < rank; d++) {
        shape.dim[d] = d == 1 ? ONE_OF(s, channels) : ONE_OF(s, maps);
        if (d == 0 && rank > 1) {
            shape.dim[d] = rng_chance(&s->r, 65) ? 1 : rng_range(&s->r, 2, 3);
        }
    }
    if (rank == 3 && rng_chance(&s->r, 50)) { /* tokens */
        shape.dim[1] = ONE_OF(s, maps);
        shape.dim[2] = ONE_OF(s, channels);
    }
    if (rank == 4 && rng_chance(&s->r, 10)) {
        shape.dim[2] = shape.dim[3] = 28;
    }
    return shape;
}

static fg_value *choose(grower *s, fg_dtype type, int low, int high, bool exact) {
    fg_value *found[POOL_MAX];
    int n = 0;
    for (int i = 0; i < s->n_pool; i++) {
        const grown *p = &s->pool[i];
        bool fits = p->v->shape.rank >= low && p->v->shape.rank <= high && (p->exact || !exact);
        if (fits && (type == FG_UNDEFINED || p->v->dtype == type)) {
            found[n++] = p->v;
        }
    }
    if (n == 0 || rng_chance(&s->r, 3)) {
        fg_shape shape = some_shape(s, (int)rng_range(&s->r, low > 0 ? low : 1, high < 5 ? high : 4));
        return grow_input(s, type == FG_UNDEFINED ? FG_FLOAT : type, &shape);
    }
    int64_t recent = n - 1 - rng_range(&s->r, 0, n < 4 ? n - 1 : 3);
    return found[rng_chance(&s->r, 70) ? recent : rng_range(&s->r, 0, n - 1)];
}

fg_value *pick(grower *s, fg_dtype type, int low, int high) {
    return choose(s, type, low, high, false);
}

fg_value *pick_exact(grower *s, fg_dtype type, int low, int high) {
    return choose(s, type, low, high, true);
}

fg_value *with_text(fg_graph *g, fg_value *v, const char *name, const char *text) {
    fg_attr *a = fg_node_set_attr(g->ctx, v->producer, name, FG_ATTR_STRING);
    a->s = text;
    a->s_len = strlen(text);
    return v;
}

fg_value *partner(grower *s, const fg_value *x) {
    if (rng_chance(&s->r, 50)) {
        for (int tries = 0; tries < 12; tries++) {
            fg_value *v = s->pool[rng_range(&s->r, 0, s->n_pool - 1)].v;
            bool fits = v->dtype == x->dtype;
            for (int d = 1; d <= v->shape.rank && d <= x->shape.rank && fits; d++) {
                int64_t a = v->shape.dim[v->shape.rank - d], b = x->shape.dim[x->shape.rank - d];
                fits = a == b || a == 1 || b == 1;
            }
            if (fits) {
                return v;
            }
        }
    }
    int rank = rng_chance(&s->r, 60) ? x->shape.rank : (int)rng_range(&s->r, 0, x->shape.rank);
    fg_shape shape = shape_make(rank, x->shape.dim + (x->shape.rank - rank));
    int ones = rng_chance(&s->r, 30) ? 0 : 50;
    for (int d = 0; d < rank; d++) {
        shape.dim[d] = rng_chance(&s->r, ones) ? 1 : shape.dim[d];
    }
    if (s->g->n_inputs < GROWN_INPUTS && rng_chance(&s->r, 40)) {
        return grow_input(s, x->dtype, &shape);
    }
    return x->dtype == FG_FLOAT ? grow_weights(s, rank, shape.dim, 0.2, 0.7) : divisors(s, x->dtype, &shape);
}

fg_value *pick_any(grower *s, int low, int high) {
    return rng_chance(&s->r, 75) ? pick(s, FG_FLOAT, low, high) : pick(s, FG_UNDEFINED, low, high);
}

/* ---- the whole ---- */

/* weight by style: image network, signal network, transformer, tensor algebra */
static const struct {
    grow_step *step;
    int weight[4];
} steps[] = {
    {block_conv, {14, 20, 0, 2}},
    {block_residual, {8, 0, 0, 0}},
    {block_inverted_residual, {8, 0, 0, 0}},
    {block_squeeze_excite, {5, 0, 0, 0}},
    {block_dense, {4, 0, 0, 0}},
    {block_inception, {6, 0, 0, 0}},
    {block_shuffle, {4, 0, 0, 0}},
    {block_head, {3, 0, 0, 0}},
    {block_resample, {5, 6, 0, 1}},
    {block_attention, {0, 0, 10, 1}},
    {block_mlp, {1, 2, 14, 2}},
    {block_windows, {0, 0, 6, 1}},
    {layer_wide_conv, {3, 0, 0, 0}},
    {layer_stem, {3, 0, 0, 0}},
    {layer_pooled_conv, {3, 0, 0, 0}},
    {layer_odd_conv, {2, 2, 0, 2}},
    {layer_transposed_conv, {2, 3, 0, 1}},
    {layer_dynamic_conv, {1, 1, 0, 1}},
    {layer_volume, {0, 0, 0, 4}},
    {layer_rare_pool, {1, 2, 0, 3}},
    {layer_group_norm, {1, 1, 0, 2}},
    {layer_triangle, {0, 1, 2, 3}},
    {layer_top, {0, 1, 1, 3}},
    {layer_embedding, {0, 0, 4, 2}},
    {layer_recurrent, {0, 2, 4, 1}},
    {layer_transform, {0, 1, 1, 1}},
    {layer_reversed, {0, 1, 1, 1}},
    {layer_loss, {1, 1, 1, 1}},
    {quantised_chain, {1, 1, 1, 2}},
    {quantised_conv, {3, 0, 0, 0}},
    {quantised_product, {0, 1, 2, 1}},
    {qlinear_conv, {2, 0, 0, 1}},
    {qlinear_matmul, {0, 1, 1, 1}},
    {integer_product, {0, 1, 1, 2}},
    {integer_conv, {1, 0, 0, 1}},
    {dynamic_quantised, {0, 1, 1, 1}},
    {counted_rows, {0, 0, 0, 2}},
    {counted_places, {0, 0, 0, 2}},
    {counted_kinds, {0, 0, 1, 2}},
    {control_branch, {1, 2, 2, 2}},
    {control_loop, {1, 2, 2, 2}},
    {control_scan, {0, 1, 1, 1}},
    {step_activation, {6, 6, 5, 4}},
    {step_unary, {3, 3, 3, 6}},
    {step_jump, {0, 1, 0, 2}},
    {step_binary, {9, 9, 8, 14}},
    {step_clip, {1, 1, 1, 2}},
    {step_swiglu, {1, 1, 2, 2}},
    {step_typed, {0, 1, 0, 10}},
    {step_cast, {0, 1, 0, 5}},
    {step_where, {1, 1, 1, 5}},
    {step_transpose, {2, 2, 2, 5}},
    {step_reshape, {2, 2, 2, 5}},
    {step_squeeze, {1, 2, 1, 3}},
    {step_expand, {1, 1, 1, 4}},
    {step_slice, {3, 3, 2, 5}},
    {step_split, {2, 2, 2, 4}},
    {step_concat, {4, 4, 2, 5}},
    {step_pad, {3, 2, 0, 4}},
    {step_blocks_of_pixels, {2, 0, 0, 1}},
    {step_gather, {1, 1, 2, 3}},
    {step_resize, {4, 2, 0, 1}},
    {step_reduce, {2, 3, 3, 7}},
    {step_arg, {0, 1, 1, 2}},
    {step_softmax, {1, 1, 2, 3}},
    {step_norm, {2, 2, 1, 2}},
    {step_matmul, {1, 2, 4, 4}},
    {step_gemm, {1, 1, 3, 4}},
};

static void take_step(fg_context *ctx, void *arg) {
    (void)ctx;
    (*(grow_step *const *)((void **)arg)[0])((grower *)((void **)arg)[1]);
}

static void one_step(grower *s, int style) {
    int total = 0;
    for (size_t i = 0; i < FG_COUNT(steps); i++) {
        total += steps[i].weight[style];
    }
    int64_t left = rng_range(&s->r, 0, total - 1);
    for (size_t i = 0; i < FG_COUNT(steps); i++) {
        left -= steps[i].weight[style];
        if (left < 0) {
            grow_step *step = steps[i].step;
            void *arg[2] = {&step, s};
            fg_try(s->ctx, take_step, arg); /* a step that makes no sense here leaves what it had made */
            return;
        }
    }
}

/* Values that nobody reads become outputs, and some that are read. */
static void choose_outputs(grower *s) {
    fg_graph *g = s->g;
    const int forks = rng_chance(&s->r, 25) ? 25 : 4; /* per cent */
    for (int i = s->n_pool - 1; i >= 0 && g->n_outputs < OUTPUTS_MAX; i--) {
        fg_value *v = s->pool[i].v;
        bool read = false;
        for (int j = 0; j < g->n_nodes && !read; j++) {
            const fg_node *n = g->nodes[j];
            for (int k = 0; k < n->n_in; k++) {
                read = read || (n->in[k] == v && n->out[0]->shape_known);
            }
        }
        if (!v->is_input && (!read || rng_chance(&s->r, forks))) {
            output(g, v);
        }
    }
}

fg_graph *random_graph(fg_context *ctx, uint64_t seed) {
    static const int opsets[] = {11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25};
    grower *s = FG_NEW(ctx, grower);
    s->ctx = ctx;
    s->r.state = seed * UINT64_C(0xD1342543DE82EF95) + 1;
    s->budget = 24000;
    s->g = new_graph(ctx, 17);
    s->g->opset = ONE_OF(s, opsets);
    const int64_t t = rng_range(&s->r, 0, 99);
    const int style = t < 55 ? 0 : t < 67 ? 1 : t < 82 ? 2 : 3;
    fg_shape shape = some_shape(s, style == 0 ? 4 : style == 3 ? (int)rng_range(&s->r, 1, 5) : 3);
    grow_input(s, FG_FLOAT, &shape);
    const int64_t want = rng_range(&s->r, 3, 26);
    for (int tries = 0; tries < 40 && s->n_pool - s->g->n_inputs < want; tries++) {
        one_step(s, style);
    }
    choose_outputs(s);
    return s->g;
}
