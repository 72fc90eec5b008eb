#include "cli/lists.h"

#include "cli/table.h"
#include "codegen/target.h"
#include "frontend/extent.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- targets ---- */

static const char *cache(fg_context *ctx, int64_t bytes) {
    if (!bytes) return "-";
    bool whole = bytes >= 1 << 20 && bytes % (1 << 20) == 0;
    return fg_format(ctx, "%" PRId64 "%s", whole ? bytes >> 20 : bytes >> 10, whole ? "M" : "k");
}

static const char *or_dash(const char *s) {
    return s && *s ? s : "-";
}

void fg_list_targets(fg_text *out) {
    static const fg_column columns[] = {
        {"target", false, 0},   {"bits", true, 0},      {"registers", true, 0},
        {"L1", true, 0},        {"L2", true, 0},        {"L3", true, 0},
        {"compiler", false, 0}, {"emulator", false, 0}, {"description", false, 0}};
    fg_table *table = fg_table_new(out->ctx, FG_COUNT(columns), columns);
    for (int i = 0; i < fg_target_count(); i++) {
        const fg_target *t = fg_target_load(out->ctx, fg_target_name_at(i));
        fg_table_add(table, "%s", t->name);
        fg_table_add(table, "%d", t->vector_bits);
        fg_table_add(table, "%d", t->vector_registers);
        fg_table_add(table, "%s", cache(out->ctx, t->l1_bytes));
        fg_table_add(table, "%s", cache(out->ctx, t->l2_bytes));
        fg_table_add(table, "%s", cache(out->ctx, t->l3_bytes));
        fg_table_add(table, "%s", or_dash(t->compiler));
        fg_table_add(table, "%s", or_dash(t->emulator));
        fg_table_add(table, "%s", or_dash(t->description));
    }
    fg_table_print(table, 0, out);
    fg_text_printf(out, "\nhost, the default, is %s on this machine.\n",
                   fg_target_load(out->ctx, "host")->name);
}

void fg_print_flags(fg_text *out, const char *target) {
    const fg_target *t = fg_target_load(out->ctx, target);
    fg_text_printf(out, "%s\n", t->flags ? t->flags : "");
}

/* ---- operators ---- */

static const char *domain_of(const fg_op *op) {
    return *op->domain ? op->domain : "ai.onnx";
}

static int by_name(const void *a, const void *b) {
    const fg_op *x = *(const fg_op *const *)a, *y = *(const fg_op *const *)b;
    int order = strcmp(domain_of(x), domain_of(y));
    if (!order) order = strcmp(x->name, y->name);
    return order ? order : (x->since > y->since) - (x->since < y->since);
}

/* Whole groups by one word, then what is left by name. */
static const char *types_of(fg_context *ctx, uint32_t types) {
    static const struct {
        uint32_t set;
        const char *name;
    } groups[] = {{FG_T_NUMERIC, "numeric"}, {FG_T_FLOATS, "floats"}, {FG_T_INTS, "integers"}};
    const char *s = "";
    for (size_t i = 0; i < FG_COUNT(groups); i++) {
        if ((types & groups[i].set) != groups[i].set) continue;
        s = fg_format(ctx, "%s%s%s", s, *s ? ", " : "", groups[i].name);
        types &= ~groups[i].set;
    }
    for (int t = 1; t < FG_DTYPE_COUNT; t++)
        if (types & FG_T(t)) s = fg_format(ctx, "%s%s%s", s, *s ? ", " : "", fg_dtype_get((fg_dtype)t)->name);
    return s;
}

static const char *note_of(const fg_op *op) {
    if (op->note) return op->note;
    return op->lowering ? "" : "where it folds to a constant or into another operator";
}

void fg_list_ops(fg_text *out) {
    int n = fg_op_count();
    const fg_op **ops = FG_ARRAY(out->ctx, n, const fg_op *);
    int own = 0; /* rows that no model has */
    for (int i = 0; i < n; i++) {
        ops[i - own] = fg_op_at(i);
        own += strcmp(fg_op_at(i)->domain, FG_OWN_DOMAIN) == 0;
    }
    n -= own;
    qsort(ops, (size_t)n, sizeof(const fg_op *), by_name);
    fg_text_add(out,
                "# Supported operators\n\n"
                "Made by `fusegen --list-ops` from the operator table. Types are those of the main operand: "
                "floats are\n"
                "float, double, float16 and bfloat16; integers the eight of 8 to 64 bits; numeric both.\n\n"
                "| operator | domain | opsets | types | note |\n|---|---|---|---|---|\n");
    for (int i = 0; i < n; i++) {
        const fg_op *op = ops[i];
        fg_text_printf(out, "| %s | %s | %d", op->name, domain_of(op), op->since);
        if (op->until && op->until != op->since)
            fg_text_printf(out, " to %d", op->until);
        else if (!op->until)
            fg_text_add(out, " and later");
        fg_text_printf(out, " | %s | %s |\n", types_of(out->ctx, op->types), note_of(op));
    }
}
