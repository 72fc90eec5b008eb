#include "fusion/pairwise.h"

#include "frontend/frontend.h"

#include <string.h>

#define CONV   "Conv2d"
#define BN     "BatchNorm2d"
#define POOL   "AdaptiveAvgPool2d"
#define LINEAR "Linear"

/* What may follow what, in the study's names. */
static const char *const pairs[][2] = {
    {CONV, BN},          {CONV, "ReLU"},      {CONV, "ReLU6"},     {CONV, "SiLU"},      {CONV, "Sigmoid"},
    {BN, "ReLU"},        {BN, "ReLU6"},       {BN, "SiLU"},        {BN, "HardSwish"},   {LINEAR, BN},
    {LINEAR, "ReLU"},    {LINEAR, "GELU"},    {LINEAR, "SiLU"},    {LINEAR, "Dropout"}, {"add", "ReLU"},
    {"add", "ReLU6"},    {"add", "SiLU"},     {POOL, CONV},        {"SiLU", CONV},      {"Sigmoid", "mul"},
    {"ReLU", "Dropout"}, {"GELU", "Dropout"}, {"SiLU", "Dropout"},
};

/* ONNX types whose name alone tells the study's. */
static const char *const names[][2] = {
    {"Conv", CONV},         {"BatchNormalization", BN},
    {"Relu", "ReLU"},       {"GlobalAveragePool", POOL},
    {"Add", "add"},         {"Mul", "mul"},
    {"Gemm", LINEAR},       {"Flatten", "flatten"},
    {"Reshape", "flatten"}, {"MaxPool", "MaxPool2d"},
    {"Gelu", "GELU"},
};

typedef struct build {
    fg_context *ctx;
    fg_graph *g;
    const fg_pairwise_options *options;
    fg_pairwise *p;
    fg_pairwise_op **maker;        /* by value id: the operator that makes it; NULL for inputs */
    const fg_value **same_as;      /* by value id: through Identity */
    const fg_node **silu;          /* by node position: the Sigmoid that this Mul completes */
    bool *gone;                    /* by node position: no operator of its own */
    const fg_pairwise_op **reader; /* by value id: the last operator that an edge to was made for */
} build;

static bool is_type(const fg_pairwise_op *op, const char *type) {
    return op && strcmp(op->type, type) == 0;
}

static bool is_op(const fg_node *n, const char *op_type) {
    return n && !*n->domain && strcmp(n->op_type, op_type) == 0;
}

/* ---- which nodes are operators ---- */

static bool is_constant(const fg_node *n) {
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && !n->out[i]->data) return false;
    return true;
}

static const fg_value *source(const build *b, const fg_value *v) {
    return b->same_as[v->id] ? b->same_as[v->id] : v;
}

/* Learned: stored in the file, possibly shared through Identity. A Constant node's value is not. */
static bool is_learned(const fg_value *v) {
    while (v->producer && is_op(v->producer, "Identity")) v = v->producer->in[0];
    return v->data && !v->producer;
}

static bool has_operand(const build *b, const fg_node *n, const fg_value *v) {
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && source(b, n->in[i]) == v) return true;
    return false;
}

static void find_silu(build *b, int *position) {
    for (int i = 0; i < b->g->n_nodes; i++) {
        const fg_node *n = b->g->nodes[i];
        if (!is_op(n, "Sigmoid") || !n->out[0] || n->out[0]->n_users != 1 || n->out[0]->is_output) continue;
        const fg_node *mul = n->out[0]->users[0];
        if (!is_op(mul, "Mul") || !mul->out[0] || !has_operand(b, mul, source(b, n->in[0]))) continue;
        int at = position[mul->out[0]->id];
        b->silu[at] = n;
        b->gone[i] = true;
    }
}

static void find_operators(build *b) {
    int *position = FG_ARRAY(b->ctx, b->g->n_values, int);
    for (int i = 0; i < b->g->n_nodes; i++) {
        const fg_node *n = b->g->nodes[i];
        b->gone[i] = is_constant(n) || is_op(n, "Identity");
        if (is_op(n, "Identity") && n->out[0]) b->same_as[n->out[0]->id] = source(b, n->in[0]);
        for (int o = 0; o < n->n_out; o++)
            if (n->out[o]) position[n->out[o]->id] = i;
    }
    find_silu(b, position);
}

/* ---- their names ---- */

