/* Random operators: see frontend/draw.h. */
#include "frontend/reference/draw.h"

#include <math.h>

#include "frontend/draw.h"
#include "frontend/reference/access.h"
#include "frontend/reference/elements.h"

void fg_ref_random_normal(const fg_eval *e) {
    const double mean = (double)fg_attr_float(e->node, "mean", 0),
                 scale = (double)fg_attr_float(e->node, "scale", 1);
    const uint64_t key = fg_draw_key(e->node);
    for (int64_t i = 0; i < fg_shape_count(&e->out[0].shape); i++) {
        fg_set_f64(&e->out[0], i, mean + scale * fg_draw_normal(key, (uint64_t)i));
    }
}

void fg_ref_random_uniform(const fg_eval *e) {
    const double low = (double)fg_attr_float(e->node, "low", 0),
                 high = (double)fg_attr_float(e->node, "high", 1);
    const uint64_t key = fg_draw_key(e->node);
    for (int64_t i = 0; i < fg_shape_count(&e->out[0].shape); i++) {
        fg_set_f64(&e->out[0], i, low + (high - low) * fg_draw_uniform(key, (uint64_t)i));
    }
}

void fg_ref_bernoulli(const fg_eval *e) {
    const uint64_t key = fg_draw_key(e->node);
    for (int64_t i = 0; i < fg_shape_count(&e->out[0].shape); i++) {
        fg_set_f64(&e->out[0], i, fg_draw_uniform(key, (uint64_t)i) < fg_get_f64(&e->in[0], i));
    }
}

/* p: a row of unnormalised logarithms; becomes running sums of probabilities. */
static void accumulate(double *p, int64_t n) {
    double highest = p[0], sum = 0;
    for (int64_t k = 1; k < n; k++) {
        highest = fmax(highest, p[k]);
    }
    for (int64_t k = 0; k < n; k++) {
        sum += exp(p[k] - highest);
        p[k] = sum;
    }
}

void fg_ref_multinomial(const fg_eval *e) {
    const int64_t rows = e->in[0].shape.dim[0], classes = e->in[0].shape.dim[1],
                  samples = e->out[0].shape.dim[1];
    const uint64_t key = fg_draw_key(e->node);
    double *p = fg_big_alloc(e->ctx, (size_t)(classes + 1) * sizeof *p);
    for (int64_t r = 0; r < rows && classes > 0; r++) {
        fg_load_f64(&e->in[0], r * classes, 1, classes, p);
        accumulate(p, classes);
        for (int64_t s = 0; s < samples; s++) {
            const double u = fg_draw_uniform(key, (uint64_t)(r * samples + s)) * p[classes - 1];
            int64_t k = 0;
            while (k < classes - 1 && !(p[k] > u)) {
                k++;
            }
            fg_set_i64(&e->out[0], r * samples + s, k);
        }
    }
    fg_big_free(e->ctx, p);
}

/* In inference, or where nothing is dropped, a copy. */
void fg_ref_dropout(const fg_eval *e) {
    const bool trains = fg_has_operand(e, 2) && fg_get_i64(&e->in[2], 0) != 0;
    const double ratio = !trains ? 0 : fg_has_operand(e, 1) ? fg_get_f64(&e->in[1], 0) : 0.5;
    const double scale = 1 / (1 - ratio);
    const uint64_t key = fg_draw_key(e->node);
    for (int64_t i = 0; i < fg_shape_count(&e->in[0].shape); i++) {
        const bool keep = fg_draw_uniform(key, (uint64_t)i) >= ratio;
        if (e->out[0].data != NULL && ratio == 0) {
            fg_copy_element(e->in[0].dtype, e->out[0].data, i, e->in[0].data, i);
        } else if (e->out[0].data != NULL) {
            fg_set_f64(&e->out[0], i, keep ? fg_get_f64(&e->in[0], i) * scale : 0);
        }
        if (e->node->n_out > 1 && e->out[1].data != NULL) {
            fg_set_f64(&e->out[1], i, keep);
        }
    }
}
