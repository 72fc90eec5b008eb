/* Graphs as text: one value or node a line, for people and for tests. */
#include <ctype.h>
#include <string.h>

#include "frontend/frontend.h"

#define SHOWN 8 /* elements of constants and lists */

/* Plain names stand as they are, others in quotes with escapes, so that a line stays a line. */
static void add_text(fg_text *t, const char *s) {
    bool plain = *s != 0;
    for (const char *p = s; *p; p++) plain = plain && (isalnum((unsigned char)*p) || strchr("_./:-", *p));
    if (plain) {
        fg_text_add(t, s);
        return;
    }
    fg_text_add(t, "\"");
    for (const char *p = s; *p; p++) {
        if (*p == '"' || *p == '\\')
            fg_text_printf(t, "\\%c", *p);
        else if (*p < ' ' || *p > '~')
            fg_text_printf(t, "\\x%02x", (unsigned char)*p);
        else
            fg_text_addn(t, p, 1);
    }
    fg_text_add(t, "\"");
}

static void add_value(fg_text *t, const fg_value *v) {
    fg_text_add(t, v ? "%" : "-");
    if (v) add_text(t, v->name);
}

static void add_type(fg_text *t, const fg_value *v) {
    fg_text_printf(t, ": %s", v->is_sequence ? "sequence" : fg_dtype_get(v->dtype)->name);
    if (!v->shape_known || v->is_sequence) return;
    fg_text_add(t, "[");
    for (int i = 0; i < v->shape.rank; i++)
        fg_text_printf(t, "%s%lld", i ? "x" : "", (long long)v->shape.dim[i]);
    fg_text_add(t, "]");
}

static void add_elements(fg_text *t, const fg_value *v) {
    const fg_dtype_info *type = fg_dtype_get(v->dtype);
    int64_t n = v->shape_known ? fg_shape_count(&v->shape) : 0;
    fg_text_add(t, " = [");
    for (int64_t i = 0; i < n && i < SHOWN; i++) {
        if (i) fg_text_add(t, " ");
        if (v->dtype == FG_STRING)
            add_text(t, ((const char *const *)v->data)[i]);
        else if (v->dtype == FG_COMPLEX64 || v->dtype == FG_COMPLEX128)
            fg_text_add(t, "?");
        else if (type->is_float)
            fg_text_printf(t, "%.9g", fg_const_float(v, i));
        else
            fg_text_printf(t, "%lld", (long long)fg_const_int(v, i));
    }
    fg_text_add(t, n > SHOWN ? " ...]" : "]");
}

static void add_indent(fg_text *t, int depth) {
    for (int i = 0; i < depth; i++) fg_text_add(t, "  ");
}

static void add_graph(fg_text *t, const fg_graph *g, int depth);

static void add_list(fg_text *t, const fg_attr *a) {
    fg_text_add(t, "[");
    for (int i = 0; i < a->n && i < SHOWN; i++) {
        if (i) fg_text_add(t, " ");
        if (a->type == FG_ATTR_INTS)
            fg_text_printf(t, "%lld", (long long)a->ints[i]);
        else if (a->type == FG_ATTR_FLOATS)
            fg_text_printf(t, "%.9g", (double)a->floats[i]);
        else
            add_text(t, a->strings[i]);
    }
    fg_text_add(t, a->n > SHOWN ? " ...]" : "]");
}

static void add_attr(fg_text *t, const fg_attr *a, int depth) {
    add_text(t, a->name);
    fg_text_add(t, "=");
    switch (a->type) {
    case FG_ATTR_INT: fg_text_printf(t, "%lld", (long long)a->i); break;
    case FG_ATTR_FLOAT: fg_text_printf(t, "%.9g", (double)a->f); break;
    case FG_ATTR_STRING: add_text(t, a->s); break;
    case FG_ATTR_INTS:
    case FG_ATTR_FLOATS:
    case FG_ATTR_STRINGS: add_list(t, a); break;
    case FG_ATTR_TENSOR:
        fg_text_add(t, "tensor");
        add_type(t, a->tensor);
        add_elements(t, a->tensor);
        break;
    case FG_ATTR_GRAPH:
        fg_text_add(t, "graph (\n");
        add_graph(t, a->graph, depth + 1);
        add_indent(t, depth);
        fg_text_add(t, ")");
        break;
    default: fg_text_add(t, "?"); break;
    }
}

static void add_node(fg_text *t, const fg_node *n, int depth) {
    for (int i = 0; i < n->n_out; i++) {
        if (i) fg_text_add(t, ", ");
        add_value(t, n->out[i]);
        if (n->out[i]) add_type(t, n->out[i]);
    }
    fg_text_add(t, " = ");
    add_text(t, n->op_type);
    fg_text_add(t, "(\"");
    if (*n->domain) add_text(t, n->domain);
    fg_text_add(t, "\"");
    if (n->op) fg_text_printf(t, " since %d", n->op->since);
    fg_text_add(t, ") (");
    for (int i = 0; i < n->n_in; i++) {
        if (i) fg_text_add(t, ", ");
        add_value(t, n->in[i]);
    }
    fg_text_add(t, ")");
    for (int i = 0; i < n->n_attr; i++) {
        fg_text_add(t, i ? ", " : " {");
        add_attr(t, &n->attr[i], depth);
    }
    fg_text_add(t, n->n_attr ? "}\n" : "\n");
}

static void add_graph(fg_text *t, const fg_graph *g, int depth) {
    for (int i = 0; i < g->n_inputs; i++) {
        add_indent(t, depth);
        fg_text_add(t, "input ");
        add_value(t, g->inputs[i]);
        add_type(t, g->inputs[i]);
        fg_text_add(t, "\n");
    }
    for (int i = 0; i < g->n_values; i++) {
        if (!g->values[i]->data || g->values[i]->producer) continue;
        add_indent(t, depth);
        fg_text_add(t, "const ");
        add_value(t, g->values[i]);
        add_type(t, g->values[i]);
        add_elements(t, g->values[i]);
        fg_text_add(t, "\n");
    }
    for (int i = 0; i < g->n_nodes; i++) {
        add_indent(t, depth);
        add_node(t, g->nodes[i], depth);
    }
    for (int i = 0; i < g->n_outputs; i++) {
        add_indent(t, depth);
        fg_text_add(t, "output ");
        add_value(t, g->outputs[i]);
        add_type(t, g->outputs[i]);
        fg_text_add(t, "\n");
    }
}

void fg_graph_dump(const fg_graph *g, fg_text *out) {
    add_graph(out, g, 0);
}
