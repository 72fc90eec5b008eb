/* Normalisations and the softmax family, by hand. */
#include "tests/one_node.h"

static one_node batch_norm(int opset) {
    one_node t = one_node_new("BatchNormalization", opset);
    one_node_floats(&t, "1,2,2", 1.0, 2.0, 3.0, 4.0);
    one_node_floats(&t, "2", 2.0, 3.0);
    one_node_floats(&t, "2", 10.0, 20.0);
    one_node_floats(&t, "2", 1.0, 3.0);
    one_node_floats(&t, "2", 4.0, 9.0);
    one_node_float(&t, "epsilon", 0);
    return t;
}

static void batch_norm_uses_stored_statistics(void **state) {
    (void)state;
    static const int opsets[] = {7, 9, 14, 15};
    for (size_t i = 0; i < FG_COUNT(opsets); i++) {
        one_node t = batch_norm(opsets[i]);
        one_node_expect(&t, 0, "1,2,2", 10.0, 11.0, 20.0, 21.0);
        one_node_done(&t);
    }
}

static void batch_norm_in_training_uses_the_batch(void **state) {
    (void)state;
    one_node t = batch_norm(15);
    one_node_int(&t, "training_mode", 1);
    one_node_float(&t, "momentum", 0.75F);
    t.n_out = 3;
    one_node_expect(&t, 0, "1,2,2", 8.0, 12.0, 17.0, 23.0);
    one_node_expect(&t, 1, "2", 1.125, 3.125);
    one_node_expect(&t, 2, "2", 3.0625, 6.8125);
    one_node_done(&t);
    t = batch_norm(9); /* there, more than one result says so */
    t.n_out = 5;
    one_node_expect(&t, 3, "2", 1.5, 3.5);
    one_node_expect(&t, 4, "2", 0.25, 0.25);
    one_node_done(&t);
}

static void layer_norm_gives_its_statistics(void **state) {
    (void)state;
    one_node t = one_node_new("LayerNormalization", 17);
    t.n_out = 3;
    one_node_floats(&t, "2,2", 1.0, 3.0, 10.0, 14.0);
    one_node_floats(&t, "2", 1.0, 2.0);
    one_node_floats(&t, "1", 5.0);
    one_node_float(&t, "epsilon", 0);
    one_node_expect(&t, 0, "2,2", 4.0, 7.0, 4.0, 7.0);
    one_node_expect(&t, 1, "2,1", 2.0, 12.0);
    one_node_expect(&t, 2, "2,1", 1.0, 0.5);
    one_node_done(&t);
}

static void layer_norm_checks_its_scale(void **state) {
    (void)state;
    one_node t = one_node_new("LayerNormalization", 17);
    one_node_counting(&t, "2,4");
    one_node_counting(&t, "3");
    one_node_expect_error(&t, FG_BAD_MODEL, "shapes 4 and 3");
    one_node_done(&t);
}

static void rms_norm_does_not_centre(void **state) {
    (void)state;
    one_node t = one_node_new("RMSNormalization", 23);
    one_node_floats(&t, "1,2", 1.0, 7.0); /* mean square 25 */
    one_node_floats(&t, "2", 5.0, 10.0);
    one_node_float(&t, "epsilon", 0);
    one_node_expect(&t, 0, "1,2", 1.0, 14.0);
    one_node_done(&t);
}

static void instance_norm_works_per_channel(void **state) {
    (void)state;
    one_node t = one_node_new("InstanceNormalization", 6);
    one_node_floats(&t, "1,2,2", 1.0, 3.0, 10.0, 14.0);
    one_node_floats(&t, "2", 1.0, 2.0);
    one_node_floats(&t, "2", 0.0, 1.0);
    one_node_float(&t, "epsilon", 0);
    one_node_expect(&t, 0, "1,2,2", -1.0, 1.0, -1.0, 3.0);
    one_node_done(&t);
}

