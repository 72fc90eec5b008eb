/* Views: what --quantify, --analyze-balance, ... print of a report, for either partition.
 *
 * Every view is text of its own, headed by a line that names it, and says nothing that does not follow from
 * the report.
 */
#ifndef FG_CLI_VIEW_H
#define FG_CLI_VIEW_H

#include "cli/options.h"
#include "cli/report.h"

void fg_view_quantify(const fg_report *r, const fg_report_style *style, fg_text *out);
void fg_view_balance(const fg_report *r, const fg_report_style *style, fg_text *out);
void fg_view_profile(const fg_report *r, const fg_report_style *style, fg_text *out);
void fg_view_compare(const fg_report *r, const fg_report_style *style, fg_text *out);
void fg_view_energy(const fg_report *r, const fg_report_style *style, fg_text *out);

/* Raises FG_USAGE if no operator's name contains window->around. */
void fg_view_visualize(const fg_report *r, const fg_window *window, const fg_report_style *style,
                       fg_text *out);

/* Several models: one table, and the study's criteria. */
void fg_view_family(int n, const fg_report *const *r, const fg_report_style *style, fg_text *out);

/* --energy for several models, sweeps and element types. */
void fg_view_sweep(int n, const fg_report *const *r, const fg_report_style *style, fg_text *out);

/* Heading, then each view that is asked for. */
void fg_view_print(const fg_report *r, const fg_cli_options *o, const fg_report_style *style, fg_text *out);

/* ---- shared by views ---- */

/* Groups of one pattern, added up. */
typedef struct fg_pattern_sum {
    const char *pattern;
    int groups, operators;
    int64_t flops, bytes, bytes_unfused;
} fg_pattern_sum;

/* By bytes saved, then by name; *n of them. */
const fg_pattern_sum *fg_view_patterns(fg_context *ctx, const fg_report *r, int *n);

/* What a published study printed of a network and is wrong. */
typedef struct fg_citation {
    const char *network;
    int64_t flops;                            /* true ones: what it is known by */
    int64_t flops_published, bytes_published; /* 0: no totals were published */
    const char *error;                        /* what is wrong, and why */
} fg_citation;

/* What is known of r's network; NULL: nothing. */
const fg_citation *fg_view_cited(const fg_report *r);

/* The same as a line of text, where it matters to the partition shown; else NULL. In ctx. */
const char *fg_view_citation(fg_context *ctx, const fg_report *r);

/* The counts that the pattern catalogue printed of r's network, with the reason why they are not those of the
 * graph; NULL: it printed none. In ctx. */
const char *fg_view_catalogue_citation(fg_context *ctx, const fg_report *r);

const char *fg_view_groups(const fg_report *r); /* "kernels" or "subgraphs" */
const char *fg_view_color(const fg_report_style *style,
                          fg_class c); /* starts the colour of a class; "" without colours */
const char *fg_view_color_end(const fg_report_style *style);
void fg_view_bar(double share, int width, fg_text *out); /* of full blocks; at least one if share > 0 */
void fg_view_title(const char *title, const fg_report_style *style, fg_text *out);

#endif
