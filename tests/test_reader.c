/* The model reader: tensors, bindings, functions, external data, and files that are not what they should be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontend/frontend.h"
#include "pb_build.h"

#define FILE_NAME "reader_test.onnx"

typedef struct reading {
    const char *path;
    fg_read_options options;
    fg_graph *graph;
    fg_tensor tensor;
} reading;

static int setup(void **state) {
    *state = fg_context_new();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    fg_context_free(*state);
    return 0;
}

static void read_body(fg_context *ctx, void *arg) {
    reading *r = arg;
    r->graph = fg_read_model(ctx, r->path, &r->options);
}

static void tensor_body(fg_context *ctx, void *arg) {
    reading *r = arg;
    r->tensor = fg_read_tensor_file(ctx, r->path);
}

static fg_graph *read_with(fg_context *ctx, const Onnx__ModelProto *m, const fg_read_options *options) {
    reading r = {.path = FILE_NAME};
    if (options) r.options = *options;
    pb_save(ctx, m, FILE_NAME);
    fg_status status = fg_try(ctx, read_body, &r);
    if (status) fail_msg("%s", fg_context_diagnostic(ctx)->message);
    return r.graph;
}

static fg_graph *read_it(fg_context *ctx, const Onnx__ModelProto *m) {
    return read_with(ctx, m, NULL);
}

static const fg_diagnostic *refused_with(fg_context *ctx, const Onnx__ModelProto *m,
                                         const fg_read_options *options, fg_status status,
                                         const char *message) {
    reading r = {.path = FILE_NAME};
    if (options) r.options = *options;
    pb_save(ctx, m, FILE_NAME);
    assert_int_equal(fg_try(ctx, read_body, &r), status);
    const fg_diagnostic *d = fg_context_diagnostic(ctx);
    if (!strstr(d->message, message)) fail_msg("'%s' does not say '%s'", d->message, message);
    assert_string_equal(d->file, FILE_NAME);
    return d;
}

static const fg_diagnostic *refused(fg_context *ctx, const Onnx__ModelProto *m, fg_status status,
                                    const char *message) {
    return refused_with(ctx, m, NULL, status, message);
}

/* y = Relu(x) over x of the shape given. */
static Onnx__ModelProto *relu(fg_context *ctx, const char *shape) {
    Onnx__ModelProto *m = pb_model(ctx, 17);
    pb_input(ctx, m, "x", FG_FLOAT, shape);
    pb_node(ctx, m, "Relu", "x", "y");
    pb_output(ctx, m, "y");
    return m;
}

/* ---- versions and structure ---- */

static void a_small_model_is_read(void **state) {
    Onnx__ModelProto *m = relu(*state, "1x3");
    m->graph->node[0]->name = fg_strdup(*state, "act");
    fg_graph *g = read_it(*state, m);
    assert_int_equal(g->opset, 17);
    assert_int_equal(g->ir_version, 8);
    assert_int_equal(g->n_nodes, 1);
    assert_string_equal(g->nodes[0]->name, "act");
    assert_string_equal(g->nodes[0]->domain, "");
    assert_int_equal(g->n_inputs, 1);
    assert_true(g->inputs[0]->is_input && g->inputs[0]->shape_known && g->inputs[0]->shape_declared);
    assert_string_equal(fg_shape_text(*state, &g->inputs[0]->shape), "1x3");
    assert_true(g->outputs[0]->is_output);
    assert_ptr_equal(g->outputs[0]->producer, g->nodes[0]);
    assert_false(g->outputs[0]->shape_declared);
}

static void versions_out_of_range_are_refused(void **state) {
    Onnx__ModelProto *m = relu(*state, "1");
    m->opset_import[0]->version = 0;
    refused(*state, m, FG_UNSUPPORTED, "opset 0");
    m->opset_import[0]->version = 1000;
    refused(*state, m, FG_UNSUPPORTED, "opset 1000");
    m->opset_import[0]->version = 7;
    assert_int_equal(read_it(*state, m)->opset, 7);
    m->ir_version = 2;
    refused(*state, m, FG_UNSUPPORTED, "IR version 2");
    m->ir_version = 3;
    read_it(*state, m);
    m->n_opset_import = 0;
    refused(*state, m, FG_BAD_MODEL, "no operator set");
    m->graph = NULL;
    refused(*state, m, FG_BAD_MODEL, "no graph");
}

static void broken_structure_names_the_node(void **state) {
    fg_context *ctx = *state;
    Onnx__ModelProto *m = relu(ctx, "1");
    pb_node(ctx, m, "Add", "x ghost", "z")->name = fg_strdup(ctx, "sum");
    const fg_diagnostic *d = refused(ctx, m, FG_BAD_MODEL, "reads 'ghost', which nothing produces");
    assert_string_equal(d->node, "sum");
    assert_string_equal(d->op, "Add");

    m = relu(ctx, "1");
    pb_node(ctx, m, "Neg", "x", "y");
    d = refused(ctx, m, FG_BAD_MODEL, "'y' is produced twice");
    assert_string_equal(d->op, "Neg");
    assert_string_equal(d->node, "#1");

    m = relu(ctx, "1");
    pb_node(ctx, m, "Neg", "y", "x");
    refused(ctx, m, FG_BAD_MODEL, "'x' is produced twice");

    m = relu(ctx, "1");
    pb_node(ctx, m, "Add", "x b", "a");
    pb_node(ctx, m, "Neg", "a", "b");
    refused(ctx, m, FG_BAD_MODEL, "cycle");

    m = relu(ctx, "1");
    pb_output(ctx, m, "nowhere");
    refused(ctx, m, FG_BAD_MODEL, "output 'nowhere'");

    m = relu(ctx, "1");
    m->graph->input[0]->type = NULL;
    refused(ctx, m, FG_BAD_MODEL, "input 'x' has no type");
}

