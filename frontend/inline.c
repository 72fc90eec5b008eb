/* Local functions: their bodies take the place of the nodes that call them. */
#include <string.h>

#include "frontend/reader.h"

#define MAX_CALL_DEPTH 32

static const char *function_key(fg_context *ctx, const char *domain, const char *name, const char *overload) {
    domain = fg_or_empty(domain);
    if (strcmp(domain, "ai.onnx") == 0) domain = "";
    return fg_format(ctx, "%s\n%s\n%s", domain, fg_or_empty(name), fg_or_empty(overload));
}

void fg_collect_functions(fg_reader *r) {
    r->functions.ctx = r->ctx;
    for (size_t i = 0; i < r->model->n_functions; i++) {
        Onnx__FunctionProto *f = r->model->functions[i];
        fg_name *entry = fg_names_at(&r->functions, function_key(r->ctx, f->domain, f->name, f->overload));
        if (entry->value)
            fg_raise(r->ctx, FG_BAD_MODEL, "function '%s' is defined twice", fg_or_empty(f->name));
        entry->value = f;
    }
}

const Onnx__FunctionProto *fg_find_function(const fg_reader *r, const Onnx__NodeProto *node) {
    if (!r->functions.used) return NULL;
    return fg_names_get(&r->functions, function_key(r->ctx, node->domain, node->op_type, node->overload));
}

/* A body written for another version of the standard operators would be read by the wrong definitions. */
static void check_opset(fg_reader *r, const Onnx__FunctionProto *f) {
    for (size_t i = 0; i < f->n_opset_import; i++) {
        const char *domain = fg_or_empty(f->opset_import[i]->domain);
        if (*domain && strcmp(domain, "ai.onnx") != 0) continue;
        if (f->opset_import[i]->version != r->opset && r->opset)
            fg_raise(r->ctx, FG_UNSUPPORTED, "function '%s' is written for opset %lld, the model for %d",
                     fg_or_empty(f->name), (long long)f->opset_import[i]->version, r->opset);
    }
}

static void check_recursion(fg_reader *r, const fg_call *call) {
    for (const fg_call *c = call->outer; c; c = c->outer)
        if (c->function == call->function)
            fg_raise(r->ctx, FG_BAD_MODEL, "function '%s' calls itself", fg_or_empty(call->function->name));
    if (call->depth > MAX_CALL_DEPTH)
        fg_raise(r->ctx, FG_UNSUPPORTED, "functions call functions more than %d deep", MAX_CALL_DEPTH);
}

/* The entry's number tells that the name is an input, which the call may have left out. */
static void bind_inputs(fg_reader *r, const fg_scope *outer, fg_scope *inner, const Onnx__NodeProto *node,
                        const Onnx__FunctionProto *f) {
    if (node->n_input > f->n_input)
        fg_raise(r->ctx, FG_BAD_MODEL, "the function takes %zu inputs, the node gives %zu", f->n_input,
                 node->n_input);
    for (size_t i = 0; i < f->n_input; i++) {
        const char *actual = i < node->n_input ? fg_or_empty(node->input[i]) : "";
        fg_name *formal = fg_names_at(&inner->names, f->input[i]);
        formal->number = 1;
        formal->value = *actual ? fg_scope_read(outer, actual) : NULL;
    }
}

static void bind_outputs(fg_reader *r, const fg_scope *outer, fg_scope *inner, const Onnx__NodeProto *node,
                         const Onnx__FunctionProto *f) {
    if (node->n_output > f->n_output)
        fg_raise(r->ctx, FG_BAD_MODEL, "the function has %zu outputs, the node wants %zu", f->n_output,
                 node->n_output);
    for (size_t i = 0; i < node->n_output; i++) {
        const char *actual = fg_or_empty(node->output[i]);
        if (!*actual) continue;
        fg_value *v = fg_names_get(&outer->names, actual);
        if (v->producer || v->data || v->is_input)
            fg_raise(r->ctx, FG_BAD_MODEL, "'%s' is produced twice", actual);
        fg_name *formal = fg_names_at(&inner->names, f->output[i]);
        if (formal->number && formal->value) { /* handed through */
            fg_value *in = formal->value;
            fg_graph_node(outer->graph, "Identity", 1, &in, 1, &v);
        } else {
            formal->value = v;
        }
    }
}

static void check_outputs(fg_reader *r, const fg_scope *outer, const Onnx__NodeProto *node,
                          const Onnx__FunctionProto *f) {
    for (size_t i = 0; i < node->n_output; i++) {
        const fg_value *v = fg_names_get(&outer->names, fg_or_empty(node->output[i]));
        if (v && !v->producer)
            fg_raise(r->ctx, FG_BAD_MODEL, "function '%s' does not produce its output '%s'",
                     fg_or_empty(f->name), f->output[i]);
    }
}

void fg_inline(fg_reader *r, fg_scope *scope, const Onnx__NodeProto *node, const Onnx__FunctionProto *f,
               const fg_node *call) {
    fg_node with_defaults = *call;
    fg_call c = {.outer = scope->call, .function = f, .depth = scope->call ? scope->call->depth + 1 : 1};
    fg_scope inner = {.graph = scope->graph, .names = {.ctx = r->ctx}, .call = &c};
    check_recursion(r, &c);
    check_opset(r, f);
    fg_charge(r, f->n_input + f->n_output + f->n_attribute_proto);
    /* Cut, since names of calls in calls grow; clashes are sorted out where the values are made. */
    inner.prefix = fg_format(r->ctx, "%.240s/", *call->name ? call->name : call->op_type);
    fg_scope defaults = {.graph = scope->graph, .names = {.ctx = r->ctx}, .prefix = inner.prefix};
    fg_read_attrs(r, &defaults, &with_defaults, f->n_attribute_proto, f->attribute_proto, call->op_type);
    c.attr = with_defaults.attr;
    c.n_attr = with_defaults.n_attr;
    bind_inputs(r, scope, &inner, node, f);
    bind_outputs(r, scope, &inner, node, f);
    fg_read_nodes(r, &inner, f->n_node, f->node);
    fg_context_set_node(r->ctx, call);
    check_outputs(r, scope, node, f);
}
