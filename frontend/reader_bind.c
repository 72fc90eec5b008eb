/* Declared types and shapes, and what the command line pins of them. */
#include <string.h>

#include "frontend/reader.h"

static const fg_read_options no_options;

static const fg_read_options *options_of(const fg_reader *r) {
    return r->options ? r->options : &no_options;
}

/* ---- names in the options ---- */

static bool has_initializer(const Onnx__GraphProto *g, const char *name) {
    for (size_t i = 0; i < g->n_initializer; i++)
        if (strcmp(fg_or_empty(g->initializer[i]->name), name) == 0) return true;
    return false;
}

/* An input, or an element of one: "NAME[0]". */
static bool is_input(const Onnx__GraphProto *g, const char *name) {
    for (size_t i = 0; i < g->n_input; i++) {
        const char *input = fg_or_empty(g->input[i]->name);
        const Onnx__TypeProto *t = g->input[i]->type;
        if (strcmp(input, name) == 0) return !has_initializer(g, name);
        bool listed = t && (t->sequence_type || t->optional_type);
        if (listed && strncmp(input, name, strlen(input)) == 0 && name[strlen(input)] == '[') return true;
    }
    return false;
}

static const char *dim_param(const Onnx__ValueInfoProto *info, size_t i) {
    const Onnx__TensorShapeProto *s =
        info->type && info->type->tensor_type ? info->type->tensor_type->shape : NULL;
    const char *name = s && i < s->n_dim ? s->dim[i]->dim_param : NULL;
    return name && *name ? name : NULL;
}

static bool is_dim(const Onnx__GraphProto *g, const char *name) {
    for (size_t i = 0; i < g->n_input; i++)
        for (size_t d = 0; d < FG_MAX_RANK; d++) {
            const char *param = dim_param(g->input[i], d);
            if (param && strcmp(param, name) == 0) return true;
        }
    return false;
}

static void add_name(fg_text *t, const char *name) {
    if (t->length < 400) fg_text_printf(t, "%s'%s'", t->length ? ", " : "", name);
}

static void require_input(fg_reader *r, const Onnx__GraphProto *g, const char *name) {
    if (is_input(g, name)) return;
    fg_text list = fg_text_new(r->ctx);
    for (size_t i = 0; i < g->n_input; i++)
        if (is_input(g, fg_or_empty(g->input[i]->name))) add_name(&list, fg_or_empty(g->input[i]->name));
    if (!list.length) fg_raise(r->ctx, FG_USAGE, "the model has no input '%s', nor any other", name);
    fg_raise(r->ctx, FG_USAGE, "the model has no input '%s'; there are %s", name, list.data);
}

static void require_dim(fg_reader *r, const Onnx__GraphProto *g, const char *name) {
    if (is_dim(g, name)) return;
    fg_text list = fg_text_new(r->ctx);
    fg_names listed = {.ctx = r->ctx};
    for (size_t i = 0; i < g->n_input; i++)
        for (size_t d = 0; d < FG_MAX_RANK; d++) {
            const char *param = dim_param(g->input[i], d);
            if (!param || fg_names_get(&listed, param)) continue;
            fg_names_at(&listed, param)->value = r;
            add_name(&list, param);
        }
    if (!list.length)
        fg_raise(r->ctx, FG_USAGE, "the model has no dynamic dimension '%s', nor any other", name);
    fg_raise(r->ctx, FG_USAGE, "the model has no dynamic dimension '%s'; there are %s", name, list.data);
}

void fg_check_bindings(fg_reader *r, const Onnx__GraphProto *graph) {
    const fg_read_options *o = options_of(r);
    for (int i = 0; i < o->n_shapes; i++) require_input(r, graph, o->shapes[i].input);
    for (int i = 0; i < o->n_consts; i++) require_input(r, graph, o->consts[i].input);
    for (int i = 0; i < o->n_dims; i++) {
        require_dim(r, graph, o->dims[i].name);
        if (o->dims[i].extent < 0)
            fg_raise(r->ctx, FG_USAGE, "dimension '%s' cannot be %lld", o->dims[i].name,
                     (long long)o->dims[i].extent);
    }
}

/* ---- looking up; the last binding of a name counts ---- */

const fg_const_binding *fg_bound_const(const fg_reader *r, const char *input) {
    const fg_read_options *o = options_of(r);
    for (int i = o->n_consts - 1; i >= 0; i--)
        if (strcmp(o->consts[i].input, input) == 0) return &o->consts[i];
    return NULL;
}

static const fg_shape *bound_shape(const fg_reader *r, const char *input) {
    const fg_read_options *o = options_of(r);
    for (int i = o->n_shapes - 1; i >= 0; i--)
        if (strcmp(o->shapes[i].input, input) == 0) return &o->shapes[i].shape;
    return NULL;
}