static void nodes_out_of_order_are_sorted(void **state) {
    Onnx__ModelProto *m = pb_model(*state, 17);
    pb_input(*state, m, "x", FG_FLOAT, "2");
    pb_node(*state, m, "Neg", "a", "y");
    pb_node(*state, m, "Relu", "x", "a");
    pb_output(*state, m, "y");
    fg_graph *g = read_it(*state, m);
    assert_string_equal(g->nodes[0]->op_type, "Relu");
    assert_int_equal(g->nodes[1]->index, 1);
}

static void sequences_are_marked(void **state) {
    Onnx__ModelProto *m = relu(*state, "1");
    pb_input(*state, m, "s", FG_FLOAT, NULL);
    Onnx__TypeProto *t = m->graph->input[1]->type;
    t->tensor_type = NULL;
    t->sequence_type = PB_NEW(*state, Onnx__TypeProto__Of, ONNX__TYPE_PROTO__OF__INIT);
    fg_graph *g = read_it(*state, m);
    const fg_value *v = fg_graph_find(g, "s");
    assert_true(v->is_sequence);
    assert_false(v->items_known);
    assert_int_equal(v->dtype, FG_UNDEFINED);
    assert_int_equal(g->n_inputs, 1); /* its elements would be inputs, were they stated */
}

/* ---- tensors ---- */

static Onnx__TensorProto *with_tensor(fg_context *ctx, Onnx__ModelProto **m, int type, int64_t n) {
    *m = relu(ctx, "1");
    return pb_tensor(ctx, *m, "w", type, 1, &n);
}

static const fg_value *read_w(fg_context *ctx, const Onnx__ModelProto *m) {
    const fg_value *w = fg_graph_find(read_it(ctx, m), "w");
    assert_non_null(w);
    assert_non_null(w->data);
    assert_true(w->shape_known && !w->is_input && !w->synthetic);
    return w;
}

static void typed_fields_are_read(void **state) {
    fg_context *ctx = *state;
    static const struct {
        int type;
        int32_t in[3];
        int64_t out[3];
    } small[] = {
        {FG_INT32, {-5, 6, 70000}, {-5, 6, 70000}},    {FG_INT16, {-5, 6, 700}, {-5, 6, 700}},
        {FG_INT8, {-5, 6, 127}, {-5, 6, 127}},         {FG_UINT8, {250, 6, 0}, {250, 6, 0}},
        {FG_UINT16, {65535, 6, 0}, {65535, 6, 0}},     {FG_BOOL, {1, 0, 7}, {1, 0, 1}},
        {FG_FLOAT16, {0x3c00, 0xc000, 0}, {1, -2, 0}}, {FG_BFLOAT16, {0x3f80, 0xc000, 0}, {1, -2, 0}},
    };
    Onnx__ModelProto *m;
    for (size_t i = 0; i < FG_COUNT(small); i++) {
        Onnx__TensorProto *t = with_tensor(ctx, &m, small[i].type, 3);
        t->n_int32_data = 3;
        t->int32_data = pb_copy(ctx, small[i].in, sizeof small[i].in);
        const fg_value *w = read_w(ctx, m);
        for (int k = 0; k < 3; k++) assert_int_equal(fg_const_int(w, k), small[i].out[k]);
    }
    Onnx__TensorProto *t = with_tensor(ctx, &m, FG_INT4, 3);
    t->n_int32_data = 2;
    t->int32_data = pb_copy(ctx, ((const int32_t[]){0x8f, 0x07}), 8);
    assert_int_equal(fg_const_int(read_w(ctx, m), 1), -8);
    assert_int_equal(fg_const_int(read_w(ctx, m), 2), 7);

    t = with_tensor(ctx, &m, FG_FLOAT, 2);
    t->n_float_data = 2;
    t->float_data = pb_copy(ctx, ((const float[]){1.5F, -2}), 8);
    assert_true(fg_const_float(read_w(ctx, m), 1) == -2);
    t = with_tensor(ctx, &m, FG_DOUBLE, 2);
    t->n_double_data = 2;
    t->double_data = pb_copy(ctx, ((const double[]){1.5, 0.1}), 16);
    assert_true(fg_const_float(read_w(ctx, m), 1) == 0.1);
    t = with_tensor(ctx, &m, FG_INT64, 2);
    t->n_int64_data = 2;
    t->int64_data = pb_copy(ctx, ((const int64_t[]){INT64_MIN, 3}), 16);
    assert_true(fg_const_int(read_w(ctx, m), 0) == INT64_MIN);
    t = with_tensor(ctx, &m, FG_UINT32, 2);
    t->n_uint64_data = 2;
    t->uint64_data = pb_copy(ctx, ((const uint64_t[]){4000000000U, 3}), 16);
    assert_true(fg_const_int(read_w(ctx, m), 0) == 4000000000);
    t = with_tensor(ctx, &m, FG_STRING, 2);
    for (int i = 0; i < 2; i++) {
        ProtobufCBinaryData s = {2, (uint8_t *)fg_strdup(ctx, i ? "cd" : "ab")};
        PB_ADD(ctx, t->string_data, t->n_string_data, s);
    }
    assert_string_equal(((const char *const *)read_w(ctx, m)->data)[1], "cd");
}

