/* Generated code in an emulator: a program for the target, built by the target's compiler, that the target's
 * emulator runs and that obeys orders through two named pipes (targets/board/). */
#ifndef FG_VERIFY_EMULATOR_H
#define FG_VERIFY_EMULATOR_H

#include "verify/memory.h"
#include "verify/toolchain.h"

/* Builds the program and starts it. mem: whose contents go into the emulator at each call and come back;
 * outlives the library. Raises FG_TOOLCHAIN, with the packages to install, if the target has no emulator, or
 * if compiler or emulator are missing or fail. */
fg_library *fg_load_emulator(const fg_module *m, const fg_memory *mem);

/* ---- building (emulator_build.c) ---- */

typedef struct fg_board_program {
    char *folder;  /* temporary; everything lies here */
    char *program; /* for the target */
    char *orders;  /* names of the pipes */
    char *answers;
    const char *plugin; /* counts instructions; NULL: could not be built */
    char *counts;       /* what it writes */
} fg_board_program;

fg_board_program fg_board_build(const fg_module *m, const fg_memory *mem);

/* "install it (Debian: apt-get install ...)" */
const char *fg_board_remedy(const fg_module *m);

#endif