static int64_t bound_dim(const fg_reader *r, const char *name) {
    const fg_read_options *o = options_of(r);
    for (int i = o->n_dims - 1; i >= 0 && name; i--)
        if (strcmp(o->dims[i].name, name) == 0) return o->dims[i].extent;
    return -1;
}

/* ---- declared types ---- */

typedef struct declared {
    fg_dtype type;
    bool is_sequence, is_optional, has_shape;
    const Onnx__TypeProto *of; /* type of a sequence's or optional's elements */
    int rank;
    int64_t dim[FG_MAX_RANK]; /* -1 where not a number */
    const char *name[FG_MAX_RANK];
} declared;

static void declared_dims(fg_reader *r, const Onnx__TensorShapeProto *s, const char *name, declared *d) {
    if (s->n_dim > FG_MAX_RANK)
        fg_raise(r->ctx, FG_UNSUPPORTED, "'%s' has %zu dimensions, at most %d are supported", name, s->n_dim,
                 FG_MAX_RANK);
    d->has_shape = true;
    d->rank = (int)s->n_dim;
    for (int i = 0; i < d->rank; i++) {
        const Onnx__TensorShapeProto__Dimension *e = s->dim[i];
        d->dim[i] = e->has_dim_value ? e->dim_value : -1;
        d->name[i] = !e->has_dim_value && e->dim_param && *e->dim_param ? e->dim_param : NULL;
        if (e->has_dim_value && e->dim_value < 0)
            fg_raise(r->ctx, FG_BAD_MODEL, "'%s' has the negative dimension %lld", name,
                     (long long)e->dim_value);
    }
}

static declared read_type(fg_reader *r, const Onnx__TypeProto *t, const char *name) {
    declared d = {0};
    if (!t) return d;
    d.is_optional = t->optional_type != NULL;
    if (t->sequence_type || t->optional_type)
        d.of = (t->sequence_type ? t->sequence_type : t->optional_type)->elem_type;
    d.is_sequence =
        !t->tensor_type && (t->sequence_type || t->map_type || t->optional_type || t->sparse_tensor_type);
    if (!t->tensor_type || t->tensor_type->elem_type == FG_UNDEFINED) return d;
    d.type = fg_read_dtype(r->ctx, t->tensor_type->elem_type, name);
    if (t->tensor_type->shape) declared_dims(r, t->tensor_type->shape, name, &d);
    return d;
}

static declared read_declared(fg_reader *r, const Onnx__ValueInfoProto *info) {
    return read_type(r, info->type, fg_or_empty(info->name));
}

/* The declared shape with 1 for what is not known: an example of what to write. */
static const char *example_shape(fg_reader *r, const declared *d) {
    fg_shape s = {.rank = d->rank};
    if (!d->has_shape) return "1x3x224x224";
    for (int i = 0; i < d->rank; i++) s.dim[i] = d->dim[i] < 0 ? 1 : d->dim[i];
    return fg_shape_text(r->ctx, &s);
}

static void pin_dims(fg_reader *r, fg_value *v, const declared *d) {
    if (!d->has_shape) {
        fg_remedy(r->ctx, "give it with --shape %s=%s", v->name, example_shape(r, d));
        fg_raise(r->ctx, FG_UNSUPPORTED, "input '%s' has no declared shape", v->name);
    }
    v->shape.rank = d->rank;
    for (int i = 0; i < d->rank; i++) {
        int64_t extent = d->dim[i] >= 0 ? d->dim[i] : bound_dim(r, d->name[i]);
        if (extent < 0 && d->name[i]) {
            fg_remedy(r->ctx, "pin it with --dim %s=1", d->name[i]);
            fg_raise(r->ctx, FG_UNSUPPORTED, "input '%s' has the dynamic dimension '%s'", v->name,
                     d->name[i]);
        }
        if (extent < 0) {
            fg_remedy(r->ctx, "pin it with --shape %s=%s", v->name, example_shape(r, d));
            fg_raise(r->ctx, FG_UNSUPPORTED,
                     "input '%s' has a dynamic dimension without a name (the dimension at index %d)", v->name,
                     i);
        }
        v->shape.dim[i] = extent;
    }
}

static void override_shape(fg_reader *r, fg_value *v, const declared *d, const fg_shape *s) {
    if (s->rank < 0) fg_raise(r->ctx, FG_USAGE, "input '%s' is a tensor; --shape gives it none", v->name);
    if (d->has_shape && s->rank != d->rank) {
        fg_remedy(r->ctx, "write for example --shape %s=%s", v->name, example_shape(r, d));
        fg_raise(r->ctx, FG_USAGE, "input '%s' has %d dimensions, --shape gives %d", v->name, d->rank,
                 s->rank);
    }
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] < 0)
            fg_raise(r->ctx, FG_USAGE, "--shape gives input '%s' a negative dimension", v->name);
        if (d->has_shape && d->dim[i] >= 0 && d->dim[i] != s->dim[i]) r->stale = true;
    }
    v->shape = *s;
}

