#include "frontend/draw.h"

#include <math.h>
#include <string.h>

#include "frontend/ops.h"

#define KEY "fg_key"

bool fg_draws(const fg_node *n) {
    static const char *const names[] = {"RandomNormal",      "RandomNormalLike", "RandomUniform",
                                        "RandomUniformLike", "Bernoulli",        "Multinomial"};
    for (size_t i = 0; i < FG_COUNT(names); i++) {
        if (strcmp(n->op_type, names[i]) == 0) {
            return true;
        }
    }
    return strcmp(n->op_type, "Dropout") == 0 && fg_attr_int(n, FG_TRAINS, 0) != 0;
}

uint64_t fg_draw_bits(uint64_t key, uint64_t i) {
    uint64_t z = key + (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static uint64_t make_key(const fg_node *n) {
    const fg_attr *seed = fg_node_attr(n, "seed");
    if (seed != NULL) {
        const float f = seed->type == FG_ATTR_INT ? (float)seed->i : seed->f;
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        return fg_draw_bits(bits, 0);
    }
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    const char *name = "";
    for (int i = n->n_out; i-- > 0;) {
        name = n->out[i] != NULL ? n->out[i]->name : name;
    }
    for (; *name != '\0'; name++) {
        h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001B3);
    }
    return h;
}

void fg_draw_set_key(fg_context *ctx, fg_node *n) {
    if (fg_node_attr(n, KEY) == NULL) {
        fg_node_set_attr(ctx, n, KEY, FG_ATTR_INT)->i = (int64_t)make_key(n);
    }
}

uint64_t fg_draw_key(const fg_node *n) {
    return (uint64_t)fg_attr_int(n, KEY, 0);
}

double fg_draw_uniform(uint64_t key, uint64_t i) {
    return (double)(fg_draw_bits(key, i) >> 11) * 0x1p-53;
}

double fg_draw_normal(uint64_t key, uint64_t i) {
    return sqrt(-2 * log(1 - fg_draw_uniform(key, 2 * i))) *
           cos(6.28318530717958647692 * fg_draw_uniform(key, 2 * i + 1));
}