static void raw_data_of_any_size_are_read(void **state) {
    fg_context *ctx = *state;
    static double numbers[1000];
    for (int i = 0; i < 1000; i++) numbers[i] = i * 0.25;
    for (int64_t n = 1; n <= 1000; n += 333) {
        Onnx__ModelProto *m;
        Onnx__TensorProto *t = with_tensor(ctx, &m, FG_DOUBLE, n);
        pb_raw(ctx, t, numbers, (size_t)n * 8);
        const fg_value *w = read_w(ctx, m);
        assert_int_equal((uintptr_t)w->data % 8, 0);
        assert_memory_equal(w->data, numbers, (size_t)n * 8);
    }
}

static void data_that_do_not_fit_the_shape_are_refused(void **state) {
    fg_context *ctx = *state;
    Onnx__ModelProto *m;
    static const uint8_t zeros[8000];
    pb_raw(ctx, with_tensor(ctx, &m, FG_FLOAT, 3), zeros, 8);
    refused(ctx, m, FG_BAD_MODEL, "tensor 'w' has 8 bytes of data");
    pb_raw(ctx, with_tensor(ctx, &m, FG_FLOAT, 3), zeros, 8000);
    refused(ctx, m, FG_BAD_MODEL, "tensor 'w' has 8000 bytes of data");
    with_tensor(ctx, &m, FG_FLOAT, 3);
    refused(ctx, m, FG_BAD_MODEL, "tensor 'w' has 0 elements");
    with_tensor(ctx, &m, FG_FLOAT, -3);
    refused(ctx, m, FG_BAD_MODEL, "negative dimension");
    with_tensor(ctx, &m, FG_FLOAT, INT64_MAX);
    refused(ctx, m, FG_UNSUPPORTED, "more elements than the limit");
    with_tensor(ctx, &m, 77, 1);
    refused(ctx, m, FG_UNSUPPORTED, "element type 77");
    Onnx__TensorProto *t = with_tensor(ctx, &m, FG_FLOAT, 1);
    t->n_dims = 9;
    t->dims = FG_ARRAY(ctx, 9, int64_t);
    refused(ctx, m, FG_UNSUPPORTED, "9 dimensions");
    with_tensor(ctx, &m, FG_FLOAT, 0); /* empty is fine */
    assert_int_equal(fg_shape_count(&read_w(ctx, m)->shape), 0);
}

static void sparse_initializers_become_dense(void **state) {
    fg_context *ctx = *state;
    for (int rows = 0; rows < 2; rows++) {
        Onnx__ModelProto *m = relu(ctx, "1");
        Onnx__SparseTensorProto *s = PB_NEW(ctx, Onnx__SparseTensorProto, ONNX__SPARSE_TENSOR_PROTO__INIT);
        s->values = pb_make_tensor(ctx, "w", FG_FLOAT, 1, (const int64_t[]){2});
        pb_raw(ctx, s->values, (const float[]){5, 7}, 8);
        s->indices = pb_make_tensor(ctx, "", FG_INT64, 1 + rows, (const int64_t[]){2, 2});
        s->indices->n_int64_data = rows ? 4 : 2;
        int64_t *at = pb_copy(ctx, rows ? (const int64_t[]){0, 1, 1, 2} : (const int64_t[]){1, 5, 0, 0}, 32);
        s->indices->int64_data = at;
        s->n_dims = 2;
        s->dims = pb_copy(ctx, ((const int64_t[]){2, 3}), 16);
        PB_ADD(ctx, m->graph->sparse_initializer, m->graph->n_sparse_initializer, s);
        static const float want[] = {0, 5, 0, 0, 0, 7};
        assert_memory_equal(read_w(ctx, m)->data, want, sizeof want);
        at[rows ? 3 : 1] = 6;
        refused(ctx, m, FG_BAD_MODEL, "out of range");
        at[rows ? 3 : 1] = -1;
        refused(ctx, m, FG_BAD_MODEL, "out of range");
    }
}

static void parameters_leave_statistics_out(void **state) {
    fg_context *ctx = *state;
    Onnx__ModelProto *m = pb_model(ctx, 17);
    static const char *const names[] = {"scale", "bias", "mean", "var", "w"};
    static const float data[4];
    static const int64_t four = 4;
    pb_input(ctx, m, "x", FG_FLOAT, "1x4x1x1");
    for (int i = 0; i < 5; i++) pb_raw(ctx, pb_tensor(ctx, m, names[i], FG_FLOAT, 1, &four), data, 16);
    pb_raw(ctx, pb_tensor(ctx, m, "shape", FG_INT64, 1, &four), (const int64_t[]){1, 4, 1, 1}, 32);
    pb_node(ctx, m, "Identity", "var", "var_alias");
    pb_node(ctx, m, "BatchNormalization", "x scale bias mean var_alias", "n");
    pb_node(ctx, m, "Reshape", "n shape", "r");
    pb_node(ctx, m, "Add", "r w", "y");
    pb_output(ctx, m, "y");
    for (int i = 0; i < 5; i++) pb_input(ctx, m, names[i], FG_FLOAT, "4"); /* as IR 3 lists them */
    fg_graph *g = read_it(ctx, m);
    assert_int_equal(g->parameters, 12);
    assert_int_equal(g->n_inputs, 1);
}

/* ---- dimensions ---- */

