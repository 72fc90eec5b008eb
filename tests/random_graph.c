#include "random_graph.h"

enum { INPUTS_MAX = 6, OUTPUTS_MAX = 5 };

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

#define ONE_OF(s, array) ((array)[rng_range(&(s)->r, 0, (int64_t)FG_COUNT(array) - 1)])

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

static fg_value *finish(grower *s, fg_value *v, bool exact) {
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

fg_value *grow(grower *s, fg_value *v) {
    return finish(s, v, false);
}

fg_value *grow_exact(grower *s, fg_value *v) {
    return finish(s, v, is_exact(s, v->producer->in[0]));
}

fg_shape shape_make(int rank, const int64_t *dim) {
    fg_shape shape = {.rank = rank};
    for (int i = 0; i < rank; i++) {
        shape.dim[i] = dim[i];
    }
    return shape;
}

fg_value *grow_input(grower *s, fg_dtype type, const fg_shape *shape) {
    if (s->g->n_inputs >= INPUTS_MAX) {
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

/* Numbers from 1 to 5: what may divide. */
static fg_value *divisors(grower *s, fg_dtype type, const fg_shape *shape) {
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

/* An operand that broadcasts with x: one of the pool, or new, of the same or fewer dimensions. */
static fg_value *partner(grower *s, const fg_value *x) {
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
    if (s->g->n_inputs < INPUTS_MAX && rng_chance(&s->r, 40)) {
        return grow_input(s, x->dtype, &shape);
    }
    return x->dtype == FG_FLOAT ? grow_weights(s, rank, shape.dim, 0.2, 0.7) : divisors(s, x->dtype, &shape);
}

/* ---- elementwise ---- */

static void step_activation(grower *s) {
    activation(s, pick(s, FG_FLOAT, 0, 5));
}

/* Functions whose domain is not all numbers, or that grow fast, work on what has been brought into range. */
static void step_unary(grower *s) {
    static const struct {
        const char *before, *op;
    } functions[] = {{NULL, "Abs"},     {NULL, "Neg"},     {"Abs", "Sqrt"},        {"Softplus", "Log"},
                     {"Tanh", "Exp"},   {"Tanh", "Acos"},  {"Tanh", "Asin"},       {NULL, "Atan"},
                     {"Tanh", "Sinh"},  {"Tanh", "Cosh"},  {NULL, "Asinh"},        {NULL, "Sin"},
                     {NULL, "Cos"},     {"Tanh", "Tan"},   {NULL, "Softsign"},     {NULL, "Softplus"},
                     {NULL, "Erf"},     {"Exp", "Acosh"},  {NULL, "Selu"},         {NULL, "Celu"},
                     {NULL, "Gelu"},    {NULL, "Mish"},    {"Cosh", "Reciprocal"}, {NULL, "Identity"},
                     {NULL, "Sigmoid"}, {NULL, "Dropout"}, {NULL, "Gelu"}};
    size_t i = (size_t)rng_range(&s->r, 0, FG_COUNT(functions) - 1);
    fg_value *x = pick(s, FG_FLOAT, 0, 5);
    const char *before = functions[i].before;
    if (before != NULL && (strcmp(before, "Exp") == 0 || strcmp(before, "Cosh") == 0)) {
        x = grow(s, NODE(s->g, "Tanh", x));
    }
    if (before != NULL) {
        x = grow(s, NODE(s->g, before, x));
    }
    if (strcmp(functions[i].op, "Sqrt") == 0 || strcmp(functions[i].op, "Acosh") == 0) {
        x = grow(s, NODE(s->g, "Add", x, grow_scalar(s, FG_FLOAT, 1)));
    } else if (before != NULL && strcmp(before, "Tanh") == 0) {
        x = grow(s, NODE(s->g, "Mul", x, grow_scalar(s, FG_FLOAT, 0.9)));
    }
    fg_value *y = NODE(s->g, functions[i].op, x);
    if (strcmp(functions[i].op, "Gelu") == 0 && rng_chance(&s->r, 50)) {
        with_text(s->g, y, "approximate", "tanh");
    }
    grow(s, y);
}

static void step_jump(grower *s) {
    static const char *const functions[] = {"Floor", "Ceil", "Round", "Sign"};
    grow(s, NODE(s->g, ONE_OF(s, functions), pick_exact(s, FG_FLOAT, 0, 4)));
}

static void step_binary(grower *s) {
    static const char *const ops[] = {"Add", "Add", "Add", "Sub", "Mul",  "Mul",  "Max",
                                      "Min", "Div", "Pow", "Sum", "Mean", "PRelu"};
    const char *op = ONE_OF(s, ops);
    fg_value *x = pick(s, FG_FLOAT, 0, 5), *y = partner(s, x);
    if (strcmp(op, "Pow") == 0) {
        fg_shape none = {0};
        x = grow(s, NODE(s->g, "Abs", x));
        x = grow(s, NODE(s->g, "Add", x, grow_scalar(s, FG_FLOAT, 0.5)));
        y = rng_chance(&s->r, 50) ? grow_scalar(s, FG_FLOAT, rng_chance(&s->r, 50) ? 2 : 0.5)
                                  : grow_weights(s, none.rank, none.dim, 0.5, 0.3);
    } else if (strcmp(op, "Div") == 0) {
        y = grow(s, NODE(s->g, "Add", grow(s, NODE(s->g, "Abs", y)), grow_scalar(s, FG_FLOAT, 0.7)));
    } else if (strcmp(op, "PRelu") != 0 && rng_chance(&s->r, 50)) {
        fg_value *t = x;
        x = y;
        y = t;
    }
    bool fold = strcmp(op, "Sum") == 0 || strcmp(op, "Mean") == 0 || strcmp(op, "Max") == 0;
    grow(s, fold && rng_chance(&s->r, 50) ? NODE(s->g, op, x, y, partner(s, y)) : NODE(s->g, op, x, y));
}

static void step_clip(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 0, 5), *in[3] = {x, NULL, NULL};
    double low = rng_normal(&s->r);
    if (rng_chance(&s->r, 70)) {
        in[1] = grow_scalar(s, FG_FLOAT, low);
    }
    if (in[1] == NULL || rng_chance(&s->r, 70)) {
        in[2] = grow_scalar(s, FG_FLOAT, low + 1.5);
    }
    grow(s, make_node(s->g, "Clip", in[2] == NULL ? 2 : 3, in));
}

static void step_swiglu(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 1, 4), *y = pick(s, FG_FLOAT, x->shape.rank, x->shape.rank);
    if (fg_shape_equal(&x->shape, &y->shape)) {
        grow(s, NODE(s->g, "Mul", grow(s, NODE(s->g, "Mul", x, grow(s, NODE(s->g, "Sigmoid", x)))), y));
    }
}

/* ---- other types ---- */

static fg_dtype some_type(grower *s) {
    static const fg_dtype types[] = {FG_INT64,  FG_INT32,   FG_UINT8,    FG_INT8,
                                     FG_DOUBLE, FG_FLOAT16, FG_BFLOAT16, FG_INT16};
    return ONE_OF(s, types);
}

static void step_typed(grower *s) {
    static const char *const ops[] = {"Add", "Sub", "Mul",        "Max",        "Min",  "Div",  "Mod",
                                      "Abs", "Neg", "BitwiseAnd", "BitwiseXor", "Clip", "Relu", "Sign"};
    const fg_dtype type = some_type(s);
    const char *op = ONE_OF(s, ops);
    fg_value *x = pick(s, type, 0, 4), *y;
    if (strcmp(op, "Abs") == 0 || strcmp(op, "Neg") == 0 || strcmp(op, "Relu") == 0) {
        y = NODE(s->g, op, x);
    } else if (strcmp(op, "Sign") == 0) {
        y = NODE(s->g, op, pick_exact(s, type, 0, 4));
    } else if (strcmp(op, "Clip") == 0) {
        y = NODE(s->g, op, x, grow_scalar(s, type, 2), grow_scalar(s, type, 7));
    } else if (strcmp(op, "Div") == 0 || strcmp(op, "Mod") == 0) {
        if (strcmp(op, "Mod") == 0 && !fg_dtype_get(type)->is_integer) {
            return;
        }
        y = NODE(s->g, op, x, divisors(s, type, &x->shape));
    } else {
        y = NODE(s->g, op, x, partner(s, x));
    }
    finish(s, y, fg_dtype_get(type)->is_integer);
}

static void step_cast(grower *s) {
    fg_value *x =
        rng_chance(&s->r, 50) ? pick_exact(s, some_type(s), 0, 5) : pick_exact(s, FG_UNDEFINED, 0, 5);
    fg_dtype to = rng_chance(&s->r, 60) ? FG_FLOAT : some_type(s);
    if (fg_dtype_get(x->dtype)->is_float && fg_dtype_get(to)->is_integer && !fg_dtype_get(to)->is_signed) {
        to = FG_INT32; /* a negative number has no unsigned counterpart */
    }
    if (x->dtype == FG_FLOAT && fg_dtype_get(to)->is_integer) {
        x = grow(s, NODE(s->g, "Floor", x));
    }
    finish(s, with_int(s->g, NODE(s->g, "Cast", x), "to", to),
           to == FG_FLOAT && fg_dtype_get(x->dtype)->is_integer);
}

static fg_value *condition(grower *s, fg_value *x) {
    static const char *const ops[] = {"Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"};
    fg_value *y = partner(s, x);
    if (!is_exact(s, y) && y->data == NULL) {
        y = x->dtype == FG_FLOAT ? grow_scalar(s, FG_FLOAT, rng_normal(&s->r))
                                 : divisors(s, x->dtype, &x->shape);
    }
    fg_value *c = finish(s, NODE(s->g, ONE_OF(s, ops), x, y), true);
    if (rng_chance(&s->r, 20)) {
        c = finish(s, NODE(s->g, "Not", c), true);
    }
    return c;
}

static void step_where(grower *s) {
    fg_value *x = pick_exact(s, rng_chance(&s->r, 80) ? FG_FLOAT : some_type(s), 0, 4);
    fg_value *c = condition(s, x);
    if (rng_chance(&s->r, 20)) {
        fg_value *d = finish(s, NODE(s->g, rng_chance(&s->r, 50) ? "And" : "Or", c, condition(s, x)), true);
        c = d;
    }
    fg_value *a = pick(s, FG_FLOAT, 0, c->shape.rank);
    fg_value *v = rng_chance(&s->r, 50) && x->dtype == FG_FLOAT ? x : a;
    grow(s, rng_chance(&s->r, 50) ? NODE(s->g, "Where", c, v, partner(s, v))
                                  : NODE(s->g, "Where", c, partner(s, v), v));
}

/* ---- movement ---- */

static fg_value *any(grower *s, int low, int high) {
    return rng_chance(&s->r, 75) ? pick(s, FG_FLOAT, low, high) : pick(s, FG_UNDEFINED, low, high);
}

static void step_transpose(grower *s) {
    fg_value *x = any(s, 2, 5);
    const int rank = x->shape.rank;
    int64_t perm[FG_MAX_RANK];
    for (int i = 0; i < rank; i++) {
        int j = (int)rng_range(&s->r, 0, i);
        perm[i] = perm[j];
        perm[j] = i;
    }
    grow_exact(s, with_ints(s->g, NODE(s->g, "Transpose", x), "perm", rank, perm));
}

static void step_reshape(grower *s) {
    fg_value *x = any(s, 0, 5);
    int64_t shape[FG_MAX_RANK], left = fg_shape_count(&x->shape);
    int n = 0;
    switch (rng_range(&s->r, 0, 3)) {
    case 0:
        grow_exact(s, with_int(s->g, NODE(s->g, "Flatten", x), "axis", rng_range(&s->r, 0, x->shape.rank)));
        return;
    case 1: /* two neighbours become one */
        for (int d = 0, at = (int)rng_range(&s->r, 0, x->shape.rank); d < x->shape.rank; d++) {
            if (d == at + 1) {
                shape[n - 1] *= x->shape.dim[d];
            } else {
                shape[n++] = x->shape.dim[d];
            }
        }
        break;
    case 2: /* one becomes two */
        for (int d = 0, at = (int)rng_range(&s->r, 0, x->shape.rank); d < x->shape.rank; d++) {
            int64_t f = d == at ? rng_range(&s->r, 2, 4) : 1;
            if (f > 1 && x->shape.dim[d] % f == 0) {
                shape[n++] = f;
                shape[n++] = x->shape.dim[d] / f;
            } else {
                shape[n++] = x->shape.dim[d];
            }
        }
        break;
    default:
        for (; left > 1 && n < 4; left /= shape[n - 1]) {
            int64_t f = rng_range(&s->r, 1, 20);
            while (left % f != 0) {
                f--;
            }
            shape[n++] = f;
        }
        shape[n++] = -1;
    }
    grow_exact(s, NODE(s->g, "Reshape", x, grow_ints(s, n, shape)));
}

/* Squeeze, Unsqueeze: axes were an attribute before opset 13. */
static fg_value *with_axes(grower *s, const char *op, fg_value *x, int64_t axis) {
    return s->g->opset < 13 ? WITH_INTS(s->g, NODE(s->g, op, x), "axes", axis)
                            : NODE(s->g, op, x, grow_ints(s, 1, &axis));
}

static void step_squeeze(grower *s) {
    fg_value *x = any(s, 0, 4);
    for (int d = 0; d < x->shape.rank; d++) {
        if (x->shape.dim[d] == 1 && rng_chance(&s->r, 50)) {
            grow_exact(s, with_axes(s, "Squeeze", x, d));
            return;
        }
    }
    grow_exact(s, with_axes(s, "Unsqueeze", x, rng_range(&s->r, -1, x->shape.rank)));
}

static void step_expand(grower *s) {
    fg_value *x = any(s, 0, 4);
    fg_shape y = x->shape;
    if (rng_chance(&s->r, 30)) {
        for (int d = 0; d < y.rank; d++) {
            y.dim[d] = rng_chance(&s->r, 30) ? rng_range(&s->r, 2, 3) : 1;
        }
        grow_exact(s, NODE(s->g, "Tile", x, grow_ints(s, y.rank, y.dim)));
        return;
    }
    for (int d = 0; d < y.rank; d++) {
        y.dim[d] = y.dim[d] == 1 ? rng_range(&s->r, 1, 5) : rng_chance(&s->r, 50) ? 1 : y.dim[d];
    }
    grow_exact(s, NODE(s->g, "Expand", x, grow_ints(s, y.rank, y.dim)));
}

static void step_slice(grower *s) {
    fg_value *x = any(s, 1, 5);
    int64_t start[FG_MAX_RANK], end[FG_MAX_RANK], axes[FG_MAX_RANK], step[FG_MAX_RANK];
    int n = 0;
    for (int d = 0; d < x->shape.rank; d++) {
        const int64_t e = x->shape.dim[d];
        if (e < 2 || rng_chance(&s->r, 50)) {
            continue;
        }
        axes[n] = rng_chance(&s->r, 30) ? d - x->shape.rank : d;
        step[n] = rng_chance(&s->r, 60) ? 1 : rng_range(&s->r, 2, 3);
        start[n] = rng_range(&s->r, 0, e - 1);
        end[n] = rng_range(&s->r, start[n] + 1, e + 2);
        if (rng_chance(&s->r, 25)) {
            step[n] = -step[n];
            end[n] = start[n] - rng_range(&s->r, 1, e) < 0 ? -e - 9 : start[n] - 1;
            if (end[n] == -1) {
                end[n] = -e - 1;
            }
        }
        n++;
    }
    if (n > 0) {
        grow_exact(s, NODE(s->g, "Slice", x, grow_ints(s, n, start), grow_ints(s, n, end),
                           grow_ints(s, n, axes), grow_ints(s, n, step)));
    }
}

static void step_split(grower *s) {
    fg_value *x = any(s, 1, 5), *out[4], *in[2] = {x, NULL};
    const int axis = (int)rng_range(&s->r, 0, x->shape.rank - 1);
    int64_t left = x->shape.dim[axis], part[4];
    int n = 0;
    while (left > 0 && n < 4) {
        part[n] = n == 3 ? left : rng_range(&s->r, 1, left);
        left -= part[n++];
    }
    for (int i = 0; i < n; i++) {
        out[i] = fg_graph_value(s->g, "part");
    }
    bool operand = s->g->opset >= 13;
    in[1] = grow_ints(s, n, part);
    fg_node *node = fg_graph_node(s->g, "Split", 1 + operand, in, n, out);
    node->name = "split";
    for (int i = 0; i < n; i++) {
        out[i]->producer = node;
    }
    if (!operand) {
        with_ints(s->g, out[0], "split", n, part);
    }
    grow_exact(s, with_int(s->g, out[0], "axis", axis));
}

static void step_concat(grower *s) {
    fg_value *x = any(s, 1, 5), *in[4] = {x};
    const int axis = (int)rng_range(&s->r, 0, x->shape.rank - 1), want = (int)rng_range(&s->r, 2, 4);
    int n = 1;
    for (int tries = 0; tries < 40 && n < want; tries++) {
        fg_value *v = s->pool[rng_range(&s->r, 0, s->n_pool - 1)].v;
        bool fits = v->dtype == x->dtype && v->shape.rank == x->shape.rank;
        for (int d = 0; d < x->shape.rank && fits; d++) {
            fits = d == axis || v->shape.dim[d] == x->shape.dim[d];
        }
        if (fits) {
            in[n++] = v;
        }
    }
    if (n == 1 && x->dtype == FG_FLOAT) {
        fg_shape c = x->shape;
        c.dim[axis] = rng_range(&s->r, 1, 4);
        in[n++] = grow_weights(s, c.rank, c.dim, 0, 1);
    }
    fg_value *y = make_node(s->g, "Concat", n, in);
    grow(s, with_int(s->g, y, "axis", rng_chance(&s->r, 20) ? axis - x->shape.rank : axis));
}

static void step_pad(grower *s) {
    static const char *const modes[] = {"constant", "constant", "reflect", "edge"};
    fg_value *x = any(s, 1, 5), *y;
    const int rank = x->shape.rank;
    const char *mode = ONE_OF(s, modes);
    int64_t pads[2 * FG_MAX_RANK] = {0};
    for (int i = 0; i < 2 * rank; i++) {
        int64_t most = x->shape.dim[i % rank] - 1;
        bool inner = rank < 3 || i % rank > 1 || rng_chance(&s->r, 15);
        pads[i] = inner && rng_chance(&s->r, 60) ? rng_range(&s->r, 0, most < 3 ? most : 3) : 0;
        if (strcmp(mode, "constant") == 0 && inner && rng_chance(&s->r, 10) && most > 1) {
            pads[i] = -1;
        }
    }
    fg_value *p = grow_ints(s, 2 * rank, pads);
    y = rng_chance(&s->r, 30) ? NODE(s->g, "Pad", x, p, grow_scalar(s, x->dtype, 1))
                              : NODE(s->g, "Pad", x, p);
    grow_exact(s, with_text(s->g, y, "mode", mode));
}

static void step_blocks_of_pixels(grower *s) {
    fg_value *x = any(s, 4, 4);
    bool up = rng_chance(&s->r, 50);
    fg_value *y = NODE(s->g, up ? "DepthToSpace" : "SpaceToDepth", x);
    if (up && rng_chance(&s->r, 50)) {
        with_text(s->g, y, "mode", "CRD");
    }
    grow_exact(s, with_int(s->g, y, "blocksize", rng_range(&s->r, 1, 2)));
}

static void step_gather(grower *s) {
    fg_value *x = any(s, 1, 4);
    const int axis = (int)rng_range(&s->r, 0, x->shape.rank - 1);
    const int64_t e = x->shape.dim[axis];
    int64_t index[6];
    int n = (int)rng_range(&s->r, 1, 6);
    for (int i = 0; i < n; i++) {
        index[i] = rng_range(&s->r, -e, e - 1);
    }
    fg_value *i = rng_chance(&s->r, 25) ? grow_scalar(s, FG_INT64, (double)index[0]) : grow_ints(s, n, index);
    grow_exact(s, with_int(s->g, NODE(s->g, "Gather", x, i), "axis", axis));
}

static void step_resize(grower *s) {
    static const char *const modes[] = {"nearest", "nearest", "linear", "linear", "cubic"};
    static const char *const transforms[] = {"half_pixel", "asymmetric", "align_corners",
                                             "pytorch_half_pixel"};
    fg_value *x = pick(s, FG_FLOAT, 3, 4), *none = grow_weights(s, 1, (const int64_t[]){0}, 0, 1), *y;
    float *scale = FG_ARRAY(s->ctx, x->shape.rank, float);
    fg_shape four = {1, {x->shape.rank}}, sizes = x->shape;
    for (int d = 0; d < x->shape.rank; d++) {
        static const float scales[] = {2, 2, 1, 1.5F, 0.5F, 3};
        scale[d] = d < 2 ? 1 : ONE_OF(s, scales);
        sizes.dim[d] = d < 2 ? x->shape.dim[d] : rng_range(&s->r, 1, 15);
    }
    if (rng_chance(&s->r, 70)) {
        y = NODE(s->g, "Resize", x, none, fg_graph_const(s->g, "scales", FG_FLOAT, &four, scale));
    } else {
        fg_value *empty = grow_weights(s, 1, (const int64_t[]){0}, 0, 1);
        y = NODE(s->g, "Resize", x, none, empty, grow_ints(s, sizes.rank, sizes.dim));
    }
    with_text(s->g, y, "mode", ONE_OF(s, modes));
    grow(s, with_text(s->g, y, "coordinate_transformation_mode", ONE_OF(s, transforms)));
}

/* ---- reductions and products ---- */

static void step_reduce(grower *s) {
    static const char *const ops[] = {"ReduceMean",      "ReduceMean", "ReduceSum", "ReduceMax",
                                      "ReduceMin",       "ReduceL1",   "ReduceL2",  "ReduceSumSquare",
                                      "ReduceLogSumExp", "ReduceProd"};
    const char *op = ONE_OF(s, ops);
    bool integer = rng_chance(&s->r, 10);
    fg_value *x = pick(s, integer ? FG_INT32 : FG_FLOAT, 1, 5), *y;
    if (integer) {
        op = ops[rng_range(&s->r, 2, 4)];
    }
    int64_t axes[FG_MAX_RANK];
    int n = 0;
    for (int d = 0; d < x->shape.rank; d++) {
        if (rng_chance(&s->r, 45)) {
            axes[n++] = rng_chance(&s->r, 30) ? d - x->shape.rank : d;
        }
    }
    if (strcmp(op, "ReduceProd") == 0) {
        x = grow(s, NODE(s->g, "Tanh", x));
    }
    bool operand = s->g->opset >= 18 || (s->g->opset >= 13 && strcmp(op, "ReduceSum") == 0);
    y = operand && n > 0 ? NODE(s->g, op, x, grow_ints(s, n, axes)) : NODE(s->g, op, x);
    if (!operand && n > 0) {
        with_ints(s->g, y, "axes", n, axes);
    }
    grow(s, with_int(s->g, y, "keepdims", rng_chance(&s->r, 50)));
}

static void step_arg(grower *s) {
    fg_value *x = pick_exact(s, FG_FLOAT, 1, 4);
    fg_value *y = NODE(s->g, rng_chance(&s->r, 50) ? "ArgMax" : "ArgMin", x);
    with_int(s->g, y, "axis", rng_range(&s->r, 0, x->shape.rank - 1));
    grow(s, with_int(s->g, y, "keepdims", rng_chance(&s->r, 50)));
}

static void step_softmax(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 1, 4);
    fg_value *y = NODE(s->g, rng_chance(&s->r, 80) ? "Softmax" : "LogSoftmax", x);
    grow(s, with_int(s->g, y, "axis", rng_range(&s->r, -x->shape.rank, x->shape.rank - 1)));
}

static void step_norm(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 3, 4), *y;
    const int64_t *c = &x->shape.dim[1];
    const int rank = x->shape.rank;
    int64_t spatial = 1;
    for (int d = 2; d < rank; d++) {
        spatial *= x->shape.dim[d];
    }
    if (spatial < 4) {
        return; /* the difference of few elements and their mean is mostly rounding */
    }
    switch (rng_range(&s->r, 0, 3)) {
    case 0:
        y = NODE(s->g, "InstanceNormalization", x, grow_weights(s, 1, c, 1, 0.2),
                 grow_weights(s, 1, c, 0, 0.3));
        break;
    case 1: {
        int64_t axis = rng_range(&s->r, 1, rank - 1);
        y = NODE(s->g, "LayerNormalization", x,
                 grow_weights(s, rank - (int)axis, &x->shape.dim[axis], 1, 0.2));
        if (x->shape.dim[rank - 1] < 4) {
            axis = 1;
            y = NODE(s->g, "LayerNormalization", x, grow_weights(s, rank - 1, c, 1, 0.2));
        }
        with_int(s->g, y, "axis", rng_chance(&s->r, 50) ? axis : axis - rank);
        break;
    }
    case 2:
        y = NODE(s->g, "BatchNormalization", x, grow_weights(s, 1, c, 1, 0.2), grow_weights(s, 1, c, 0, 0.3),
                 grow_weights(s, 1, c, 0, 0.2), grow_weights(s, 1, c, 4, 0.3));
        break;
    default: y = with_int(s->g, NODE(s->g, "LRN", x), "size", rng_range(&s->r, 1, 5)); break;
    }
    grow(s, with_float(s->g, y, strcmp(y->producer->op_type, "LRN") == 0 ? "alpha" : "epsilon", 1e-2));
}

