/* The option table, for its parser and for what is printed from it. */
#ifndef FG_CLI_OPTION_ROW_H
#define FG_CLI_OPTION_ROW_H

#include "cli/options.h"

typedef enum takes { TAKES_NONE, TAKES_OPTIONAL, TAKES_VALUE } takes;

typedef struct parser parser;

typedef struct fg_option_row {
    const char *group; /* heading of --help, on the first row of a group; else NULL */
    const char *name;
    const char *alias; /* NULL: none */
    takes takes;
    const char *value; /* as --help shows it; words between | are all there are */
    const char *help;  /* lines separated by \n */
    void (*set)(parser *p, const char *value);
} fg_option_row;

const fg_option_row *fg_option_rows(int *n);

#endif
