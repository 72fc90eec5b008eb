/* Canonical forms: a table of rewrites, applied through a worklist until nothing changes. */
#include "fusion/expand.h"
#include "fusion/extents.h"
#include "fusion/kernel.h"
#include "fusion/rounding.h"

#include <string.h>

/* Order matters where forms overlap: no-ops go first, so that the others see through them. */
static const fg_rewrite rewrites[] = {
    {"expand", NULL, true, fg_rw_expand},
    {"identity", "Identity", true, fg_rw_identity},
    {"dropout", "Dropout", true, fg_rw_dropout},
    {"same_shape", "Reshape Flatten Squeeze Unsqueeze Expand Tile CenterCropPad", false, fg_rw_same_shape},
    {"noop_cast", "Cast CastLike", false, fg_rw_noop_cast},
    {"noop_transpose", "Transpose", false, fg_rw_noop_transpose},
    {"noop_slice", "Slice", false, fg_rw_noop_slice},
    {"noop_pad", "Pad", false, fg_rw_noop_pad},
    {"noop_pool", "MaxPool AveragePool", false, fg_rw_noop_pool},
    {"neutral", "Mul Div Add Sub", false, fg_rw_neutral},
    {"single_operand", "Concat Sum Max Min Mean", false, fg_rw_single_operand},
    {"sum_of_two", "Sum", false, fg_rw_sum_of_two},
    {"merge_transposes", "Transpose", false, fg_rw_merge_transposes},
    {"unit_transpose", "Transpose", false, fg_rw_unit_transpose},
    {"pixel_shuffle", "Reshape", false, fg_rw_pixel_shuffle},
    {"merge_views", "Reshape Flatten Squeeze Unsqueeze", false, fg_rw_merge_views},
    {"gather_one", "Gather", false, fg_rw_gather_one},
    {"unit_views", "Reshape", false, fg_rw_unit_views},
    {"explicit_pads", "Conv MaxPool AveragePool", false, fg_rw_explicit_pads},
    {"pad_into_window", "Conv MaxPool AveragePool", false, fg_rw_pad_into_window},
    {"global_pool", "ReduceMean AveragePool", false, fg_rw_global_pool},
    {"activation", "Mul Div", false, fg_rw_activation},
    {"layer_norm", "Div", false, fg_rw_layer_norm},
    {"layer_norm_affine", "Mul Add", false, fg_rw_layer_norm_affine},
    {"group_norm", "Reshape", false, fg_rw_group_norm},
    {"group_norm_affine", "Mul Add", false, fg_rw_group_norm_affine},
    {"focus", "Conv", false, fg_rw_focus},
    {"rms_norm", "Mul Div", false, fg_rw_rms_norm},
    {"rms_norm_scale", "Mul", false, fg_rw_rms_norm_scale},
    {"scatter_slices", "ScatterElements", false, fg_rw_scatter_slices},
    {"hoist_factor", "MatMul", false, fg_rw_hoist_factor},
    {"gemm_factors", "Gemm", false, fg_rw_gemm_factors},
    {"fold_batch_norm", "BatchNormalization", false, fg_rw_fold_batch_norm},
    {"fold_affine", "Mul Div Add Sub", false, fg_rw_fold_affine},
    {"sink_view", "Add Sub Mul Div", false, fg_rw_sink_view},
    {"quantised", NULL, false, fg_rw_quantised},
    {"split_batch_norm", "BatchNormalization", false, fg_rw_split_batch_norm},
};

/* Tried too once all the forms above have been found. */
static const fg_rewrite late_rewrites[] = {
    {"rows", "Reshape Transpose Concat Slice", false, fg_rw_rows},
};

static bool is_constant_node(const fg_node *n) {
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] != NULL && n->out[i]->data == NULL) {
            return false;
        }
    }
    return true;
}

/* Somebody must write every graph output: an Identity from `from`, which takes over what n covered. */
static void write_output(fg_graph *g, fg_value *from, fg_value *to, const fg_node *n) {
    fg_node *copy = fg_graph_node(g, "Identity", 1, &from, 1, &to);
    copy->op = fg_op_find("", "Identity", g->opset > 0 ? g->opset : 13);
    FG_REQUIRE(g->ctx, "canonical forms", copy->op != NULL);
    copy->index = n != NULL ? n->index : 0;
    copy->name = n != NULL ? n->name : to->name;
    copy->covers = n != NULL ? n->covers : NULL;
    copy->n_covers = n != NULL ? n->n_covers : 0;
}

/* A graph output that a constant node makes: the constant moves to a value of its own, which is copied at run
 * time. */
