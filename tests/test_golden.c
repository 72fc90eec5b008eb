/* Generated C is a product that people read: any change to it is seen in review, as a change of the files in
 * generated/. */
#include "tests/tool.h"

#include <stdbool.h>

#define GENERATED FG_SOURCE_DIR "/generated"
#define SCRIPT    FG_SOURCE_DIR "/tests/update_golden.sh"

/* Line of the first difference, counted from one. */
static int first_difference(const char *a, const char *b) {
    int line = 1;
    for (; *a && *a == *b; a++, b++) line += *a == '\n';
    return line;
}

static bool is_generated(const char *name) {
    size_t n = strlen(name);
    return n > 2 && name[n - 2] == '.' && (name[n - 1] == 'c' || name[n - 1] == 'h');
}

static bool same_file(const char *name, const char *made) {
    size_t n_committed, n_made;
    char *a = tool_read(GENERATED, name, &n_committed), *b = tool_read(made, name, &n_made);
    bool same = a && b && n_committed == n_made && memcmp(a, b, n_made) == 0;
    if (!a)
        print_error("generated/%s is missing\n", name);
    else if (!b)
        print_error("generated/%s is not made by the script\n", name);
    else if (!same)
        print_error("generated/%s:%d differs\n", name, first_difference(a, b));
    free(a);
    free(b);
    return same;
}

/* Compares every file of the folder by name; `only_missing`: those that `made` does not have. Returns the
 * number of files, and counts in *bad those that differ. */
static int compare(const char *folder, const char *made, bool only_missing, int *bad) {
    int n = 0;
    DIR *d = opendir(folder);
    if (!d) fail_msg("there is no folder %s", folder);
    for (struct dirent *e; (e = readdir(d));) {
        if (!is_generated(e->d_name) || (only_missing && tool_exists(made, e->d_name))) continue;
        *bad += !same_file(e->d_name, made);
        n++;
    }
    closedir(d);
    return n;
}

static void generated_code_is_as_committed(void **state) {
    (void)state;
    char folder[] = TOOL_FOLDER;
    int bad = 0;
    tool_folder(folder);
    char *cwd = getcwd(NULL, 0);
    char *out = tool_path(cwd, folder), *golden = tool_path(out, "golden");
    tool_result r =
        tool_run_program(folder, "sh", (const char *[]){SCRIPT, FG_TOOL, golden, "--verify=none", NULL});
    tool_expect(&r, 0);
    tool_free(&r);
    assert_true(compare(golden, golden, false, &bad) >= 24); /* three models, four targets, two files */
    compare(GENERATED, golden, true, &bad);
    free(cwd);
    free(out);
    free(golden);
    tool_remove(folder);
    if (bad)
        fail_msg("generated code changed; if that is what was meant, run ./dev golden and commit generated/");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_code_is_as_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