static void step_matmul(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 1, 4), *y;
    const int rank = x->shape.rank;
    const int64_t k = x->shape.dim[rank - 1], n = rng_range(&s->r, 1, 20);
    fg_shape b = x->shape;
    if (rng_chance(&s->r, 30) && rank > 1) { /* with itself, transposed */
        int64_t perm[] = {0, 1, 2, 3};
        perm[rank - 1] = rank - 2;
        perm[rank - 2] = rank - 1;
        y = grow_exact(s, with_ints(s->g, NODE(s->g, "Transpose", x), "perm", rank, perm));
        y = grow(s, NODE(s->g, "MatMul", x, y));
        grow(s, NODE(s->g, "Mul", y, grow_scalar(s, FG_FLOAT, 1 / sqrt((double)k))));
        return;
    }
    if (rank == 1) {
        b = (fg_shape){1, {k}};
    } else {
        b.dim[rank - 2] = k;
        b.dim[rank - 1] = n;
        for (int d = 0; d < rank - 2; d++) {
            b.dim[d] = rng_chance(&s->r, 50) ? 1 : b.dim[d];
        }
        if (rng_chance(&s->r, 50)) {
            b = (fg_shape){2, {k, n}};
        }
    }
    bool constant = rng_chance(&s->r, 50);
    fg_value *w =
        constant ? grow_weights(s, b.rank, b.dim, 0, 1 / sqrt((double)k)) : grow_input(s, FG_FLOAT, &b);
    y = grow(s, NODE(s->g, "MatMul", x, w));
    if (!constant) {
        y = grow(s, NODE(s->g, "Mul", y, grow_scalar(s, FG_FLOAT, 1 / sqrt((double)k))));
    }
}