static void write_constant(fg_graph *g, fg_value *v, const fg_node *n) {
    fg_value *c = fg_graph_const(g, fg_format(g->ctx, "%s/constant", v->name), v->dtype, &v->shape, v->data);
    c->ref = v->ref;
    c->synthetic = v->synthetic;
    for (int i = 0; i < v->n_users; i++) {
        for (int j = 0; j < v->users[i]->n_in; j++) {
            if (v->users[i]->in[j] == v) {
                v->users[i]->in[j] = c;
            }
        }
    }
    v->data = NULL;
    write_output(g, c, v, n);
}

/* Drops the nodes whose outputs are all constant. */
static void drop_constants(fg_graph *g) {
    int kept = 0, n_nodes = g->n_nodes;
    bool *drop = fg_big_alloc(g->ctx, (size_t)n_nodes + 1);
    for (int i = 0; i < n_nodes; i++) {
        fg_node *n = g->nodes[i];
        drop[i] = is_constant_node(n);
        for (int j = 0; drop[i] && j < n->n_out; j++) {
            if (n->out[j] != NULL && n->out[j]->is_output) {
                write_constant(g, n->out[j], n);
            }
        }
    }
    for (int i = 0; i < g->n_nodes; i++) {
        if (i >= n_nodes || !drop[i]) {
            g->nodes[kept++] = g->nodes[i];
        }
    }
    g->n_nodes = kept;
    fg_big_free(g->ctx, drop);
}

/* Graph outputs that are graph inputs or initializers, or that stand in the list twice, get a value of their
 * own. */
static void separate_outputs(fg_graph *g) {
    fg_graph_link(g);
    bool *seen = fg_big_alloc(g->ctx, (size_t)g->n_values + 1);
    for (int i = 0; i < g->n_outputs; i++) {
        fg_value *v = g->outputs[i];
        if (v->producer != NULL && !seen[v->id]) {
            seen[v->id] = true;
            continue;
        }
        fg_value *own = fg_graph_value(g, v->name);
        own->dtype = v->dtype;
        own->shape = v->shape;
        own->shape_known = true;
        own->is_output = true;
        own->ref = v->ref;
        v->is_output = v->producer != NULL;
        g->outputs[i] = own;
        write_output(g, v, own, NULL);
    }
    fg_big_free(g->ctx, seen);
}

static bool try_rewrites(fg_rewriter *rw, fg_node *n, bool fuse, const fg_rewrite *rows, size_t n_rows) {
    for (size_t i = 0; i < n_rows; i++) {
        const fg_rewrite *r = &rows[i];
        if ((!fuse && !r->always) || (r->ops != NULL && !fg_is_one_of(n, r->ops))) {
            continue;
        }
        fg_context_set_node(rw->ctx, n);
        if (r->apply(rw, n)) {
            return true;
        }
    }
    return false;
}

static void rewrite_all(fg_rewriter *rw, bool fuse, bool late, int64_t *budget) {
    for (fg_node *n = fg_rw_pop(rw); n != NULL; n = fg_rw_pop(rw)) {
        if (try_rewrites(rw, n, fuse, rewrites, FG_COUNT(rewrites)) ||
            (late && try_rewrites(rw, n, fuse, late_rewrites, FG_COUNT(late_rewrites)))) {
            fg_rw_push(rw, n);
            FG_REQUIRE(rw->ctx, "canonical forms", (*budget)-- > 0);
        }
    }
}

/* Puts back the nodes that late rewrites look at. */
static void push_late(fg_rewriter *rw) {
    for (int i = 0; i < rw->g->n_nodes; i++) {
        for (size_t k = 0; k < FG_COUNT(late_rewrites); k++) {
            if (fg_is_one_of(rw->g->nodes[i], late_rewrites[k].ops)) {
                fg_rw_push(rw, rw->g->nodes[i]);
            }
        }
    }
}

void fg_canonicalise(fg_graph *g, const fg_fusion_options *options) {
    fg_lower_extents(g);
    drop_constants(g);
    separate_outputs(g);
    fg_graph_prune(g);
    fg_rewriter *rw = fg_rw_new(g);
    int64_t budget =
        1000 + 256 * (int64_t)g->n_nodes; /* every rewrite removes a node or ends a form: far below */
    rewrite_all(rw, options->fuse, false, &budget);
    if (options->fuse) {
        push_late(rw);
        rewrite_all(rw, true, true, &budget);
    }
    fg_context_set_node(g->ctx, NULL);
    if (options->weights != FG_UNDEFINED) {
        g->rounding = fg_round_weights(rw, options->weights);
    }
    fg_rw_finish(rw);
}
