/* A locale whose decimal point is a comma: one that is installed, else one that localedef makes. */
#ifndef FG_TESTS_COMMA_LOCALE_H
#define FG_TESTS_COMMA_LOCALE_H

#include "tests/tool.h"

#include <locale.h>
#include <stdbool.h>

/* Sets LC_NUMERIC; false if there is no such locale. */
static inline bool comma_locale(void) {
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "pt_BR.UTF-8", "ru_RU.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (setlocale(LC_NUMERIC, names[i])) return true;
    char folder[] = TOOL_FOLDER;
    tool_folder(folder);
    tool_result r = tool_run_program(
        folder, "/bin/sh", (const char *[]){"-c", "localedef -i de_DE -f UTF-8 ./de_DE.UTF-8", NULL});
    tool_free(&r);
    setenv("LOCPATH", folder, 1);
    const bool found = setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL;
    unsetenv("LOCPATH");
    tool_remove(folder);
    return found;
}

#endif
