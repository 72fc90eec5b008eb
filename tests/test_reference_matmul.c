/* Gemm and MatMul: transpositions, scaling, batch broadcasting, vectors, integers, messages. */
#include "tests/one_node.h"

static void gemm_scales_and_adds_a_broadcast_bias(void **state) {
    (void)state;
    one_node t = one_node_new("Gemm", 13);
    one_node_floats(&t, "2,3", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0);
    one_node_floats(&t, "3,2", 1.0, 0.0, 0.0, 1.0, 1.0, 1.0);
    one_node_floats(&t, "2", 10.0, 20.0);
    one_node_float(&t, "alpha", 2);
    one_node_float(&t, "beta", 0.5F);
    one_node_expect(&t, 0, "2,2", 13.0, 20.0, 25.0, 32.0);
    one_node_done(&t);
}

static void gemm_transposes_either_operand(void **state) {
    (void)state;
    one_node t = one_node_new("Gemm", 13);
    one_node_floats(&t, "3,2", 1.0, 4.0, 2.0, 5.0, 3.0, 6.0);
    one_node_floats(&t, "2,3", 1.0, 0.0, 1.0, 0.0, 1.0, 1.0);
    one_node_floats(&t, "2,1", 1.0, 2.0);
    one_node_int(&t, "transA", 1);
    one_node_int(&t, "transB", 1);
    one_node_expect(&t, 0, "2,2", 5.0, 6.0, 12.0, 13.0);
    one_node_done(&t);
}

static void batches_broadcast(void **state) {
    (void)state;
    one_node t = one_node_new("MatMul", 13);
    one_node_floats(&t, "2,1,1,2", 1.0, 2.0, 3.0, 4.0);
    one_node_floats(&t, "2,2,1", 1.0, 10.0, 100.0, 1000.0);
    one_node_expect(&t, 0, "2,2,1,1", 21.0, 2100.0, 43.0, 4300.0);
    one_node_done(&t);
}

static void vectors_lose_their_dimension(void **state) {
    (void)state;
    one_node t = one_node_new("MatMul", 13);
    one_node_floats(&t, "2", 1.0, 2.0);
    one_node_floats(&t, "2", 3.0, 4.0);
    one_node_expect(&t, 0, "", 11.0);
    one_node_done(&t);

    t = one_node_new("MatMul", 13);
    one_node_floats(&t, "2", 1.0, 2.0);
    one_node_floats(&t, "2,2,3", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0);
    one_node_expect(&t, 0, "2,3", 9.0, 12.0, 15.0, 3.0, 3.0, 3.0);
    one_node_done(&t);

    t = one_node_new("MatMul", 13);
    one_node_floats(&t, "2,2", 1.0, 2.0, 3.0, 4.0);
    one_node_floats(&t, "2", 1.0, 10.0);
    one_node_expect(&t, 0, "2", 21.0, 43.0);
    one_node_done(&t);
}

static void an_empty_sum_is_zero(void **state) {
    (void)state;
    one_node t = one_node_new("MatMul", 13);
    one_node_floats(&t, "2,0");
    one_node_floats(&t, "0,2");
    one_node_expect(&t, 0, "2,2", 0.0, 0.0, 0.0, 0.0);
    one_node_done(&t);
}

static void integers_multiply_exactly_and_wrap(void **state) {
    (void)state;
    one_node t = one_node_new("MatMul", 9);
    one_node_in(&t, FG_INT32, "1,2", 65536.0, 3.0);
    one_node_in(&t, FG_INT32, "2,1", 65536.0, 5.0);
    one_node_expect(&t, 0, "1,1", 15.0);
    one_node_done(&t);
}

static void sizes_that_span_blocks_agree_with_a_naive_loop(void **state) {
    (void)state;
    enum { M = 67, K = 301, N = 70 };
    for (int transposed = 0; transposed < 2; transposed++) {
        one_node t = one_node_new("Gemm", 13);
        one_node_counting(&t, "67,301");
        one_node_counting(&t, transposed ? "70,301" : "301,70");
        one_node_int(&t, "transB", transposed);
        float *a = (float *)t.data[0].data, *b = (float *)t.data[1].data;
        for (int i = 0; i < M * K; i++) {
            a[i] = (float)(i * 7 % 13 - 6);
        }
        for (int i = 0; i < K * N; i++) {
            b[i] = (float)(i * 5 % 11 - 5);
        }
        const fg_tensor *y = one_node_out(&t, 0);
        for (int m = 0; m < M; m++) {
            for (int n = 0; n < N; n++) {
                double sum = 0;
                for (int k = 0; k < K; k++) {
                    sum += (double)a[m * K + k] * (double)b[transposed ? n * K + k : k * N + n];
                }
                assert_true(fg_get_f64(y, m * N + n) == sum); /* small integers: exact */
            }
        }
        one_node_done(&t);
    }
}

static void depths_that_differ_are_named(void **state) {
    (void)state;
    one_node t = one_node_new("MatMul", 13);
    one_node_counting(&t, "2,3");
    one_node_counting(&t, "4,2");
    one_node_expect_error(&t, FG_BAD_MODEL, "3 columns, 4 rows");
    one_node_done(&t);

    t = one_node_new("Gemm", 13);
    one_node_counting(&t, "2,3");
    one_node_counting(&t, "2,4");
    one_node_int(&t, "transB", 1);
    one_node_expect_error(&t, FG_BAD_MODEL, "2x4 (transposed)");
    one_node_done(&t);
}

static void a_bias_that_would_grow_the_result_is_refused(void **state) {
    (void)state;
    one_node t = one_node_new("Gemm", 13);
    one_node_counting(&t, "1,2");
    one_node_counting(&t, "2,2");
    one_node_counting(&t, "3,2");
    one_node_expect_error(&t, FG_BAD_MODEL, "bias of shape 3x2");
    one_node_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemm_scales_and_adds_a_broadcast_bias),
        cmocka_unit_test(gemm_transposes_either_operand),
        cmocka_unit_test(batches_broadcast),
        cmocka_unit_test(vectors_lose_their_dimension),
        cmocka_unit_test(an_empty_sum_is_zero),
        cmocka_unit_test(integers_multiply_exactly_and_wrap),
        cmocka_unit_test(sizes_that_span_blocks_agree_with_a_naive_loop),
        cmocka_unit_test(depths_that_differ_are_named),
        cmocka_unit_test(a_bias_that_would_grow_the_result_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
