/* Kernels of one shape as one function: with --optimize flash, bodies that differ in nothing but their
 * offsets into arena and weights are written once and take the offsets from a table. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/planner.h"

typedef struct fg_shape_of_text {
    char *text;        /* with fg_at[i] in place of offset i */
    const char *table; /* the offsets, separated by commas */
    int n;
    int leader; /* the first kernel with the same text */
    int users;  /* of a leader: kernels with its text */
} fg_shape_of_text;

/* Length of "c->arena + " or "c->weights + " at s if a number follows, else 0. */
static size_t offset_prefix(const char *s) {
    static const char *const prefixes[] = {"c->arena + ", "c->weights + "};
    for (size_t i = 0; i < FG_COUNT(prefixes); i++) {
        const size_t n = strlen(prefixes[i]);
        if (strncmp(s, prefixes[i], n) == 0 && isdigit((unsigned char)s[n])) return n;
    }
    return 0;
}

static fg_shape_of_text shape_of(fg_context *ctx, const char *body) {
    fg_shape_of_text shape = {.n = 0};
    fg_text text = fg_text_new(ctx), table = fg_text_new(ctx);
    const char *from = body;
    for (const char *s = strstr(body, "c->"); s; s = strstr(s, "c->")) {
        const size_t prefix = offset_prefix(s);
        s += prefix ? prefix : strlen("c->");
        if (!prefix) continue;
        char *end;
        const long long offset = strtoll(s, &end, 10);
        fg_text_addn(&text, from, (size_t)(s - from));
        fg_text_printf(&text, "fg_at[%d]", shape.n);
        fg_text_printf(&table, "%s%lld", shape.n ? ", " : "", offset);
        shape.n++;
        from = s = end;
    }
    fg_text_add(&text, from);
    shape.text = text.data;
    shape.table = table.length ? table.data : "";
    return shape;
}

static void find_leaders(const fg_module *m, fg_shape_of_text *shapes) {
    for (int i = 0; i < m->n_kernels; i++) {
        shapes[i].leader = i;
        for (int j = 0; j < i; j++)
            if (shapes[j].leader == j && !*m->kernels[j].before && !*m->kernels[i].before &&
                shapes[j].n == shapes[i].n && strcmp(shapes[j].text, shapes[i].text) == 0) {
                shapes[i].leader = j;
                break;
            }
        shapes[shapes[i].leader].users++;
    }
}

void fg_share_bodies(fg_planner *p, char **bodies) {
    fg_context *ctx = p->ctx;
    fg_module *m = p->m;
    fg_shape_of_text *shapes = FG_ARRAY(ctx, m->n_kernels + 1, fg_shape_of_text);
    for (int i = 0; i < m->n_kernels; i++) shapes[i] = shape_of(ctx, bodies[i]);
    find_leaders(m, shapes);
    for (int i = 0; i < m->n_kernels; i++) {
        const int leader = shapes[i].leader;
        if (shapes[leader].users < 2 || shapes[i].n == 0) continue;
        fg_kernel_text *t = &m->kernels[i];
        if (leader == i)
            t->before =
                fg_format(ctx, "static void fg_shared_%d(const fg_call *c, const unsigned *fg_at)\n%s\n", i,
                          shapes[i].text);
        bodies[i] = fg_format(ctx, "{\n    static const unsigned at[] = {%s};\n    fg_shared_%d(c, at);\n}\n",
                              shapes[i].table, leader);
        fg_count_lines(t, bodies[i]);
    }
}
