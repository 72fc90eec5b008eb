/* Support vector machines that return probabilities: the coupling of pairs of classes is an iteration, and
 * its end hangs on small differences, so all is computed in double. Others are expanded into products. */
#include "codegen/expr.h"
#include "codegen/moves.h"
#include "frontend/ml.h"

static void emit_floats(fg_emit *e, const char *name, int64_t n, const float *values) {
    float *to = fg_emit_weights(e, name, n);
    for (int64_t i = 0; i < n; i++) {
        to[i] = values[i];
    }
}

static void emit_labels(fg_emit *e, const fg_node *n) {
    const fg_labels l = fg_labels_of(e->ctx, n);
    if (l.strings != NULL) {
        fg_emit_strings(e, "label", l.n, l.strings);
        return;
    }
    int64_t *to = fg_emit_table(e, "label", "int64_t", 8, l.n);
    for (int i = 0; i < l.n; i++) {
        to[i] = l.ints[i];
    }
}

static void emit_tables(fg_emit *e, const fg_svm *s) {
    const int64_t pairs = (int64_t)s->classes * (s->classes - 1) / 2;
    emit_floats(e, "vector", s->vectors * s->features, s->vector);
    emit_floats(e, "coefficient", (int64_t)(s->classes - 1) * s->vectors, s->coefficient);
    emit_floats(e, "rho", pairs, s->rho.at);
    emit_floats(e, "prob_a", pairs, s->prob_a.at);
    emit_floats(e, "prob_b", pairs, s->prob_b.at);
    int32_t *first = fg_emit_table(e, "first", "int32_t", 4, s->classes + 1);
    for (int c = 0; c < s->classes; c++) {
        first[c + 1] = first[c] + (int32_t)s->per_class[c];
    }
    fg_emit_scratch(e, "kernel", "double", 8, s->vectors);
    fg_emit_scratch(e, "score", "double", 8, pairs);
    fg_emit_scratch(e, "q", "double", 8, (int64_t)s->classes * s->classes);
    fg_emit_scratch(e, "r", "double", 8, (int64_t)s->classes * s->classes);
    fg_emit_scratch(e, "p", "double", 8, s->classes);
    fg_emit_scratch(e, "qp", "double", 8, s->classes);
    fg_emit_scratch(e, "votes", "int", 4, s->classes);
}

static const char *stored(const fg_emit *e, const fg_value *v, const char *text) {
    return v != NULL && (v->n_users > 0 || v->is_output) ? fg_format(e->ctx, "%s", text) : "";
}

static void emit(fg_emit *e) {
    const fg_node *n = e->k->stage[0].anchor;
    fg_context *ctx = e->ctx;
    fg_value *x = n->in[0], *y = n->out[0], *z = n->n_out > 1 ? n->out[1] : NULL;
    const fg_svm s = fg_svm_of(ctx, n);
    const fg_rows rows = fg_rows_of(ctx, n);
    FG_REQUIRE(ctx, "svm", s.vectors > 0 && s.prob_a.n > 0);
    if (fg_post_of(ctx, n) != FG_POST_NONE) {
        fg_raise(ctx, FG_UNSUPPORTED, "a post-transform of probabilities is not supported");
    }
    if (rows.rows == 0) {
        fg_line(e, "(void)c; /* no elements */");
        return;
    }
    int64_t xs[FG_MAX_RANK], zs[FG_MAX_RANK] = {0};
    fg_strides_of(e, x, xs);
    fg_emit_input(e, "x", x);
    const char *label = stored(e, y, "y[i0] = label[best];");
    const char *score = "";
    if (*label != '\0') {
        fg_emit_output(e, "y", y);
        emit_labels(e, n);
    }
    if (*stored(e, z, "z") != '\0') {
        fg_emit_output(e, "z", z);
        fg_strides_of(e, z, zs);
        score = fg_format(ctx, "z[(ptrdiff_t)i0 * %lld + i * %lld] = (float)p[i];", (long long)zs[0],
                          (long long)zs[1]);
    }
    emit_tables(e, &s);
    const int last = x->shape.rank - 1;
    const char *at = fg_format(ctx, "(ptrdiff_t)i0 * %lld + i * %lld", (long long)(last == 1 ? xs[0] : 0),
                               (long long)xs[last]);
    fg_template *t = fg_emit_template(e);
    fg_template_int(t, "ROWS", rows.rows);
    fg_template_int(t, "VECTORS", s.vectors);
    fg_template_int(t, "FEATURES", s.features);
    fg_template_int(t, "CLASSES", s.classes);
    fg_template_int(t, "KERNEL", s.kernel);
    fg_template_text(t, "GAMMA", fg_c_double(ctx, s.gamma));
    fg_template_text(t, "COEF0", fg_c_double(ctx, s.coef0));
    fg_template_text(t, "DEGREE", fg_c_double(ctx, s.degree));
    fg_template_text(t, "X", fg_format(ctx, "(double)%s", fg_load_element(ctx, x->dtype, "x", at)));
    fg_template_text(t, "LABEL", label);
    fg_template_text(t, "SCORE", score);
    fg_template_render(t, "svm", e->out);
    fg_describe(e, "", "kernels, decisions of all pairs, then their coupling, in double");
}

const fg_lowering fg_lowering_svm = {.name = "svm", .prefer = NULL, .emit = emit};
