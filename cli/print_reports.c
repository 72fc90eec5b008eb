/* What the reports and views asked for show, once all models are done. */
#include "cli/job.h"

#include "cli/output.h"
#include "cli/picture.h"
#include "cli/view.h"

static bool any_view(const fg_cli_options *o) {
    bool any = false;
    for (int v = 0; v < FG_VIEW_COUNT; v++) any |= o->view[v];
    return any;
}

/* Each model's views, then what is said of all of them together. */
static void render_views(fg_session *s, const fg_report_style *style, fg_text *out) {
    bool each = any_view(s->options);
    for (int i = 0; each && i < s->n_reports; i++) {
        if (i) fg_text_add(out, "\n");
        fg_view_print(s->reports[i], s->options, style, out);
    }
    if (s->options->view[FG_VIEW_ENERGY]) {
        fg_text_add(out, "\n");
        fg_view_sweep(s->n_reports, s->reports, style, out);
    }
    if (s->options->family) {
        if (each) fg_text_add(out, "\n");
        fg_view_family(s->n_reports, s->reports, style, out);
    }
}

static void render(fg_session *s, const fg_report_option *option, fg_text *out) {
    fg_report_style style = {.width = option->file ? 0 : fg_console_width(),
                             .color = !option->file && fg_color_on(s->options->color, stdout),
                             .verbose = s->options->verbose};
    if (option->format == FG_REPORT_JSON) {
        fg_report_json(s->ctx, s->n_reports, s->reports, out);
    } else if (option->format == FG_REPORT_HTML) {
        fg_report_html(s->ctx, s->n_reports, s->reports, out);
    } else if (option->format == FG_REPORT_SVG) {
        fg_report_svg(s->reports[0], out);
    } else if (option->format == FG_REPORT_DOT) {
        fg_report_dot(s->reports[0], out);
    } else if (any_view(s->options) || s->options->family) {
        render_views(s, &style, out);
    } else if (s->n_reports > 1) {
        for (int i = 0; style.verbose && i < s->n_reports; i++) {
            fg_report_text(s->reports[i], &style, out);
            fg_text_add(out, "\n");
        }
        fg_report_comparison(s->ctx, s->n_reports, s->reports, &style, out);
    } else if (s->options->n_reports) {
        fg_report_text(s->reports[0], &style, out);
    } else {
        fg_report_summary(s->reports[0], &style, out);
    }
}

static void print_report(fg_session *s, const fg_report_option *option) {
    fg_text text = fg_text_new(s->ctx);
    render(s, option, &text);
    if (!option->file) {
        fg_console_print(s->ctx, text.data, text.length);
    } else {
        fg_output_text(s->ctx, option->file, text.data, text.length);
    }
    fg_text_free(&text);
}

void fg_print_reports(fg_session *s) {
    static const fg_report_option summary = {FG_REPORT_TEXT, NULL};
    if (!s->n_reports) return;
    for (int i = 0; i < s->options->n_reports; i++) print_report(s, &s->options->reports[i]);
    const fg_cli_options *o = s->options;
    bool asked = any_view(o) || o->family;
    for (int i = 0; i < o->n_reports; i++)
        asked = asked && o->reports[i].format != FG_REPORT_TEXT && o->reports[i].file;
    if (asked || (!o->n_reports && !o->output && !o->emit && !fg_only_dumps(o))) print_report(s, &summary);
}
