#!/bin/sh
# Compiles networks for targets, without warnings, and checks them on the target's instruction set: a table of errors and of instructions
# for each multiply-add.
#
#     tests/boards.sh FUSEGEN [half|all|TARGET...]      half (the default): one target of each kind, as CI does
#
# TARGET/fp16 and TARGET/bf16 have weights of that precision.
# Cortex-M and 32-bit RISC-V run the three networks for microcontrollers (the Cortex-M4 also with --optimize ram and flash), the others
# EfficientNet-B0. x86 targets that QEMU knows are
# emulated too, for their counts; AVX-512 runs on this machine if it has it, and bench/mca.py counts. A target whose compiler or emulator is
# missing fails: install its packages (./dev boards does). Exit 1 if anything failed.
set -u

root=$(cd "$(dirname "$0")/.." && pwd)
small="ds_cnn mobilenet_v2_035_96 resnet8"
half="cortex-a53 cortex-a7 rv64gcv cortex-m0plus cortex-m4f cortex-m33 cortex-m55 rv32imac rv32imafc x86-64-v2 x86-64-v4
    cortex-m4f/fp16"
all="generic atom x86-64 x86-64-v2 x86-64-v3 x86-64-v4 zen4 aarch64 apple-m cortex-a53 cortex-a55 cortex-a72 cortex-a76 neoverse-n1 neoverse-v1
    cortex-a7 cortex-a9 rv64gc rv64gcv rv64gcv-256 cortex-m0plus cortex-m4f cortex-m7 cortex-m33 cortex-m55 rv32imac rv32imafc
    cortex-m4f/fp16 cortex-m4f/bf16 cortex-m55/fp16 rv32imafc/fp16 cortex-a9/fp16 cortex-a53/fp16 rv64gcv/bf16 x86-64-v4/fp16"
warnings="-Wall -Wextra -Wdouble-promotion -Werror -DFG_EXTERNAL_WEIGHTS"

key() { # TARGET KEY: as the file says, or one that it inherits from
    value=$(sed -n "s/^$2 = *\([^#]*[^# ]\).*/\1/p" "$root/targets/$1.target")
    [ -n "$value" ] || {
        parent=$(sed -n 's/^inherit = *\([^# ]*\).*/\1/p' "$root/targets/$1.target")
        [ -z "$parent" ] || value=$(key "$parent" "$2")
    }
    printf '%s' "$value"
}

# What verifies a target: its emulator; QEMU for x86 without AVX-512, by a target file of our own; else this machine.
arguments() { # TARGET[/PRECISION] FOLDER
    case $1 in
    */*)
        echo "--precision ${1#*/}"
        arguments "${1%%/*}" "$2"
        ;;
    x86-64 | x86-64-v2 | x86-64-v3 | atom | generic)
        printf 'inherit = %s\nemulator = qemu-x86_64 -cpu max\n' "$1" >"$2/$1.target"
        echo "--target $2/$1.target --verify=emulator"
        ;;
    x86-64-v4 | zen4)
        if grep -q avx512dq /proc/cpuinfo; then echo "--target $1 --verify=cc"; else echo "--target $1 --verify=tcc"; fi
        ;;
    *) echo "--target $1 --verify=emulator" ;;
    esac
}

number() { # FILE KEY: its first value after "verify"
    sed -n '/"verify"/,$p' "$1" | sed -n "s/.*\"$2\":[[:space:]]*\([0-9.e+-]*\).*/\1/p" | head -n 1
}

# Instructions of a whole run: of the emulator, or of a copy that counts for itself.
count() { # FUSEGEN TARGET NETWORK FOLDER
    n=$(number "$4/report" instructions)
    if [ -z "$n" ] && grep -q avx512dq /proc/cpuinfo && command -v python3 >/dev/null; then
        precision=${2#"${2%%/*}"}
        # shellcheck disable=SC2086  # an option or none
        n=$("$root/bench/mca.py" --count --fusegen "$1" --target "${2%%/*}" ${precision:+--option=--precision=${precision#/}} "$3" | sed -n 's/.* \([0-9.]*\) million instructions.*/\1e6/p')
    fi
    printf '%s' "$n"
}

fail() { # TARGET NETWORK TEXT
    printf 'FAILED  %-14s %-25s %s\n' "$1" "$2" "$3"
}

one() { # FUSEGEN TARGET NETWORK[:OPTIMIZE]
    folder=$(mktemp -d) optimize=speed network=${3%%:*}
    [ "$network" = "$3" ] || optimize=${3#*:}
    # shellcheck disable=SC2046  # options are words
    if ! text=$(timeout 900 "$1" "$root/tests/models/$network.graph.onnx" $(arguments "$2" "$folder") --optimize "$optimize" -q -o "$folder/out.c" \
        --report=json --report-file "$folder/report" 2>&1); then
        fail "$2" "$3" "$(printf '%s\n' "$text" | grep '^fusegen: ' | tail -n 1)"
    # shellcheck disable=SC2046,SC2086
    elif ! text=$($(key "${2%%/*}" compiler) $(key "${2%%/*}" flags) $warnings -c "$folder/out.c" -o "$folder/out.o" 2>&1); then
        fail "$2" "$3" "$(printf '%s\n' "$text" | grep -m 1 'warning\|error')"
    else
        flops=$(sed -n 's/^[[:space:]]"flops":[[:space:]]*\([0-9]*\).*/\1/p' "$folder/report" | head -n 1)
        awk -v t="$2" -v n="$3" -v f="$flops" -v i="$(count "$1" "$2" "$3" "$folder")" \
            -v e="$(number "$folder/report" max_rel_rms)" 'BEGIN {
                count = i == "" ? "-" : sprintf("%.2f", 2 * i / f)
                printf "passed  %-14s %-25s error %.1e of RMS, %s instructions for each multiply-add\n", t, n, e, count }'
    fi
    rm -rf "$folder"
}

if [ "${1:-}" = --one ]; then
    shift
    one "$@"
    exit 0
fi
[ $# -ge 1 ] && [ -x "$1" ] || {
    echo "usage: tests/boards.sh FUSEGEN [half|all|TARGET...]" >&2
    exit 2
}
fusegen=$1
shift
case ${1:-half} in
half) targets=$half ;;
all) targets=$all ;;
*) targets=$* ;;
esac
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for target in $targets; do
    case $target in
    cortex-m4f) networks="$small $(printf '%s:ram ' $small) $(printf '%s:flash ' $small)" ;;
    cortex-m* | rv32*) networks=$small ;;
    *) networks=efficientnet_b0 ;;
    esac
    for network in $networks; do printf '%s %s\n' "$target" "$network"; done
done | xargs -n 2 -P "${JOBS:-$(nproc)}" "$0" --one "$fusegen" | tee "$log"
failed=$(grep -c '^FAILED' "$log")
passed=$(grep -c '^passed' "$log")
echo "boards: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