static void dynamic_dimensions_are_pinned(void **state) {
    fg_context *ctx = *state;
    Onnx__ModelProto *m = relu(ctx, "batchx3xheight");
    const fg_diagnostic *d = refused(ctx, m, FG_UNSUPPORTED, "input 'x' has the dynamic dimension 'batch'");
    assert_string_equal(d->remedy, "pin it with --dim batch=1");
    const fg_dim_binding dims[] = {{"batch", 2}, {"height", 5}};
    const fg_graph *g = read_with(ctx, m, &(fg_read_options){.dims = dims, .n_dims = 2});
    assert_string_equal(fg_shape_text(ctx, &g->inputs[0]->shape), "2x3x5");
    assert_string_equal(g->inputs[0]->dim_name[0], "batch");
    assert_null(g->inputs[0]->dim_name[1]);
    const fg_dim_binding unknown = {"width", 2};
    refused_with(ctx, m, &(fg_read_options){.dims = &unknown, .n_dims = 1}, FG_USAGE,
                 "no dynamic dimension 'width'; there are 'batch', 'height'");

    m = relu(ctx, "?x3");
    d = refused(ctx, m, FG_UNSUPPORTED, "dynamic dimension without a name");
    assert_string_equal(d->remedy, "pin it with --shape x=1x3");
    const fg_shape_binding shape = {"x", {2, {4, 3}}}, rank = {"x", {1, {4}}}, other = {"z", {1, {4}}};
    g = read_with(ctx, m, &(fg_read_options){.shapes = &shape, .n_shapes = 1});
    assert_string_equal(fg_shape_text(ctx, &g->inputs[0]->shape), "4x3");
    refused_with(ctx, m, &(fg_read_options){.shapes = &rank, .n_shapes = 1}, FG_USAGE, "has 2 dimensions");
    refused_with(ctx, m, &(fg_read_options){.shapes = &other, .n_shapes = 1}, FG_USAGE,
                 "no input 'z'; there are 'x'");

    refused(ctx, relu(ctx, "1x-3"), FG_BAD_MODEL, "negative dimension");
    refused(ctx, relu(ctx, NULL), FG_UNSUPPORTED, "no declared shape");
    refused(ctx, relu(ctx, "4000000000x4000000000"), FG_UNSUPPORTED, "more elements than the limit");
}

static void declared_shapes_are_kept_unless_stale(void **state) {
    fg_context *ctx = *state;
    Onnx__ModelProto *m = relu(ctx, "batchx3");
    pb_node(ctx, m, "Neg", "y", "z");
    m->graph->n_output = 0;
    PB_ADD(ctx, m->graph->output, m->graph->n_output, pb_info(ctx, "z", FG_FLOAT, "4x3"));
    PB_ADD(ctx, m->graph->value_info, m->graph->n_value_info, pb_info(ctx, "y", FG_FLOAT, "batchx3"));
    const fg_shape_binding pins = {"x", {2, {4, 3}}}, changes = {"x", {2, {4, 5}}};
    fg_graph *g = read_with(ctx, m, &(fg_read_options){.shapes = &pins, .n_shapes = 1});
    assert_true(g->outputs[0]->shape_declared);
    assert_string_equal(fg_shape_text(ctx, &g->outputs[0]->shape), "4x3");
    assert_false(fg_graph_find(g, "y")->shape_declared); /* not fully static */
    g = read_with(ctx, m, &(fg_read_options){.shapes = &changes, .n_shapes = 1});
    assert_false(g->outputs[0]->shape_declared);
    assert_int_equal(g->outputs[0]->dtype, FG_FLOAT);
}

static void inputs_are_bound_to_constants(void **state) {
    fg_context *ctx = *state;
    Onnx__ModelProto *m = relu(ctx, "1");
    pb_input(ctx, m, "shape", FG_INT64, "2");
    pb_node(ctx, m, "Reshape", "x shape", "r");
    int64_t data[] = {1, 1};
    fg_const_binding c = {"shape", {FG_INT64, {1, {2}}, data}};
    fg_read_options o = {.consts = &c, .n_consts = 1};
    fg_graph *g = read_with(ctx, m, &o);
    assert_int_equal(g->n_inputs, 1);
    assert_ptr_equal(fg_graph_find(g, "shape")->data, data);
    c.tensor.dtype = FG_INT32;
    refused_with(ctx, m, &o, FG_USAGE, "input 'shape' is of int64");
    c.tensor.dtype = FG_INT64;
    c.tensor.shape.dim[0] = 1;
    refused_with(ctx, m, &o, FG_USAGE, "has shape 1");
    c.input = "nothing";
    refused_with(ctx, m, &o, FG_USAGE, "no input 'nothing'");
}

/* ---- functions and graphs in attributes ---- */

static Onnx__FunctionProto *function(fg_context *ctx, Onnx__ModelProto *m, const char *name, const char *in,
                                     const char *out) {
    Onnx__FunctionProto *f = PB_NEW(ctx, Onnx__FunctionProto, ONNX__FUNCTION_PROTO__INIT);
    f->name = fg_strdup(ctx, name);
    f->domain = fg_strdup(ctx, "local");
    pb_names(ctx, in, &f->input, &f->n_input);
    pb_names(ctx, out, &f->output, &f->n_output);
    PB_ADD(ctx, m->functions, m->n_functions, f);
    return f;
}

static Onnx__NodeProto *body_node(fg_context *ctx, Onnx__FunctionProto *f, const char *op, const char *in,
                                  const char *out) {
    Onnx__NodeProto *n = pb_make_node(ctx, op, in, out);
    PB_ADD(ctx, f->node, f->n_node, n);
    return n;
}

static Onnx__NodeProto *call(fg_context *ctx, Onnx__ModelProto *m, const char *name, const char *in,
                             const char *out) {
    Onnx__NodeProto *n = pb_node(ctx, m, name, in, out);
    n->domain = fg_strdup(ctx, "local");
    return n;
}

static const char *dumped(fg_context *ctx, const fg_graph *g) {
    fg_text t = fg_text_new(ctx);
    fg_graph_dump(g, &t);
    return t.data;
}

