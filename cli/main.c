/* fusegen: ONNX in, fused plain C out. The command line only; the work is in fg_drive. */
#include "cli/console.h"
#include "cli/driver.h"
#include "cli/lists.h"
#include "verify/leftovers.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct program {
    int argc;
    char **argv;
    fg_cli_options options;
} program;

static void parse(fg_context *ctx, void *arg) {
    program *p = arg;
    fg_options_parse(ctx, p->argc, p->argv, &p->options);
}

static void list_passes(fg_text *out) {
    for (int i = 0; i < FG_DUMP_COUNT; i++) fg_text_printf(out, "%s\n", fg_dump_pass_name((fg_dump_pass)i));
}

static void version(fg_text *out) {
    fg_text_add(out, "fusegen " FG_VERSION "\n");
}

/* What an action other than compiling prints. */
static void print_action(fg_context *ctx, void *arg) {
    static void (*const actions[])(fg_text *) = {[FG_ACTION_HELP] = fg_help_text,
                                                 [FG_ACTION_MAN] = fg_help_man,
                                                 [FG_ACTION_BASH] = fg_help_bash,
                                                 [FG_ACTION_ZSH] = fg_help_zsh,
                                                 [FG_ACTION_FISH] = fg_help_fish,
                                                 [FG_ACTION_VERSION] = version,
                                                 [FG_ACTION_LIST_TARGETS] = fg_list_targets,
                                                 [FG_ACTION_LIST_OPS] = fg_list_ops,
                                                 [FG_ACTION_LIST_PASSES] = list_passes};
    const program *p = arg;
    fg_text text = fg_text_new(ctx);
    if (p->options.action == FG_ACTION_PRINT_FLAGS)
        fg_print_flags(&text, p->options.target);
    else
        actions[p->options.action](&text);
    if (text.length) fg_console_print(ctx, text.data, text.length);
}

/* With a standard stream closed, the next file opened would take its number, and a report would be written
 * into it. A closed one is replaced by one that reads nothing and refuses to be written. */
static void keep_standard_streams(void) {
    int fd;
    do fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= 2);
    if (fd > 2) close(fd);
}

static fg_status run(fg_context *ctx, program *p) {
    fg_console console = fg_console_new(fg_options_early_color(p->argc, p->argv), false);
    fg_status status = fg_try(ctx, parse, p);
    if (status == FG_OK) {
        console = fg_console_new(p->options.color, p->options.quiet);
        if (p->options.action == FG_ACTION_RUN) return fg_drive(ctx, &p->options, &console);
        status = fg_try(ctx, print_action, p);
    }
    if (status != FG_OK) fg_console_diagnostic(&console, ctx, fg_context_diagnostic(ctx));
    return status;
}

int main(int argc, char **argv) {
    keep_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* a reader that left must not end the work on the files */
    signal(SIGXFSZ, SIG_IGN); /* a file that grows too large is an error like a full disk */
    fg_leftovers_on_signals();
    program p = {.argc = argc, .argv = argv};
    fg_context *ctx = fg_context_new();
    if (!ctx) {
        fputs("fusegen: error: out of memory\n", stderr);
        return FG_UNSUPPORTED;
    }
    fg_status status = run(ctx, &p);
    fg_context_free(ctx);
    return (int)status;
}
