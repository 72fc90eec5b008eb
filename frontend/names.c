/* The map from names to things. */
#include "frontend/names.h"

#include <string.h>

static size_t hash_text(const char *s) {
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *s; s++) h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    return (size_t)(h ^ h >> 32);
}

static fg_name *find(fg_name *slots, size_t n, const char *name) {
    size_t i = hash_text(name) & (n - 1);
    while (slots[i].name && strcmp(slots[i].name, name) != 0) i = (i + 1) & (n - 1);
    return &slots[i];
}

const fg_name *fg_names_find(const fg_names *names, const char *name) {
    const fg_name *entry = names->n_slots ? find(names->slots, names->n_slots, name) : NULL;
    return entry && entry->name ? entry : NULL;
}

void *fg_names_get(const fg_names *names, const char *name) {
    const fg_name *entry = fg_names_find(names, name);
    return entry ? entry->value : NULL;
}

static void grow(fg_names *names) {
    size_t n = names->n_slots ? names->n_slots * 2 : 16;
    fg_name *slots = FG_ARRAY(names->ctx, n, fg_name);
    for (size_t i = 0; i < names->n_slots; i++)
        if (names->slots[i].name) *find(slots, n, names->slots[i].name) = names->slots[i];
    names->slots = slots;
    names->n_slots = n;
}

fg_name *fg_names_at(fg_names *names, const char *name) {
    if (names->used * 2 >= names->n_slots) grow(names);
    fg_name *slot = find(names->slots, names->n_slots, name);
    if (!slot->name) {
        *slot = (fg_name){.name = name};
        names->used++;
    }
    return slot;
}