static void functions_are_inlined(void **state) {
    fg_context *ctx = *state;
    Onnx__ModelProto *m = relu(ctx, "2");
    Onnx__FunctionProto *leaky = function(ctx, m, "Leaky", "a b", "r");
    pb_attr(ctx, body_node(ctx, leaky, "LeakyRelu", "a", "t"), "alpha", 1)->ref_attr_name =
        fg_strdup(ctx, "slope");
    body_node(ctx, leaky, "Clip", "t - b", "r");
    Onnx__AttributeProto *standard = pb_attr(ctx, NULL, "slope", 1);
    standard->has_f = 1;
    standard->f = 0.25F;
    PB_ADD(ctx, leaky->attribute_proto, leaky->n_attribute_proto, standard);
    Onnx__FunctionProto *twice = function(ctx, m, "Twice", "a", "r same");
    for (int i = 0; i < 2; i++) {
        Onnx__NodeProto *n = body_node(ctx, twice, "Leaky", i ? "t" : "a", i ? "r" : "t");
        n->domain = fg_strdup(ctx, "local");
        n->name = fg_strdup(ctx, i ? "second" : "first");
        if (!i) pb_attr(ctx, n, "slope", 1)->f = 0.5F, n->attribute[0]->has_f = 1;
    }
    twice->output[1] = fg_strdup(ctx, "a"); /* hands its input through */
    call(ctx, m, "Twice", "y", "z q")->name = fg_strdup(ctx, "call");
    pb_output(ctx, m, "z");
    pb_output(ctx, m, "q");
    const char *text = dumped(ctx, read_it(ctx, m));
    assert_string_equal(text, "input %x: float[2]\n"
                              "%y: float = Relu(\"\") (%x)\n"
                              "%q: float = Identity(\"\") (%y)\n"
                              "%call/first/t: undefined = LeakyRelu(\"\") (%y) {alpha=0.5}\n"
                              "%call/t: undefined = Clip(\"\") (%call/first/t)\n"
                              "%call/second/t: undefined = LeakyRelu(\"\") (%call/t) {alpha=0.25}\n"
                              "%z: float = Clip(\"\") (%call/second/t)\n"
                              "output %y: float\noutput %z: float\noutput %q: float\n");
}

static void names_of_inlined_values_do_not_clash(void **state) {
    fg_context *ctx = *state;
    Onnx__ModelProto *m = relu(ctx, "2");
    Onnx__FunctionProto *f = function(ctx, m, "F", "a", "r");
    body_node(ctx, f, "Neg", "a", "t");
    body_node(ctx, f, "Abs", "t", "r");
    for (int i = 0; i < 2; i++) call(ctx, m, "F", i ? "u" : "y", i ? "z" : "u")->name = fg_strdup(ctx, "c");
    pb_node(ctx, m, "Relu", "z", "c/t"); /* a later value of the main graph keeps its name */
    pb_output(ctx, m, "c/t");
    fg_graph *g = read_it(ctx, m);
    assert_string_equal(g->outputs[1]->name, "c/t");
    assert_int_equal(g->n_nodes, 6);
    assert_non_null(fg_graph_find(g, "c/t_2"));
    assert_non_null(fg_graph_find(g, "c/t_3"));
}

static void broken_functions_are_refused(void **state) {
    fg_context *ctx = *state;
    Onnx__ModelProto *m = relu(ctx, "2");
    Onnx__FunctionProto *f = function(ctx, m, "F", "a", "r"), *g = function(ctx, m, "G", "a", "r");
    body_node(ctx, f, "G", "a", "r")->domain = fg_strdup(ctx, "local");
    Onnx__NodeProto *inner = body_node(ctx, g, "F", "a", "r");
    inner->domain = fg_strdup(ctx, "local");
    Onnx__NodeProto *n = call(ctx, m, "F", "y", "z");
    refused(ctx, m, FG_BAD_MODEL, "calls itself");
    inner->op_type = fg_strdup(ctx, "Neg");
    inner->domain = NULL;
    read_it(ctx, m);
    pb_names(ctx, "y", &n->input, &n->n_input);
    refused(ctx, m, FG_BAD_MODEL, "takes 1 inputs, the node gives 2");
    n->n_input = 1;
    inner->output[0] = fg_strdup(ctx, "other");
    refused(ctx, m, FG_BAD_MODEL, "does not produce its output 'r'");
    inner->output[0] = fg_strdup(ctx, "r");
    inner->input[0] = fg_strdup(ctx, "x"); /* of the main graph: not visible */
    refused(ctx, m, FG_BAD_MODEL, "reads 'x', which nothing produces");
}

/* 10 calls in each of 30 functions: 10^30 nodes. */
static void functions_that_multiply_are_refused(void **state) {
    fg_context *ctx = *state;
    Onnx__ModelProto *m = relu(ctx, "2");
    for (int i = 0; i < 30; i++) {
        Onnx__FunctionProto *f = function(ctx, m, fg_format(ctx, "F%d", i), "a", "r0");
        for (int k = 9; k >= 0; k--) {
            Onnx__NodeProto *n =
                body_node(ctx, f, fg_format(ctx, "F%d", i + 1), "a", fg_format(ctx, "r%d", k));
            n->domain = fg_strdup(ctx, "local");
        }
    }
    body_node(ctx, function(ctx, m, "F30", "a", "r"), "Neg", "a", "r");
    call(ctx, m, "F0", "y", "z");
    refused(ctx, m, FG_UNSUPPORTED, "more than 250000 nodes");
}