static declared input_type(fg_reader *r, const fg_value *v, const Onnx__ValueInfoProto *info) {
    declared d = read_declared(r, info);
    if (!d.is_sequence && d.type == FG_UNDEFINED)
        fg_raise(r->ctx, FG_BAD_MODEL, "input '%s' has no type", v->name);
    return d;
}

static void bind_tensor(fg_reader *r, fg_value *v, const declared *d) {
    const fg_shape *pinned = bound_shape(r, v->name);
    v->dtype = d->type;
    memcpy(v->dim_name, d->name, sizeof v->dim_name);
    if (pinned)
        override_shape(r, v, d, pinned);
    else
        pin_dims(r, v, d);
    fg_checked_product(r->ctx, v->shape.rank, v->shape.dim);
    v->shape_known = true;
    v->shape_declared = true;
    v->is_input = true;
    fg_add_input(r, v);
}

static bool is_static(const declared *d) {
    bool known = d->has_shape;
    for (int i = 0; i < d->rank; i++) known = known && d->dim[i] >= 0;
    return known;
}

/* Element i of the sequence or optional `name`: false if it is not there. */
static bool element_is_there(const fg_reader *r, const char *name, int i, const declared *of, bool optional) {
    const char *item = fg_format(r->ctx, "%s[%d]", name, i);
    const fg_read_options *o = options_of(r);
    const fg_shape *own = bound_shape(r, name);
    if (own && own->rank < 0) return false;
    if (optional && i == 0 && is_static(of)) return true;
    for (int k = 0; k < o->n_shapes; k++) /* its own shape, or that of an element of it */
        if (strncmp(o->shapes[k].input, item, strlen(item)) == 0) return !optional || i == 0;
    return false;
}

/* The elements are inputs of their own, NAME[0], NAME[1] and so on; how many there are and what is not
 * declared of their shapes comes from --shape. Recursion is as deep as the scanner lets types nest. */
static void bind_elements(fg_reader *r, fg_value *v, const declared *d) {
    const declared of = read_type(r, d->of, v->name);
    const fg_shape *own = bound_shape(r, v->name);
    fg_value **items = FG_ARRAY(r->ctx, options_of(r)->n_shapes + 2, fg_value *);
    v->is_sequence = true;
    v->is_optional = d->is_optional;
    v->items = items;
    while (v->n_items <= options_of(r)->n_shapes &&
           element_is_there(r, v->name, v->n_items, &of, d->is_optional)) {
        fg_value *item = fg_graph_value(r->graph, fg_format(r->ctx, "%s[%d]", v->name, v->n_items));
        items[v->n_items++] = item;
        if (of.is_sequence)
            bind_elements(r, item, &of);
        else
            bind_tensor(r, item, &of);
    }
    v->items_known = v->n_items > 0 || (own && own->rank < 0);
}

void fg_bind_input(fg_reader *r, fg_value *v, const Onnx__ValueInfoProto *info) {
    declared d = input_type(r, v, info);
    if (d.is_sequence)
        bind_elements(r, v, &d);
    else
        bind_tensor(r, v, &d);
}

void fg_bind_const(fg_reader *r, fg_value *v, const Onnx__ValueInfoProto *info, const fg_const_binding *c) {
    declared d = input_type(r, v, info);
    const fg_tensor *t = &c->tensor;
    if (d.is_sequence) fg_raise(r->ctx, FG_UNSUPPORTED, "input '%s' is not a tensor", v->name);
    if (d.type != t->dtype)
        fg_raise(r->ctx, FG_USAGE, "input '%s' is of %s, the file given with --const of %s", v->name,
                 fg_dtype_get(d.type)->name, fg_dtype_get(t->dtype)->name);
    bool fits = !d.has_shape || d.rank == t->shape.rank;
    for (int i = 0; fits && d.has_shape && i < d.rank; i++)
        fits = d.dim[i] < 0 || d.dim[i] == t->shape.dim[i];
    if (!fits)
        fg_raise(r->ctx, FG_USAGE, "input '%s' is declared %s, the file given with --const has shape %s",
                 v->name, example_shape(r, &d), fg_shape_text(r->ctx, &t->shape));
    v->dtype = t->dtype;
    v->shape = t->shape;
    v->data = t->data;
    v->shape_known = true;
}

void fg_declare(fg_reader *r, fg_value *v, const Onnx__ValueInfoProto *info) {
    declared d = read_declared(r, info);
    bool known = d.has_shape && !r->stale;
    if (v->data || v->is_input) return;
    v->is_sequence = d.is_sequence;
    v->is_optional = d.is_optional;
    v->dtype = d.type;
    for (int i = 0; i < d.rank; i++) known = known && d.dim[i] >= 0;
    if (!known) return;
    v->shape.rank = d.rank;
    memcpy(v->shape.dim, d.dim, sizeof v->shape.dim);
    fg_checked_product(r->ctx, d.rank, d.dim);
    v->shape_known = true;
    v->shape_declared = true;
}