static bool bound_is(const fg_node *n, int operand, const char *attribute, double wanted) {
    if (n->n_in > operand && n->in[operand])
        return n->in[operand]->data && fg_shape_count(&n->in[operand]->shape) == 1 &&
               fg_const_float(n->in[operand], 0) == wanted;
    const fg_attr *a = fg_attr_of(n, attribute, FG_ATTR_FLOAT);
    return a && (double)a->f == wanted;
}

/* A mean over the height and the width of an image, and over nothing else. */
static bool is_image_mean(build *b, fg_node *n) {
    int64_t axes[FG_MAX_RANK];
    if (!is_op(n, "ReduceMean") || n->in[0]->shape.rank != 4) return false;
    if (n->n_in > 1 && n->in[1] && !n->in[1]->data) return false;
    if (fg_operand_ints(b->ctx, n, 1, "axes", FG_MAX_RANK, axes) != 2) return false;
    int first = fg_axis(b->ctx, n, axes[0], 4), second = fg_axis(b->ctx, n, axes[1], 4);
    return first + second == 5 && (first == 2 || first == 3);
}

static const char *type_of(build *b, fg_node *n) {
    if (*n->domain) return n->op_type;
    for (size_t i = 0; i < FG_COUNT(names); i++)
        if (strcmp(names[i][0], n->op_type) == 0) return names[i][1];
    if (is_op(n, "Clip") && bound_is(n, 1, "min", 0) && bound_is(n, 2, "max", 6)) return "ReLU6";
    if (is_op(n, "MatMul") && n->in[1]->data) return LINEAR;
    return is_image_mean(b, n) ? POOL : n->op_type;
}

/* ---- operators and edges ---- */

static int64_t bytes_of(const fg_value *v) {
    return 4 * fg_shape_count(&v->shape);
}

static fg_pairwise_op *add_op(build *b, const char *type, const fg_node *node, int most_in) {
    fg_pairwise_op *op = FG_NEW(b->ctx, fg_pairwise_op);
    op->type = type;
    op->node = node;
    op->group = -1;
    op->in = FG_ARRAY(b->ctx, most_in, fg_pairwise_edge);
    b->p->ops[b->p->n_ops++] = op;
    return op;
}

/* Running statistics are not learned; shapes, axes and bounds are operands of no weight. */
static int64_t weight_bytes(const fg_pairwise_op *op, const fg_node *n) {
    static const char *const without[] = {"flatten", POOL, "ReLU6", "Clip"};
    int64_t bytes = 0;
    for (size_t i = 0; i < FG_COUNT(without); i++)
        if (is_type(op, without[i])) return 0;
    int last = is_type(op, BN) && n->n_in > 3 ? 3 : n->n_in;
    for (int i = 0; i < last; i++)
        if (n->in[i] && is_learned(n->in[i])) bytes += bytes_of(n->in[i]);
    return bytes;
}

static void add_edges(build *b, fg_pairwise_op *op, const fg_node *n, const fg_value *only) {
    for (int i = 0; i < n->n_in; i++) {
        const fg_value *v = n->in[i] ? source(b, n->in[i]) : NULL;
        if (!v || v->data || (only && v != only) || b->reader[v->id] == op) continue;
        b->reader[v->id] = op;
        op->in[op->n_in++] = (fg_pairwise_edge){b->maker[v->id], bytes_of(v)};
    }
}

/* An operator that export dropped, on edge `at` of op, standing before it. */
static void put_back(build *b, fg_pairwise_op *op, const char *type, int at) {
    fg_pairwise_op *made = add_op(b, type, NULL, 1);
    fg_pairwise_edge edge = op->in[at];
    made->in[made->n_in++] = edge;
    made->out_bytes = edge.bytes;
    op->in[at].from = made;
    b->p->ops[b->p->n_ops - 2] = made;
    b->p->ops[b->p->n_ops - 1] = op;
}

static void synthesise(build *b, fg_pairwise_op *op) {
    for (int i = 0; b->options->stochastic_depth && is_type(op, "add") && i < op->n_in; i++) {
        if (!is_type(op->in[i].from, BN) && !is_type(op->in[i].from, CONV)) continue;
        put_back(b, op, "stochastic_depth", i);
        b->p->n_stochastic_depth++;
        return;
    }
    if (b->options->dropout && is_type(op, LINEAR) && op->n_in && is_type(op->in[0].from, "flatten")) {
        put_back(b, op, "Dropout", 0);
        b->p->n_dropout++;
    }
}

