/* A map from names to things: an open hash. Names are not copied, so they live as long as the map. */
#ifndef FG_FRONTEND_NAMES_H
#define FG_FRONTEND_NAMES_H

#include "frontend/base.h"

typedef struct fg_name {
    const char *name; /* NULL: free */
    void *value;
    int number; /* the owner's */
} fg_name;

typedef struct fg_names {
    fg_context *ctx;
    fg_name *slots;
    size_t n_slots, used;
} fg_names;

const fg_name *fg_names_find(const fg_names *names, const char *name); /* NULL if the name is not there */
void *fg_names_get(const fg_names *names, const char *name);           /* its value; NULL likewise */
/* The entry of that name, added with value NULL if need be; valid until the next call. */
fg_name *fg_names_at(fg_names *names, const char *name);

#endif
