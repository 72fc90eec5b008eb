/* The model that chooses register tiles: what a property of a core does to its choice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codegen/tile.h"

/* A core of 32 vector registers of four lanes that issues two instructions, one of them a multiply-add. */
static fg_target core(void) {
    return (fg_target){.name = "core",
                       .isa = "aarch64",
                       .vector_bits = 128,
                       .vector_registers = 32,
                       .fma = true,
                       .fma_per_cycle = 1,
                       .fma_latency = 4,
                       .run = 4,
                       .load_vectors = 1,
                       .issue = 2,
                       .ghz = 1,
                       .l1_gbps = 8,
                       .l1_bytes = 32768};
}

/* Large enough that no tile is left with much of a rest. */
static fg_product product(const fg_target *t) {
    return (fg_product){.rows = 1, .width = 5040, .k = 480, .vectors = 120, .run = t->run};
}

static fg_tile choice(const fg_target *t) {
    const fg_product p = product(t);
    return fg_choose_tile(t, &p);
}

static int registers(fg_tile c, int steps) {
    return c.mr * c.nv + c.mr + steps * c.nv;
}

static double cost(const fg_target *t, int mr, int nv) {
    const fg_product p = product(t);
    return fg_tile_of(t, &p, mr, nv).cost;
}

static void a_core_that_waits_for_its_loads_takes_the_weights_of_four_steps_at_once(void **state) {
    (void)state;
    fg_target t = core();
    t.load_wait = 5;
    const fg_tile c = choice(&t);
    assert_true(registers(c, 4) <= t.vector_registers);
    assert_true(cost(&t, 8, 2) < cost(&t, 9, 2)); /* two steps */
    assert_true(cost(&t, 9, 2) < cost(&t, 5, 4)); /* one */
}

static void one_that_does_not_wait_has_more_accumulators(void **state) {
    (void)state;
    fg_target waits = core(), goes_on = core();
    waits.load_wait = 5;
    const fg_tile few = choice(&waits), many = choice(&goes_on);
    assert_true(many.mr * many.nv > few.mr * few.nv);
    assert_true(registers(many, 4) > goes_on.vector_registers);
}

static void the_longer_the_wait_the_more_a_tile_costs_that_waits_in_every_step(void **state) {
    (void)state;
    fg_target t = core();
    double before = 0;
    for (t.load_wait = 1; t.load_wait <= 9; t.load_wait += 4) {
        const double ratio = cost(&t, 5, 4) / cost(&t, 8, 2);
        assert_true(ratio > before);
        before = ratio;
    }
}

static void vector_loads_that_take_longer_favour_tiles_of_fewer_vectors(void **state) {
    (void)state;
    fg_target t = core();
    t.run = 1;
    t.load_wait = 3;
    const double fast = cost(&t, 12, 1) / cost(&t, 4, 3);
    t.l1_gbps = 4;
    assert_true(cost(&t, 12, 1) / cost(&t, 4, 3) < fast);
}

static void elements_in_registers_of_their_own_leave_room_for_accumulators(void **state) {
    (void)state;
    fg_target t = core();
    t.run = 1;
    t.load_wait = 3;
    const fg_product p = product(&t);
    assert_false(fg_tile_fits(&t, &p, 6, 4));
    const fg_tile small = choice(&t);
    t.element_registers = 32;
    assert_true(fg_tile_fits(&t, &p, 6, 4));
    assert_false(fg_tile_fits(&t, &p, 7, 4)); /* 28 accumulators and 4 weights */
    const fg_tile large = choice(&t);
    assert_true(large.mr * large.nv > small.mr * small.nv);
    t.element_registers = 4;
    assert_false(fg_tile_fits(&t, &p, 6, 4));
    assert_true(choice(&t).mr <= 4);
}

static void loads_that_fill_several_registers_favour_tiles_of_that_many_vectors(void **state) {
    (void)state;
    fg_target t = core();
    t.run = 1;
    t.load_wait = 3;
    t.element_registers = 32;
    t.load_vectors = 2;
    const double by_two = cost(&t, 6, 4) / cost(&t, 9, 3);
    t.load_vectors = 4;
    assert_true(cost(&t, 6, 4) / cost(&t, 9, 3) < by_two);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_core_that_waits_for_its_loads_takes_the_weights_of_four_steps_at_once),
        cmocka_unit_test(one_that_does_not_wait_has_more_accumulators),
        cmocka_unit_test(the_longer_the_wait_the_more_a_tile_costs_that_waits_in_every_step),
        cmocka_unit_test(vector_loads_that_take_longer_favour_tiles_of_fewer_vectors),
        cmocka_unit_test(elements_in_registers_of_their_own_leave_room_for_accumulators),
        cmocka_unit_test(loads_that_fill_several_registers_favour_tiles_of_that_many_vectors),
    };
    return cmocka_run_group_tests_name("tile", tests, NULL, NULL);
}
