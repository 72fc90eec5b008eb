/* What is said to the user: diagnostics, notes and progress on stderr, results on stdout. */
#ifndef FG_CLI_CONSOLE_H
#define FG_CLI_CONSOLE_H

#include "cli/options.h"

typedef struct fg_console {
    bool color;        /* of stderr */
    bool quiet;        /* no notes, no progress */
    bool live;         /* stderr is a terminal: progress is shown */
    bool line_open;    /* a progress line stands on the terminal */
    const char *stage; /* last one shown */
    int64_t shown_at;  /* milliseconds, monotonic */
} fg_console;

fg_console fg_console_new(fg_color color, bool quiet);

/* One line: "fusegen: error: MODEL.onnx: node 'conv1' (Conv): attribute 'pads': message; remedy", escaped for
 * terminals. */
void fg_console_diagnostic(fg_console *c, fg_context *ctx, const fg_diagnostic *d);

/* One line "fusegen: note: MODEL.onnx: ..."; file may be NULL; nothing with -q. */
void fg_console_note(fg_console *c, fg_context *ctx, const char *file, const char *format, ...)
    FG_PRINTF(4, 5);

/* A fg_progress_fn whose user is the console. */
void fg_console_progress(void *console, const char *stage, int done, int total);
void fg_console_clear(fg_console *c); /* takes the progress line away */

/* Writes text to stdout; raises FG_OUTPUT if that fails. */
void fg_console_print(fg_context *ctx, const char *text, size_t n);

/* Columns of the terminal that stdout is; 0 if it is none. */
int fg_console_width(void);

#endif
