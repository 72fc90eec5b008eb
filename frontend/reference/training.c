/* Optimizers: operands are the rate, the step's number, then for several tensors at once the values, their
 * gradients and what the optimizer remembers of them; results are the values and memories of the next step.
 */
#include "frontend/reference/training.h"

#include <math.h>
#include <string.h>

#include "frontend/reference/access.h"

/* One element before and after. memory: up to two. */
typedef struct element {
    double x, gradient, memory[2];
} element;

typedef struct step {
    const fg_node *node;
    double rate, number;
} step;

static double attribute(const step *s, const char *name, float otherwise) {
    return (double)fg_attr_float(s->node, name, otherwise);
}

typedef void update_fn(const step *s, element *v);

static void run(const fg_eval *e, int memories, update_fn *update) {
    const step s = {e->node, fg_get_f64(&e->in[0], 0), fg_get_f64(&e->in[1], 0)};
    const int groups = 2 + memories, tensors = (e->node->n_in - 2) / groups;
    for (int t = 0; t < tensors; t++) {
        const fg_tensor *in = e->in + 2 + t;
        for (int64_t i = 0; i < fg_shape_count(&in->shape); i++) {
            element v = {fg_get_f64(in, i), fg_get_f64(in + tensors, i), {0, 0}};
            for (int m = 0; m < memories; m++) {
                v.memory[m] = fg_get_f64(in + (2 + m) * tensors, i);
            }
            update(&s, &v);
            for (int k = 0; k <= memories; k++) {
                const int out = k * tensors + t;
                if (out < e->node->n_out && e->out[out].data != NULL) {
                    fg_set_f64(&e->out[out], i, k == 0 ? v.x : v.memory[k - 1]);
                }
            }
        }
    }
}

static void adagrad(const step *s, element *v) {
    const double rate = s->rate / (1 + s->number * attribute(s, "decay_factor", 0));
    const double g = attribute(s, "norm_coefficient", 0) * v->x + v->gradient;
    v->memory[0] += g * g;
    v->x -= rate * g / (sqrt(v->memory[0]) + attribute(s, "epsilon", 1e-6F));
}

static void adam(const step *s, element *v) {
    const double alpha = attribute(s, "alpha", 0.9F), beta = attribute(s, "beta", 0.999F);
    const double g = attribute(s, "norm_coefficient", 0) * v->x + v->gradient;
    const double rate =
        s->number > 0 ? s->rate * sqrt(1 - pow(beta, s->number)) / (1 - pow(alpha, s->number)) : s->rate;
    v->memory[0] = alpha * v->memory[0] + (1 - alpha) * g;
    v->memory[1] = beta * v->memory[1] + (1 - beta) * g * g;
    v->x -= rate * v->memory[0] / (sqrt(v->memory[1]) + attribute(s, "epsilon", 1e-6F));
    v->x *= 1 - attribute(s, "norm_coefficient_post", 0);
}

static void momentum(const step *s, element *v) {
    const bool nesterov = strcmp(fg_attr_string(s->node, "mode", "standard"), "nesterov") == 0;
    const double alpha = attribute(s, "alpha", 0), beta = s->number > 0 ? attribute(s, "beta", 0) : 1;
    const double g = attribute(s, "norm_coefficient", 0) * v->x + v->gradient;
    v->memory[0] = alpha * v->memory[0] + beta * g;
    v->x -= s->rate * (nesterov ? g + alpha * v->memory[0] : v->memory[0]);
}

void fg_ref_adagrad(const fg_eval *e) {
    run(e, 1, adagrad);
}

void fg_ref_adam(const fg_eval *e) {
    run(e, 2, adam);
}

void fg_ref_momentum(const fg_eval *e) {
    run(e, 1, momentum);
}