static void group_norm_scales_per_group_then_per_channel(void **state) {
    (void)state;
    one_node t = one_node_new("GroupNormalization", 18);
    one_node_floats(&t, "1,4,1", 1.0, 3.0, 10.0, 14.0);
    one_node_floats(&t, "2", 1.0, 2.0);
    one_node_floats(&t, "2", 0.0, 0.0);
    one_node_int(&t, "num_groups", 2);
    one_node_float(&t, "epsilon", 0);
    one_node_expect(&t, 0, "1,4,1", -1.0, 1.0, -2.0, 2.0);
    one_node_done(&t);

    t = one_node_new("GroupNormalization", 21);
    one_node_floats(&t, "1,4,1", 1.0, 3.0, 10.0, 14.0);
    one_node_floats(&t, "4", 1.0, 2.0, 3.0, 4.0);
    one_node_floats(&t, "4", 0.0, 0.0, 0.0, 1.0);
    one_node_int(&t, "num_groups", 2);
    one_node_float(&t, "epsilon", 0);
    one_node_expect(&t, 0, "1,4,1", -1.0, 2.0, -3.0, 5.0);
    one_node_done(&t);
}

static void lp_norm_divides_by_the_norm_along_the_axis(void **state) {
    (void)state;
    one_node t = one_node_new("LpNormalization", 1);
    one_node_floats(&t, "2,2", 3.0, 0.0, 4.0, 0.0);
    one_node_int(&t, "axis", 0);
    one_node_expect(&t, 0, "2,2", 0.6, 0.0, 0.8, 0.0);
    one_node_done(&t);
}

static void lrn_sums_over_neighbouring_channels(void **state) {
    (void)state;
    one_node t = one_node_new("LRN", 13);
    one_node_floats(&t, "1,3,1", 1.0, 2.0, 3.0);
    one_node_int(&t, "size", 2); /* this channel and the next */
    one_node_float(&t, "alpha", 2);
    one_node_float(&t, "beta", 1);
    one_node_expect(&t, 0, "1,3,1", 1.0 / 6, 2.0 / 14, 3.0 / 10);
    one_node_done(&t);
}

static void softmax_flattens_before_opset_13(void **state) {
    (void)state;
    one_node t = one_node_new("Softmax", 11);
    one_node_floats(&t, "1,2,2", 0.0, 0.0, 0.0, 0.0);
    one_node_expect(&t, 0, "1,2,2", 0.25, 0.25, 0.25, 0.25);
    one_node_done(&t);

    t = one_node_new("Softmax", 13);
    one_node_floats(&t, "1,2,2", 0.0, 1000.0, 0.0, 1000.0);
    one_node_int(&t, "axis", 1);
    one_node_expect(&t, 0, "1,2,2", 0.5, 0.5, 0.5, 0.5);
    one_node_done(&t);
}

static void log_softmax_and_hardmax(void **state) {
    (void)state;
    one_node t = one_node_new("LogSoftmax", 13);
    one_node_floats(&t, "2", 0.0, 1000.0);
    one_node_expect(&t, 0, "2", -1000.0, 0.0);
    one_node_done(&t);

    t = one_node_new("Hardmax", 13);
    one_node_floats(&t, "2,3", 1.0, 3.0, 3.0, 5.0, 1.0, 2.0);
    one_node_expect(&t, 0, "2,3", 0.0, 1.0, 0.0, 1.0, 0.0, 0.0);
    one_node_done(&t);
}

static void an_axis_out_of_range_is_refused(void **state) {
    (void)state;
    one_node t = one_node_new("Softmax", 13);
    one_node_counting(&t, "2,2");
    one_node_int(&t, "axis", 2);
    one_node_expect_error(&t, FG_BAD_MODEL, "axis 2 is out of range for rank 2");
    one_node_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_norm_uses_stored_statistics),
        cmocka_unit_test(batch_norm_in_training_uses_the_batch),
        cmocka_unit_test(layer_norm_gives_its_statistics),
        cmocka_unit_test(layer_norm_checks_its_scale),
        cmocka_unit_test(rms_norm_does_not_centre),
        cmocka_unit_test(instance_norm_works_per_channel),
        cmocka_unit_test(group_norm_scales_per_group_then_per_channel),
        cmocka_unit_test(lp_norm_divides_by_the_norm_along_the_axis),
        cmocka_unit_test(lrn_sums_over_neighbouring_channels),
        cmocka_unit_test(softmax_flattens_before_opset_13),
        cmocka_unit_test(log_softmax_and_hardmax),
        cmocka_unit_test(an_axis_out_of_range_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