/* Long names, once in each of many inlined bodies, and one large graph that many nodes share. */
static void small_files_that_grow_are_refused(void **state) {
    fg_context *ctx = *state;
    Onnx__ModelProto *m = relu(ctx, "2");
    char *name = FG_ARRAY(ctx, 100001, char);
    memset(name, 'n', 100000);
    Onnx__FunctionProto *f = function(ctx, m, "F", "a", "r");
    body_node(ctx, f, "Neg", "a", "r")->name = name;
    for (int i = 0; i < 20000; i++) call(ctx, m, "F", "y", fg_format(ctx, "z%d", i));
    refused(ctx, m, FG_UNSUPPORTED, "too large with its functions inlined");

    m = relu(ctx, "2");
    f = function(ctx, m, "F", "a", "r");
    Onnx__ModelProto *branch = pb_model(ctx, 17);
    for (int i = 0; i < 3000; i++) {
        pb_node(ctx, branch, "Neg", "y", fg_format(ctx, "b%d", i));
        pb_attr(ctx, body_node(ctx, f, "If", "a", i ? fg_format(ctx, "r%d", i) : "r"), "then_branch", 5)
            ->ref_attr_name = fg_strdup(ctx, "g");
    }
    pb_attr(ctx, call(ctx, m, "F", "y", "z"), "g", 5)->g = branch->graph;
    refused(ctx, m, FG_UNSUPPORTED, "too large with its functions inlined");
}

static void graphs_in_attributes_are_read(void **state) {
    fg_context *ctx = *state;
    Onnx__ModelProto *m = relu(ctx, "2");
    pb_input(ctx, m, "c", FG_BOOL, "");
    Onnx__ModelProto *branch = pb_model(ctx, 17);
    pb_node(ctx, branch, "Add", "x later", "inner");
    pb_output(ctx, branch, "inner");
    Onnx__NodeProto *n = pb_node(ctx, m, "If", "c", "z");
    pb_attr(ctx, n, "then_branch", 5)->g = branch->graph;
    pb_node(ctx, m, "Neg", "y", "later"); /* outer values may be made after the node in the file */
    pb_output(ctx, m, "z");
    fg_graph *g = read_it(ctx, m);
    assert_string_equal(g->nodes[1]->op_type, "Neg");
    assert_string_equal(g->nodes[2]->op_type, "If");
    const fg_graph *inner = g->nodes[2]->attr[0].graph;
    assert_ptr_equal(inner->nodes[0]->in[0], g->inputs[0]);
    branch->graph->node[0]->input[1] = fg_strdup(ctx, "ghost");
    refused(ctx, m, FG_BAD_MODEL, "reads 'ghost'");
}

static void attributes_of_every_type_are_read(void **state) {
    fg_context *ctx = *state;
    Onnx__ModelProto *m = relu(ctx, "2");
    Onnx__NodeProto *n = m->graph->node[0];
    Onnx__AttributeProto *a = pb_attr(ctx, n, "i", 0); /* without a type, as old exporters wrote */
    a->has_i = 1;
    a->i = -7;
    a = pb_attr(ctx, n, "s", 3);
    a->has_s = 1;
    a->s = (ProtobufCBinaryData){3, (uint8_t *)fg_strdup(ctx, "abc")};
    a = pb_attr(ctx, n, "fs", 6);
    PB_ADD(ctx, a->floats, a->n_floats, 0.5F);
    a = pb_attr(ctx, n, "is", 7);
    for (int i = 0; i < 3; i++) PB_ADD(ctx, a->ints, a->n_ints, i);
    a = pb_attr(ctx, n, "t", 4);
    a->t = pb_make_tensor(ctx, "", FG_FLOAT, 0, NULL);
    pb_raw(ctx, a->t, (const float[]){2.5F}, 4);
    a = pb_attr(ctx, n, "tp", 13);
    fg_graph *g = read_it(ctx, m);
    n = NULL;
    const fg_node *node = g->nodes[0];
    assert_int_equal(fg_attr_int(node, "i", 0), -7);
    assert_string_equal(fg_attr_string(node, "s", ""), "abc");
    assert_int_equal(fg_node_attr(node, "s")->s_len, 3);
    assert_true(fg_node_attr(node, "fs")->floats[0] == 0.5F);
    assert_int_equal(fg_node_attr(node, "is")->ints[2], 2);
    assert_true(fg_const_float(fg_node_attr(node, "t")->tensor, 0) == 2.5);
    assert_int_equal(fg_node_attr(node, "tp")->type, FG_ATTR_OTHER);
}

/* ---- external data ---- */

static Onnx__ModelProto *external(fg_context *ctx, const char *location, const char *offset,
                                  const char *length) {
    Onnx__ModelProto *m;
    Onnx__TensorProto *t = with_tensor(ctx, &m, FG_FLOAT, 2);
    pb_entry(ctx, t, "location", location);
    if (offset) pb_entry(ctx, t, "offset", offset);
    if (length) pb_entry(ctx, t, "length", length);
    return m;
}

static void external_data_are_read(void **state) {
    fg_context *ctx = *state;
    static const float data[] = {1, 2, 3, 4};
    mkdir("reader_test_data", 0777);
    pb_write("reader_test_data/w.bin", data, sizeof data);
    assert_memory_equal(read_w(ctx, external(ctx, "reader_test_data/w.bin", "8", "8"))->data, data + 2, 8);
    assert_memory_equal(read_w(ctx, external(ctx, "./reader_test_data/w.bin", NULL, "8"))->data, data, 8);
    const fg_value *odd = read_w(ctx, external(ctx, "reader_test_data/w.bin", "3", NULL));
    assert_int_equal((uintptr_t)odd->data % 4, 0);
    assert_memory_equal(odd->data, (const char *)data + 3, 8);
}

