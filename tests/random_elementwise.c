/* Elementwise operators, conversions and choices. */
#include "random_graph.h"

void step_activation(grower *s) {
    activation(s, pick(s, FG_FLOAT, 0, 5));
}

/* Functions whose domain is not all numbers, or that grow fast, work on what has been brought into range. */
void step_unary(grower *s) {
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

void step_jump(grower *s) {
    static const char *const functions[] = {"Floor", "Ceil", "Round", "Sign"};
    grow(s, NODE(s->g, ONE_OF(s, functions), pick_exact(s, FG_FLOAT, 0, 4)));
}

void step_binary(grower *s) {
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

void step_clip(grower *s) {
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

void step_swiglu(grower *s) {
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

void step_typed(grower *s) {
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
    grow_as(s, y, fg_dtype_get(type)->is_integer);
}

void step_cast(grower *s) {
    fg_value *x =
        rng_chance(&s->r, 50) ? pick_exact(s, some_type(s), 0, 5) : pick_exact(s, FG_UNDEFINED, 0, 5);
    fg_dtype to = rng_chance(&s->r, 60) ? FG_FLOAT : some_type(s);
    if (fg_dtype_get(x->dtype)->is_float && fg_dtype_get(to)->is_integer && !fg_dtype_get(to)->is_signed) {
        to = FG_INT32; /* a negative number has no unsigned counterpart */
    }
    if (x->dtype == FG_FLOAT && fg_dtype_get(to)->is_integer) {
        x = grow(s, NODE(s->g, "Floor", x));
    }
    grow_as(s, with_int(s->g, NODE(s->g, "Cast", x), "to", to),
            to == FG_FLOAT && fg_dtype_get(x->dtype)->is_integer);
}

fg_value *condition(grower *s, fg_value *x) {
    static const char *const ops[] = {"Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"};
    fg_value *y = partner(s, x);
    if (!is_exact(s, y) && y->data == NULL) {
        y = x->dtype == FG_FLOAT ? grow_scalar(s, FG_FLOAT, rng_normal(&s->r))
                                 : divisors(s, x->dtype, &x->shape);
    }
    fg_value *c = grow_as(s, NODE(s->g, ONE_OF(s, ops), x, y), true);
    if (rng_chance(&s->r, 20)) {
        c = grow_as(s, NODE(s->g, "Not", c), true);
    }
    return c;
}

void step_where(grower *s) {
    fg_value *x = pick_exact(s, rng_chance(&s->r, 80) ? FG_FLOAT : some_type(s), 0, 4);
    fg_value *c = condition(s, x);
    if (rng_chance(&s->r, 20)) {
        fg_value *d = grow_as(s, NODE(s->g, rng_chance(&s->r, 50) ? "And" : "Or", c, condition(s, x)), true);
        c = d;
    }
    fg_value *a = pick(s, FG_FLOAT, 0, c->shape.rank);
    fg_value *v = rng_chance(&s->r, 50) && x->dtype == FG_FLOAT ? x : a;
    grow(s, rng_chance(&s->r, 50) ? NODE(s->g, "Where", c, v, partner(s, v))
                                  : NODE(s->g, "Where", c, partner(s, v), v));
}