static void step_gemm(grower *s) {
    fg_value *x = pick(s, FG_FLOAT, 2, 2), *in[3] = {x, NULL, NULL};
    bool ta = rng_chance(&s->r, 30), tb = rng_chance(&s->r, 50), constant = rng_chance(&s->r, 60);
    const int64_t m = x->shape.dim[ta], k = x->shape.dim[!ta], n = rng_range(&s->r, 1, 40);
    const fg_shape b = {2, {tb ? n : k, tb ? k : n}};
    const int64_t biases[][2] = {{1, n}, {m, 1}, {m, n}, {1, 1}, {n, 0}};
    const int64_t *c = biases[rng_range(&s->r, 0, 4)];
    in[1] = constant ? grow_weights(s, 2, b.dim, 0, 1 / sqrt((double)k)) : grow_input(s, FG_FLOAT, &b);
    bool biased = rng_chance(&s->r, 70);
    if (biased) {
        in[2] = grow_weights(s, c[1] == 0 ? 1 : 2, c, 0, 0.5);
    }
    fg_value *y = make_node(s->g, "Gemm", 2 + biased, in);
    with_int(s->g, with_int(s->g, y, "transA", ta), "transB", tb);
    if (rng_chance(&s->r, 30)) {
        with_float(s->g, with_float(s->g, y, "alpha", 0.7), "beta", -0.4);
    }
    y = grow(s, y);
    if (!constant) {
        y = grow(s, NODE(s->g, "Mul", y, grow_scalar(s, FG_FLOAT, 1 / sqrt((double)k))));
    }
    activation(s, y);
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
    {layer_wide_conv, {3, 0, 0, 0}},
    {layer_stem, {3, 0, 0, 0}},
    {layer_pooled_conv, {3, 0, 0, 0}},
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
    static const int opsets[] = {11, 13, 13, 17, 18, 20, 21};
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
