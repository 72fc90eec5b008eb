#include "cli/console.h"

#include "cli/options.h"

#include "codegen/escape.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

fg_console fg_console_new(fg_color color, bool quiet) {
    return (fg_console){.color = fg_color_on(color, stderr), .quiet = quiet, .live = !quiet && isatty(2)};
}

void fg_console_clear(fg_console *c) {
    if (c->line_open) fputs("\r\033[K", stderr);
    c->line_open = false;
}

static void head(fg_console *c, const char *kind, const char *color) {
    fg_console_clear(c);
    if (c->color)
        fprintf(stderr, "fusegen: \033[%sm%s:\033[0m ", color, kind);
    else
        fprintf(stderr, "fusegen: %s: ", kind);
}

typedef struct rendering {
    const fg_diagnostic *d;
    const char *text;
} rendering;

static void render_diagnostic(fg_context *ctx, void *arg) {
    rendering *r = arg;
    const fg_diagnostic *d = r->d;
    const char *s = "";
    if (d->file[0]) s = fg_format(ctx, "%s: ", fg_escape_terminal(ctx, d->file));
    if (d->node[0]) s = fg_format(ctx, "%snode '%s'", s, fg_escape_terminal(ctx, d->node));
    if (d->node[0] && d->op[0]) s = fg_format(ctx, "%s (%s)", s, fg_escape_terminal(ctx, d->op));
    if (d->node[0]) s = fg_format(ctx, "%s: ", s);
    if (d->attribute[0]) s = fg_format(ctx, "%s'%s': ", s, fg_escape_terminal(ctx, d->attribute));
    s = fg_format(ctx, "%s%s", s, fg_escape_terminal(ctx, d->message));
    if (d->remedy[0]) s = fg_format(ctx, "%s; %s", s, fg_escape_terminal(ctx, d->remedy));
    r->text = s;
}

void fg_console_diagnostic(fg_console *c, fg_context *ctx, const fg_diagnostic *d) {
    /* A copy: rendering may fail for want of memory, which would overwrite the record in ctx. */
    fg_diagnostic copy = *d;
    rendering r = {&copy, NULL};
    const char *kind = copy.status == FG_INTERNAL ? "internal error" : "error";
    if (fg_try(ctx, render_diagnostic, &r) != FG_OK) r.text = "out of memory";
    head(c, kind, "1;31");
    fprintf(stderr, "%s%s\n", r.text, copy.status == FG_INTERNAL ? "; please report this" : "");
}

void fg_console_note(fg_console *c, fg_context *ctx, const char *file, const char *format, ...) {
    char text[512];
    va_list args;
    if (c->quiet) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    head(c, "note", "1;36");
    fprintf(stderr, "%s%s%s\n", file ? fg_escape_terminal(ctx, file) : "", file ? ": " : "",
            fg_escape_terminal(ctx, text));
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void fg_console_progress(void *console, const char *stage, int done, int total) {
    fg_console *c = console;
    if (!c->live) return;
    int64_t now = now_ms();
    /* Ten lines a second are plenty; a terminal is slower than the work. */
    if (stage == c->stage && now - c->shown_at < 100) return;
    c->stage = stage;
    c->shown_at = now;
    fg_console_clear(c);
    if (total > 0)
        fprintf(stderr, "%s %d/%d", stage, done, total);
    else
        fprintf(stderr, "%s", stage);
    c->line_open = true;
}

void fg_console_print(fg_context *ctx, const char *text, size_t n) {
    errno = 0;
    if (fwrite(text, 1, n, stdout) == n && fflush(stdout) == 0) return;
    if (errno == EPIPE) {
        /* The reader has left, as head does: end the way shells expect, without a word. Nothing unfinished
         * lies about when something is printed. */
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    fg_raise(ctx, FG_OUTPUT, "cannot write to stdout: %s", strerror(errno ? errno : EIO));
}

int fg_console_width(void) {
    struct winsize size;
    if (!isatty(1) || ioctl(1, TIOCGWINSZ, &size) != 0 || size.ws_col < 40) return 0;
    return size.ws_col;
}

/* ---- colours ---- */

fg_color fg_options_early_color(int argc, char **argv) {
    fg_color color = FG_COLOR_AUTO;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--color=always") == 0) color = FG_COLOR_ALWAYS;
        if (strcmp(argv[i], "--color=never") == 0) color = FG_COLOR_NEVER;
    }
    return color;
}

bool fg_color_on(fg_color color, FILE *stream) {
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    if (color != FG_COLOR_AUTO) return color == FG_COLOR_ALWAYS;
    return isatty(fileno(stream)) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}
