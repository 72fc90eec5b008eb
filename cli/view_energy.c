/* --energy: latency and energy on every target, from the figures of its file.
 *
 * latency = FLOPs / peak x schedule and energy = FLOPs x J/FLOP + bytes x J/byte are the published study's
 * formulas; the roofline beside them also waits for memory.
 */
#include "cli/table.h"
#include "cli/view.h"

#include "codegen/target.h"

static const fg_column columns[] = {{"  target", false, 0}, {"GFLOP/s", true, 0}, {"GB/s", true, 0},
                                    {"pJ/FLOP", true, 0},   {"pJ/B", true, 0},    {"schedule", true, 0},
                                    {"ms", true, 0},        {"mJ", true, 0},      {"roofline ms", true, 0},
                                    {"waits for", false, 0}};

static void add_target(fg_table *t, const fg_target *target, double flops, double bytes) {
    double compute = flops / (target->peak_gflops * 1e6), memory = bytes / (target->dram_gbps * 1e6);
    double joules = flops * target->joules_per_flop + bytes * target->joules_per_byte;
    fg_table_add(t, "  %s", target->name);
    fg_table_add(t, "%g", target->peak_gflops);
    fg_table_add(t, "%g", target->dram_gbps);
    fg_table_add(t, "%g", target->joules_per_flop * 1e12);
    fg_table_add(t, "%g", target->joules_per_byte * 1e12);
    fg_table_add(t, "%g", target->schedule);
    fg_table_add(t, "%.4g", compute * target->schedule);
    fg_table_add(t, "%.4g", joules * 1e3);
    fg_table_add(t, "%.4g", compute > memory ? compute : memory);
    fg_table_add(t, "%s", compute > memory ? "arithmetic" : "memory");
}

static void table(const fg_report_style *style, double flops, double bytes, bool study_only, fg_text *out) {
    fg_table *t = fg_table_new(out->ctx, FG_COUNT(columns), columns);
    for (int i = 0; i < fg_target_count(); i++) {
        const fg_target *target = fg_target_load(out->ctx, fg_target_name_at(i));
        if (target->report_only || !study_only) add_target(t, target, flops, bytes);
    }
    fg_table_print(t, style->width, out);
}

void fg_view_energy(const fg_report *r, const fg_report_style *style, fg_text *out) {
    fg_view_title("energy", style, out);
    fg_text_printf(
        out,
        "  %.0f FLOP, %.0f bytes moved by the %s; ms = FLOP / peak x schedule,\n  mJ = FLOP x pJ/FLOP + "
        "bytes x pJ/B; roofline: the larger of FLOP / peak and bytes / memory\n",
        (double)r->flops, (double)r->bytes_fused, fg_view_groups(r));
    table(style, (double)r->flops, (double)r->bytes_fused, false, out);
    const fg_citation *c = fg_view_cited(r);
    if (!c || !c->flops_published) return;
    fg_text_printf(
        out, "\n  %s, cited with its published totals of %.0f FLOP and %.0f bytes, which are wrong:\n  %s\n",
        c->network, (double)c->flops_published, (double)c->bytes_published, c->error);
    table(style, (double)c->flops_published, (double)c->bytes_published, true, out);
}