static void add_node(build *b, int at) {
    fg_node *n = b->g->nodes[at];
    const fg_node *sigmoid = b->silu[at];
    fg_pairwise_op *op = add_op(b, sigmoid ? "SiLU" : type_of(b, n), n, n->n_in);
    op->collapsed = sigmoid;
    add_edges(b, op, n, sigmoid ? source(b, sigmoid->in[0]) : NULL);
    if (!sigmoid) {
        op->weight_bytes = weight_bytes(op, n);
        op->flops = 2 * fg_node_macs(n);
    }
    for (int i = 0; i < n->n_out; i++) {
        const fg_value *v = n->out[i];
        if (!v || (i > 0 && !v->n_users && !v->is_output)) continue;
        b->maker[v->id] = op;
        op->out_bytes += bytes_of(v);
    }
    synthesise(b, op);
}

/* The graph may return a value under the name that an Identity gave it. */
static void mark_outputs(build *b) {
    for (int i = 0; i < b->g->n_outputs; i++) {
        fg_pairwise_op *op = b->maker[source(b, b->g->outputs[i])->id];
        if (op) op->is_output = true;
    }
}

static void link_users(build *b) {
    fg_pairwise *p = b->p;
    int *count = FG_ARRAY(b->ctx, p->n_ops, int);
    const fg_pairwise_op **reader = FG_ARRAY(b->ctx, p->n_ops, const fg_pairwise_op *); /* the last one */
    for (int i = 0; i < p->n_ops; i++) p->ops[i]->index = i;
    for (int i = 0; i < p->n_ops; i++)
        for (int j = 0; j < p->ops[i]->n_in; j++)
            if (p->ops[i]->in[j].from) count[p->ops[i]->in[j].from->index]++;
    for (int i = 0; i < p->n_ops; i++) p->ops[i]->users = FG_ARRAY(b->ctx, count[i], fg_pairwise_op *);
    for (int i = 0; i < p->n_ops; i++) {
        for (int j = 0; j < p->ops[i]->n_in; j++) {
            const fg_pairwise_op *from = p->ops[i]->in[j].from;
            if (!from || reader[from->index] == p->ops[i]) continue;
            fg_pairwise_op *maker = p->ops[from->index];
            reader[from->index] = p->ops[i];
            p->ops[i]->n_makers++;
            maker->users[maker->n_users++] = p->ops[i];
        }
    }
}

/* ---- grouping ---- */

static bool is_pair(const fg_pairwise_op *a, const fg_pairwise_op *b) {
    for (size_t i = 0; i < FG_COUNT(pairs); i++)
        if (is_type(a, pairs[i][0]) && is_type(b, pairs[i][1])) return true;
    return false;
}

/* The operator that joins behind `last`, or NULL and why none does. */
static fg_pairwise_op *next_of(const fg_pairwise_op *last, fg_boundary *why) {
    *why = FG_BOUNDARY_OUTPUT;
    if (!last->n_users) return NULL;
    *why = FG_BOUNDARY_FORK;
    if (last->n_users + last->is_output != 1) return NULL;
    fg_pairwise_op *next = last->users[0];
    bool gate = is_type(last, "Sigmoid") && is_type(next, "mul");
    *why = FG_BOUNDARY_JOIN;
    if (next->group >= 0 || (next->n_makers > 1 && !gate)) return NULL;
    *why = FG_BOUNDARY_PATTERN;
    return is_pair(last, next) ? next : NULL;
}

static const char *pattern_of(fg_context *ctx, const fg_pairwise_group *g) {
    if (g->n_ops == 1) return "Unfused";
    const char *name = g->ops[0]->type;
    for (int i = 1; i < g->n_ops && i < 3; i++) name = fg_format(ctx, "%s_%s", name, g->ops[i]->type);
    return g->n_ops > 3 ? fg_format(ctx, "%s_+%dmore", name, g->n_ops - 3) : name;
}

/* ---- accounting ---- */

static bool read_outside(const fg_pairwise_op *op, const int *group) {
    for (int i = 0; i < op->n_users; i++)
        if (group[op->users[i]->index] != group[op->index]) return true;
    return !op->n_users || op->is_output;
}

