/* --energy over several models, points of a sweep, and element types: one table for each figure, a column for
 * each target.
 */
#include "cli/table.h"
#include "cli/view.h"

#include "codegen/escape.h"
#include "codegen/target.h"

#include <string.h>

/* Element types change what is moved. The arithmetic stays at the target's float32 figures: its file has no
 * others. */
static const struct {
    const char *name;
    double bytes; /* of what float32 moves */
} types[] = {{"float32", 1}, {"16 bit", 0.5}, {"int8", 0.25}};

typedef double figure(const fg_target *t, double flops, double bytes);

static double latency(const fg_target *t, double flops, double bytes) {
    (void)bytes;
    return flops / (t->peak_gflops * 1e6) * t->schedule;
}

static double energy(const fg_target *t, double flops, double bytes) {
    return 1e3 * (flops * t->joules_per_flop + bytes * t->joules_per_byte);
}

static double roofline(const fg_target *t, double flops, double bytes) {
    double compute = flops / (t->peak_gflops * 1e6), memory = bytes / (t->dram_gbps * 1e6);
    return compute > memory ? compute : memory;
}

static const struct {
    const char *title;
    figure *of;
    bool by_type; /* hangs on the bytes moved */
} figures[] = {{"ms = FLOP / peak x schedule", latency, false},
               {"mJ = FLOP x J/FLOP + bytes x J/byte", energy, true},
               {"ms by the roofline: the larger of FLOP / peak and bytes / memory", roofline, true}};

static const char *label(fg_context *ctx, const fg_report *r) {
    const char *slash = strrchr(r->model, '/');
    return fg_format(ctx, "  %s%s%s", fg_escape_terminal(ctx, slash ? slash + 1 : r->model),
                     *r->variant ? " " : "", fg_escape_terminal(ctx, r->variant));
}

static void add_row(fg_table *t, fg_context *ctx, const fg_report *r, figure *of, int type,
                    const fg_target *const *targets) {
    fg_table_add(t, "%s", label(ctx, r));
    fg_table_add(t, "%s", types[type].name);
    for (int i = 0; targets[i]; i++)
        fg_table_add(t, "%.4g", of(targets[i], (double)r->flops, (double)r->bytes_fused * types[type].bytes));
}

void fg_view_sweep(int n, const fg_report *const *r, const fg_report_style *style, fg_text *out) {
    fg_context *ctx = out->ctx;
    int n_targets = fg_target_count();
    const fg_target **targets = FG_ARRAY(ctx, n_targets + 1, const fg_target *);
    fg_column *columns = FG_ARRAY(ctx, n_targets + 2, fg_column);
    columns[0] = (fg_column){"  model", false, 16};
    columns[1] = (fg_column){"type", false, 0};
    for (int i = 0; i < n_targets; i++) {
        targets[i] = fg_target_load(ctx, fg_target_name_at(i));
        columns[i + 2] = (fg_column){targets[i]->name, true, 0};
    }
    fg_view_title("energy, models by targets", style, out);
    for (size_t f = 0; f < FG_COUNT(figures); f++) {
        fg_table *t = fg_table_new(ctx, n_targets + 2, columns);
        for (int i = 0; i < n; i++)
            for (int type = 0; type < (figures[f].by_type ? (int)FG_COUNT(types) : 1); type++)
                add_row(t, ctx, r[i], figures[f].of, type, targets);
        fg_text_printf(out, "%s  %s\n", f ? "\n" : "", figures[f].title);
        fg_table_print(t, style->width, out);
    }
    fg_text_add(
        out, "\n  16 bit and int8: bytes alone are fewer; arithmetic at the float32 figures of the target\n");
}