static void external_data_stay_in_the_folder_and_the_file(void **state) {
    fg_context *ctx = *state;
    static const float data[] = {1, 2, 3, 4};
    pb_write("reader_test_data/w.bin", data, sizeof data);
    refused(ctx, external(ctx, "/etc/hostname", NULL, NULL), FG_BAD_MODEL, "not inside the model's folder");
    refused(ctx, external(ctx, "../w.bin", NULL, NULL), FG_BAD_MODEL, "not inside the model's folder");
    refused(ctx, external(ctx, "reader_test_data/../../w.bin", NULL, NULL), FG_BAD_MODEL, "not inside");
    refused(ctx, external(ctx, "", NULL, NULL), FG_BAD_MODEL, "not inside the model's folder");
    refused(ctx, external(ctx, "missing.bin", NULL, NULL), FG_BAD_MODEL, "cannot be read");
    refused(ctx, external(ctx, "reader_test_data", NULL, NULL), FG_BAD_MODEL, "not a regular file");
    unlink("reader_test_link");
    assert_int_equal(symlink("/etc/hostname", "reader_test_link"), 0);
    refused(ctx, external(ctx, "reader_test_link", NULL, NULL), FG_BAD_MODEL,
            "lead out of the model's folder");
    unlink("reader_test_pipe");
    assert_int_equal(mkfifo("reader_test_pipe", 0600), 0);
    refused(ctx, external(ctx, "reader_test_pipe", NULL, NULL), FG_BAD_MODEL, "not a regular file");
    const char *w = "reader_test_data/w.bin";
    refused(ctx, external(ctx, w, "12", "8"), FG_BAD_MODEL, "beyond its end");
    refused(ctx, external(ctx, w, "9223372036854775807", "8"), FG_BAD_MODEL, "beyond its end");
    refused(ctx, external(ctx, w, "99999999999999999999", "8"), FG_BAD_MODEL, "no size");
    refused(ctx, external(ctx, w, "-4", "8"), FG_BAD_MODEL, "no size");
    refused(ctx, external(ctx, w, "0", "9223372036854775807"), FG_BAD_MODEL, "beyond its end");
    refused(ctx, external(ctx, w, "0", "12"), FG_BAD_MODEL, "12 bytes of data");
    refused(ctx, external(ctx, w, "zero", "8"), FG_BAD_MODEL, "no size");
}

/* ---- tensor files ---- */

static fg_status read_npy(fg_context *ctx, const char *header, const void *data, size_t size,
                          fg_tensor *out) {
    uint8_t file[512] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
    size_t n = strlen(header);
    file[8] = (uint8_t)n;
    memcpy(file + 10, header, n);
    memcpy(file + 10 + n, data, size);
    pb_write("reader_test.npy", file, 10 + n + size);
    reading r = {.path = "reader_test.npy"};
    fg_status status = fg_try(ctx, tensor_body, &r);
    *out = r.tensor;
    return status;
}

