#!/bin/sh
# Instructions for each multiply-add of the C that emx-onnx-cgen makes of a network, compiled with a target's flags and counted in the
# target's emulator as tests/boards.sh counts ours.
#
#     bench/boards_peer.sh EMX-ONNX-CGEN FULL-MODEL.onnx MULTIPLY-ADDS TARGET...
#     bench/boards_peer.sh --ram FUSEGEN EMX-ONNX-CGEN FULL-MODEL.onnx TARGET...
#
# The second form compares bytes of RAM, inputs and outputs aside: what the object files claim (.data, .bss), the arena, and the stack of
# the deepest call by the compiler's -fstack-usage. emx-onnx-cgen keeps its tensors on the stack (or, by another option, on the heap,
# as much); ours is the code by default and by --optimize ram.
#
# FULL-MODEL: tests/fill_model.py makes it of a graph-only file. Sums are kept in float32 (--fp32-accumulation-strategy simple): the
# default, double, would be unfair where doubles are made in software. Weights stand in the C file, up to 64 MB.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
[ $# -ge 4 ] || {
    sed -n '2,7p' "$0" >&2
    exit 2
}
ram=
if [ "$1" = --ram ]; then
    ram=yes fusegen=$2 emx=$3 model=$4
    shift 4
else
    emx=$1 model=$2 macs=$3
    shift 3
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

key() { # TARGET KEY: as the file says, or one that it inherits from
    value=$(sed -n "s/^$2 = *\([^#]*[^# ]\).*/\1/p" "$root/targets/$1.target")
    [ -n "$value" ] || {
        parent=$(sed -n 's/^inherit = *\([^# ]*\).*/\1/p' "$root/targets/$1.target")
        [ -z "$parent" ] || value=$(key "$parent" "$2")
    }
    printf '%s' "$value"
}

bytes() { # 4M, 0x20000000
    case $1 in
    *k) echo $((${1%k} << 10)) ;;
    *M) echo $((${1%M} << 20)) ;;
    *G) echo $((${1%G} << 30)) ;;
    *) echo $((${1:-0})) ;;
    esac
}

memory_map() { # TARGET: as verify/emulator_build.c has it
    base=$(bytes "$(key "$1" flash_base)") size=$(bytes "$(key "$1" flash_bytes)") vectors=$(key "$1" vector_base)
    if [ -z "$vectors" ]; then
        vectors=$base base=$((base + 1024)) size=$((size - 1024))
    fi
    for pair in vector_base=$((vectors)) flash_base=$base flash_bytes=$size ram_base=$(bytes "$(key "$1" ram_base)") \
        ram_bytes=$(bytes "$(key "$1" ram_bytes)"); do
        printf ' -Wl,--defsym=board_%s' "$pair"
    done
}

claims() { # COMPILER OBJECT: bytes of .data and .bss
    size=$(printf '%s' "$1" | sed 's/gcc.*/size/')
    "$size" -A "$2" | awk '/^\.(s?data|s?bss)/ { n += $2 } END { print n + 0 }'
}

deepest() { # FILE.su: the largest frame, which is that of the function that calls all others, and the largest of the others
    sort -n -t '	' -k 2 "$1" | tail -n 2 | awk -F '	' '{ n += $2 } END { print n + 0 }'
}

ours() { # TARGET OPTIMIZE
    "$fusegen" "$model" --target "$1" --optimize "$2" --verify=none -q --report=json |
        awk -F '[:,]' '/"arena_bytes"|"stack_bytes"|"data_bytes"/ { n += $2 } END { print n + 0 }'
}

"$emx" compile --fp32-accumulation-strategy simple --large-temp-threshold 0 --large-weight-threshold $((64 << 20)) \
    --model-name model "$model" "$folder/model.c" >/dev/null 2>&1
if [ -n "$ram" ]; then
    for target in "$@"; do
        compiler=$(key "$target" compiler)
        # shellcheck disable=SC2046,SC2086  # flags are words
        $compiler -w $(key "$target" flags) -fstack-usage -c "$folder/model.c" -o "$folder/model.o"
        peer=$(($(claims "$compiler" "$folder/model.o") + $(deepest "$folder/model.su")))
        printf '%s emx-onnx-cgen %d fusegen %d ram %d\n' "$target" "$peer" "$(ours "$target" speed)" "$(ours "$target" ram)"
    done
    exit 0
fi
cp "$root"/targets/board/* "$folder"
cat >"$folder/program.c" <<'PROGRAM'
#include "board.h"
void model();
static union { float align; unsigned char bytes[150528 * 4]; } in, out;
__attribute__((noinline)) void board_mark(void) { __asm__ volatile("" ::: "memory"); }
int main(void) {
    float *x = (float *)in.bytes;
    for (int i = 0; i < 150528; i++) x[i] = (float)(i % 17) * 0.125f - 1.0f;
    board_mark();
    model(in.bytes, out.bytes);
    board_mark();
    board_exit(0);
}
PROGRAM
cc -shared -fPIC -O1 -o "$folder/count.so" "$folder/count.c"
for target in "$@"; do
    runtime=$(key "$target" runtime)
    map=
    [ "${runtime:-linux}" = linux ] || map=$(memory_map "$target")
    link=$(key "$target" link)
    # shellcheck disable=SC2046,SC2086  # flags are words
    $(key "$target" compiler) -w $(key "$target" flags) "$folder/model.c" "$folder/program.c" "$folder/${runtime:-linux}.c" \
        -o "$folder/program" -L"$folder" -lm $map ${link:--static}
    emulator=$(key "$target" emulator)
    rm -f "$folder/counts"
    # shellcheck disable=SC2086
    timeout 1200 ${emulator%% *} -plugin "$folder/count.so,counts=$folder/counts" ${emulator#* } "$folder/program" </dev/null
    od -A n -t u8 -w16 "$folder/counts" | awk -v t="$target" -v m="$macs" '{ printf "%s %.2f\n", t, ($2 - $1) / m }'
done
