/* The parts of the page of --report=html, embedded by CMake from cli/page/. */
#ifndef FG_CLI_PAGE_H
#define FG_CLI_PAGE_H

#include "codegen/embedded.h"

extern const fg_embedded_file fg_embedded_page[];

#endif