static void npy_files_are_read(void **state) {
    fg_context *ctx = *state;
    static const float data[] = {1, 2, 3, 4, 5, 6};
    static const uint8_t bools[] = {0, 1, 2};
    fg_tensor t;
    assert_int_equal(
        read_npy(ctx, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", data, 24, &t), FG_OK);
    assert_int_equal(t.dtype, FG_FLOAT);
    assert_string_equal(fg_shape_text(ctx, &t.shape), "2x3");
    assert_memory_equal(t.data, data, 24);
    assert_int_equal(read_npy(ctx, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }\n", data, 4, &t),
                     FG_OK);
    assert_int_equal(t.shape.rank, 0);
    assert_int_equal(read_npy(ctx, "{'shape': (3,), 'fortran_order': True, 'descr': '|b1'}", bools, 3, &t),
                     FG_OK);
    assert_int_equal(((const uint8_t *)t.data)[2], 1);
    assert_int_equal(
        read_npy(ctx, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n", data, 24, &t),
        FG_UNSUPPORTED);
    assert_non_null(strstr(fg_context_diagnostic(ctx)->remedy, "ascontiguousarray"));
    static const char *const broken[] = {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }",
                                         "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3",
                                         "{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3), }",
                                         "{'descr': '<f4', 'fortran_order': False}",
                                         "{'descr': '<f4",
                                         "{'descr'",
                                         ""};
    for (size_t i = 0; i < FG_COUNT(broken); i++)
        assert_int_not_equal(read_npy(ctx, broken[i], data, 24, &t), FG_OK);
    assert_int_equal(
        read_npy(ctx, "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", data, 24, &t),
        FG_UNSUPPORTED);
    assert_int_equal(read_npy(ctx,
                              "{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999)}",
                              data, 24, &t),
                     FG_UNSUPPORTED);
}

static void pb_files_are_read(void **state) {
    fg_context *ctx = *state;
    static float data[2000];
    data[1999] = 3;
    Onnx__TensorProto *t = pb_make_tensor(ctx, "t", FG_FLOAT, 1, (const int64_t[]){2000});
    pb_raw(ctx, t, data, sizeof data);
    pb_save(ctx, t, "reader_test.pb");
    reading r = {.path = "reader_test.pb"};
    assert_int_equal(fg_try(ctx, tensor_body, &r), FG_OK);
    assert_int_equal(r.tensor.shape.dim[0], 2000);
    assert_memory_equal(r.tensor.data, data, sizeof data);
    pb_write("reader_test.pb", "", 0);
    assert_int_equal(fg_try(ctx, tensor_body, &r), FG_BAD_MODEL);
    r.path = "reader_test.txt";
    assert_int_equal(fg_try(ctx, tensor_body, &r), FG_USAGE);
    r.path = "reader_no_such_file.npy";
    assert_int_equal(fg_try(ctx, tensor_body, &r), FG_USAGE);
}

/* ---- hostile files ---- */

/* A model with everything in it: functions, graphs in attributes, tensors, fills, sparse and external data.
 */
static Onnx__ModelProto *rich_model(fg_context *ctx) {
    Onnx__ModelProto *m = relu(ctx, "2xbatch");
    static uint8_t zeros[8000];
    pb_raw(ctx, pb_tensor(ctx, m, "big", FG_FLOAT, 1, (const int64_t[]){2000}), zeros, 8000);
    pb_tensor(ctx, m, "made", FG_FLOAT, 2, (const int64_t[]){8, 8})->doc_string =
        fg_strdup(ctx, "fill n 0 1 c0");
    Onnx__TensorProto *t = pb_tensor(ctx, m, "typed", FG_INT64, 1, (const int64_t[]){3});
    for (int i = 0; i < 3; i++) PB_ADD(ctx, t->int64_data, t->n_int64_data, i * 1000);
    Onnx__FunctionProto *f = function(ctx, m, "F", "a", "r");
    pb_attr(ctx, body_node(ctx, f, "LeakyRelu", "a", "r"), "alpha", 1)->ref_attr_name =
        fg_strdup(ctx, "slope");
    call(ctx, m, "F", "y", "z");
    Onnx__ModelProto *branch = pb_model(ctx, 17);
    pb_node(ctx, branch, "Add", "x z", "inner");
    pb_output(ctx, branch, "inner");
    pb_attr(ctx, pb_node(ctx, m, "If", "z", "u"), "then_branch", 5)->g = branch->graph;
    Onnx__AttributeProto *a = pb_attr(ctx, pb_node(ctx, m, "Constant", "", "k"), "value", 4);
    a->t = pb_make_tensor(ctx, "", FG_FLOAT16, 1, (const int64_t[]){9});
    a->t->doc_string = fg_strdup(ctx, "fill u 0 1");
    PB_ADD(ctx, m->graph->value_info, m->graph->n_value_info, pb_info(ctx, "z", FG_FLOAT, "2x3"));
    pb_output(ctx, m, "u");
    return m;
}

/* Reads the bytes in a context of its own; what comes out must be a status and a message, and a graph that
 * can be used. */
static fg_status survive(const uint8_t *data, size_t size) {
    const fg_dim_binding batch = {"batch", 3};
    reading r = {.path = FILE_NAME, .options = {.dims = &batch, .n_dims = 1}};
    fg_context *ctx = fg_context_new();
    assert_non_null(ctx);
    fg_context_limits(ctx)->bytes = 1 << 24;
    pb_write(FILE_NAME, data, size);
    fg_status status = fg_try(ctx, read_body, &r);
    if (status) {
        assert_true(status == FG_BAD_MODEL || status == FG_UNSUPPORTED || status == FG_USAGE);
        assert_string_not_equal(fg_context_diagnostic(ctx)->message, "");
    } else {
        assert_non_null(dumped(ctx, r.graph));
        fg_graph_clone(r.graph);
    }
    fg_context_free(ctx);
    return status;
}

static void truncated_files_are_refused(void **state) {
    uint8_t *data;
    size_t size = pb_pack(*state, rich_model(*state), &data);
    assert_int_equal(survive(data, size), FG_OK);
    int refusals = 0;
    for (size_t i = 0; i < 200; i++) refusals += survive(data, size * i / 200) != FG_OK;
    assert_true(refusals >= 195); /* a cut between top-level fields can leave a model that is whole */
}

static void flipped_bytes_never_crash(void **state) {
    uint8_t *data;
    size_t size = pb_pack(*state, rich_model(*state), &data);
    uint64_t seed = 1;
    int refusals = 0;
    for (int i = 0; i < 2000; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t at = (size_t)(seed >> 33) % size;
        while (i % 2 && data[at] == 0)
            at = (at + 1) % size; /* half of the flips spare the large tensor, which is zero */
        uint8_t kept = data[at];
        data[at] ^= (uint8_t)((seed >> 20 & 0xff) | 1);
        refusals += survive(data, size) != FG_OK;
        data[at] = kept;
    }
    assert_true(refusals > 50);
    /* every byte outside of the large tensor, with the two values that break lengths best */
    for (size_t at = 0; at < size; at++) {
        if (data[at] == 0) continue;
        uint8_t kept = data[at];
        data[at] = kept ^ 0x80;
        survive(data, size);
        data[at] = 0xff;
        survive(data, size);
        data[at] = kept;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_small_model_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(versions_out_of_range_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_structure_names_the_node, setup, teardown),
        cmocka_unit_test_setup_teardown(nodes_out_of_order_are_sorted, setup, teardown),
        cmocka_unit_test_setup_teardown(sequences_are_marked, setup, teardown),
        cmocka_unit_test_setup_teardown(typed_fields_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(raw_data_of_any_size_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(data_that_do_not_fit_the_shape_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(sparse_initializers_become_dense, setup, teardown),
        cmocka_unit_test_setup_teardown(parameters_leave_statistics_out, setup, teardown),
        cmocka_unit_test_setup_teardown(dynamic_dimensions_are_pinned, setup, teardown),
        cmocka_unit_test_setup_teardown(declared_shapes_are_kept_unless_stale, setup, teardown),
        cmocka_unit_test_setup_teardown(inputs_are_bound_to_constants, setup, teardown),
        cmocka_unit_test_setup_teardown(functions_are_inlined, setup, teardown),
        cmocka_unit_test_setup_teardown(names_of_inlined_values_do_not_clash, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_functions_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(functions_that_multiply_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(small_files_that_grow_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(graphs_in_attributes_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(attributes_of_every_type_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(external_data_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(external_data_stay_in_the_folder_and_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(npy_files_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(pb_files_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(truncated_files_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(flipped_bytes_never_crash, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