static void count_op(const fg_pairwise_op *op, const int *group, fg_pairwise_group *g) {
    for (int i = 0; i < op->n_in; i++) {
        const fg_pairwise_op *from = op->in[i].from;
        bool inside = from && group[from->index] == group[op->index];
        *(inside ? &g->internal_bytes : &g->in_bytes) += op->in[i].bytes;
    }
    if (read_outside(op, group)) g->out_bytes += op->out_bytes;
    g->weight_bytes += op->weight_bytes;
    g->flops += op->flops;
}

static void count(const fg_pairwise *p, const int *group, fg_pairwise_group *groups, int n_groups) {
    for (int i = 0; i < p->n_ops; i++) count_op(p->ops[i], group, &groups[group[i]]);
    for (int i = 0; i < n_groups; i++) {
        fg_pairwise_group *g = &groups[i];
        int64_t moved = g->in_bytes + g->out_bytes + g->weight_bytes;
        g->intensity = (double)g->flops / (double)(moved > 0 ? moved : 1);
    }
}

fg_pairwise_group *fg_pairwise_recount(fg_context *ctx, const fg_pairwise *p, const int *group,
                                       int n_groups) {
    fg_pairwise_group *groups = FG_ARRAY(ctx, n_groups, fg_pairwise_group);
    count(p, group, groups, n_groups);
    return groups;
}

static void add_group(build *b, fg_pairwise_op *first) {
    fg_pairwise *p = b->p;
    fg_pairwise_group *g = &p->groups[p->n_groups];
    int n = 0;
    fg_pairwise_op *last = first;
    for (fg_pairwise_op *op = first; op; op = next_of(op, &g->boundary)) {
        op->group = p->n_groups;
        last = op;
        n++;
    }
    g->ops = FG_ARRAY(b->ctx, n, fg_pairwise_op *);
    for (fg_pairwise_op *op = first; g->n_ops < n; op = op == last ? NULL : op->users[0])
        g->ops[g->n_ops++] = op;
    p->n_groups++;
}

static void add_up(build *b) {
    static const char main_path[] = CONV "_" BN "_SiLU_+3more";
    fg_pairwise *p = b->p;
    int *group = FG_ARRAY(b->ctx, p->n_ops, int);
    for (int i = 0; i < p->n_ops; i++) group[i] = p->ops[i]->group;
    count(p, group, p->groups, p->n_groups);
    for (int i = 0; i < p->n_groups; i++) {
        fg_pairwise_group *g = &p->groups[i];
        g->pattern = pattern_of(b->ctx, g);
        p->single += g->n_ops == 1;
        p->se += strstr(g->pattern, POOL) != NULL;
        p->main += strncmp(g->pattern, main_path, sizeof main_path - 1) == 0;
        p->bytes_fused += g->in_bytes + g->out_bytes + g->weight_bytes;
        p->bytes_internal += g->internal_bytes;
        p->flops += g->flops;
        p->mean_intensity += g->intensity;
    }
    if (p->n_groups) p->mean_intensity /= p->n_groups;
}

fg_pairwise *fg_pairwise_partition(fg_graph *g, const fg_pairwise_options *options) {
    fg_context *ctx = g->ctx;
    build b = {.ctx = ctx, .g = g, .options = options, .p = FG_NEW(ctx, fg_pairwise)};
    b.maker = FG_ARRAY(ctx, g->n_values, fg_pairwise_op *);
    b.same_as = FG_ARRAY(ctx, g->n_values, const fg_value *);
    b.silu = FG_ARRAY(ctx, g->n_nodes, const fg_node *);
    b.reader = FG_ARRAY(ctx, g->n_values, const fg_pairwise_op *);
    b.gone = FG_ARRAY(ctx, g->n_nodes, bool);
    b.p->ops = FG_ARRAY(ctx, 2 * (int64_t)g->n_nodes, fg_pairwise_op *); /* one may be put before each */
    find_operators(&b);
    for (int i = 0; i < g->n_nodes; i++)
        if (!b.gone[i]) add_node(&b, i);
    mark_outputs(&b);
    link_users(&b);
    b.p->groups = FG_ARRAY(ctx, b.p->n_ops, fg_pairwise_group);
    for (int i = 0; i < b.p->n_ops; i++)
        if (b.p->ops[i]->group < 0) add_group(&b, b.p->ops[i]);
    add_up(&b);
    return b.p;
}
