/* The option table, for its parser and for what is printed from it. */
#ifndef FG_CLI_OPTION_ROW_H
#define FG_CLI_OPTION_ROW_H

#include "cli/options.h"

typedef enum takes { TAKES_NONE, TAKES_OPTIONAL, TAKES_VALUE } takes;

typedef struct parser parser;
struct parser {
    fg_context *ctx;
    fg_cli_options *options;
    const char *pending_report_file; /* --report-file that came before its --report */
    const char *option;              /* being parsed, as the table names it */
    bool emit_file;                  /* --emit was given its format, and not yet its file */
};

typedef struct fg_option_row {
    const char *group; /* heading of --help, on the first row of a group; else NULL */
    const char *name;
    const char *alias; /* NULL: none */
    takes takes;
    const char *value;                         /* as --help shows it; words between | are all there are */
    const char *help;                          /* lines separated by \n */
    void (*set)(parser *p, const char *value); /* value: NULL if it was left out */
    /* where set is NULL: the flag that the option sets, as 1 + its offset in fg_cli_options, or, if that is
     * 0, what it asks for in place of a run */
    size_t flag;
    fg_action action;
} fg_option_row;

const fg_option_row *fg_option_rows(int *n);

void fg_add_model(parser *p, const char *value);      /* an argument that is no option */
void fg_set_emit_file(parser *p, const char *file);   /* the argument after --emit onnx */
void fg_refuse_reserved(parser *p, const char *name); /* raises FG_USAGE for options that are not there yet */
void fg_finish_reports(parser *p); /* a --report-file without its --report: a text report */

#endif
