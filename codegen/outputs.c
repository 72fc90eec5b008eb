/* Graph outputs that no kernel writes. */
#include "codegen/planner.h"

static int first_with(const fg_graph *g, const fg_value *v) {
    int i = 0;
    while (g->outputs[i] != v) i++;
    return i;
}

void fg_place_output_constants(fg_planner *p) {
    for (int i = 0; i < p->graph->n_outputs; i++)
        if (p->graph->outputs[i]->data && fg_shape_count(&p->graph->outputs[i]->shape) > 0)
            fg_place_constant(p, p->graph->outputs[i]);
}

void fg_output_copies(fg_planner *p, int output, fg_text *out) {
    const fg_graph *g = p->graph;
    const fg_value *v = g->outputs[output];
    const long long bytes = (long long)fg_dtype_bytes(v->dtype, fg_shape_count(&v->shape));
    if (bytes == 0) return;
    const int first = first_with(g, v);
    if (v->data) {
        fg_text_printf(out, "    memcpy(call.out[%d], call.weights + %lld, %lld);\n", output,
                       (long long)p->constant_at[v->id], bytes);
    } else if (v->is_input) {
        int i = 0;
        while (g->inputs[i] != v) i++;
        fg_text_printf(out, "    memcpy(call.out[%d], call.in[%d], %lld);\n", output, i, bytes);
    } else if (first != output) {
        fg_text_printf(out, "    memcpy(call.out[%d], call.out[%d], %lld);\n", output, first, bytes);
    }
}
