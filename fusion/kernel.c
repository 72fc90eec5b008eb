/* What reports ask of kernels: bytes, names of boundaries, the dump. */
#include "fusion/kernel.h"

#include <string.h>

#include "fusion/rewrite.h"

const char *fg_boundary_name(fg_boundary b) {
    static const char *const names[] = {"output", "fork", "join", "shape", "no pattern", "budget", "off"};
    return (size_t)b < FG_COUNT(names) ? names[b] : "unknown";
}

const char *const fg_optimize_names[3] = {"speed", "ram", "flash"};

fg_kernel *fg_kernel_new(fg_context *ctx, int n_stages) {
    fg_kernel *k = FG_NEW(ctx, fg_kernel);
    k->stage = FG_ARRAY(ctx, n_stages, fg_stage);
    k->n_stages = n_stages;
    return k;
}

static int64_t value_bytes(const fg_value *v) {
    const fg_dtype stored = v->storage != FG_UNDEFINED ? v->storage : v->dtype;
    return v->is_sequence || !v->shape_known ? 0 : (int64_t)fg_dtype_bytes(stored, fg_shape_count(&v->shape));
}

int64_t fg_kernel_bytes(const fg_kernel *k) {
    int64_t bytes = 0;
    for (int i = 0; i < k->n_in; i++) {
        bytes += value_bytes(k->in[i]);
    }
    for (int i = 0; i < k->n_out; i++) {
        bytes += value_bytes(k->out[i]);
    }
    return bytes;
}

/* Distinct inputs and all outputs of one node. Nodes have few inputs, but for Concat: repeats are looked for
 * nearby only. */
static int64_t node_bytes(const fg_node *n) {
    int64_t bytes = 0;
    for (int i = 0; i < n->n_in; i++) {
        bool repeated = n->in[i] == NULL;
        for (int k = i > 8 ? i - 8 : 0; k < i; k++) {
            repeated = repeated || n->in[k] == n->in[i];
        }
        if (!repeated) {
            bytes += value_bytes(n->in[i]);
        }
    }
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] != NULL) {
            bytes += value_bytes(n->out[i]);
        }
    }
    return bytes;
}

/* Nodes that no implementation runs. */
static bool is_free(const fg_node *n) {
    return fg_is_one_of(n, "Identity Dropout Constant");
}

bool fg_kernel_is_own(const fg_kernel *k) {
    for (int i = 0; i < k->n_nodes; i++) {
        if (k->nodes[i]->n_covers > 0) {
            return false;
        }
    }
    return true;
}

int64_t fg_kernel_bytes_unfused(const fg_kernel *k) {
    const bool own = fg_kernel_is_own(k);
    int64_t bytes = 0;
    for (int i = 0; i < k->n_nodes; i++) {
        const fg_node *n = k->nodes[i];
        for (int c = 0; c < n->n_covers; c++) {
            bytes += is_free(n->covers[c]) ? 0 : node_bytes(n->covers[c]);
        }
        if (n->n_covers == 0 && own) {
            bytes += node_bytes(n);
        }
    }
    return bytes;
}

fg_value *fg_kernel_source(const fg_kernel *k, fg_value *v) {
    while (v->data == NULL && v->producer != NULL) {
        bool mine = false;
        for (int i = 0; i < k->n_nodes; i++) {
            mine = mine || k->nodes[i] == v->producer;
        }
        if (!mine || v->producer->n_in == 0 || v->producer->in[0] == NULL) {
            break;
        }
        if (!fg_is_one_of(v->producer, "Reshape Flatten Squeeze Unsqueeze Transpose")) {
            break;
        }
        v = v->producer->in[0];
    }
    return v;
}

static void dump_values(const char *label, int n, fg_value *const *list, fg_text *out) {
    for (int i = 0; i < n; i++) {
        if (list[i]->data != NULL) {
            continue;
        }
        fg_text_printf(out, " %s %s[%s]", label, list[i]->name, fg_shape_text(out->ctx, &list[i]->shape));
    }
}

void fg_partition_dump(const fg_partition *p, fg_text *out) {
    for (int i = 0; i < p->n_kernels; i++) {
        const fg_kernel *k = p->kernels[i];
        fg_text_printf(out, "%d %s pattern %s lowering %s nodes", k->index, k->name, k->pattern->name,
                       k->lowering != NULL ? k->lowering : "none");
        for (int j = 0; j < k->n_nodes; j++) {
            fg_text_printf(out, "%c%s", j == 0 ? ' ' : '+', k->nodes[j]->op_type);
        }
        dump_values("in", k->n_in, k->in, out);
        dump_values("out", k->n_out, k->out, out);
        fg_text_printf(out, " macs %lld bytes %lld boundary %s\n", (long long)k->macs,
                       (long long)fg_kernel_bytes(k), fg_boundary_name(k->boundary));
    }
}
