#!/bin/sh
# Compiles and verifies every network of tests/models, fused and unfused, and prints a line for each.
#
#     tests/networks.sh FUSEGEN [SECONDS [JOBS]]
#
# What has not started after SECONDS (default 1500) is skipped, and counted as such. Exit 1 if anything failed.
set -u

# Networks that are also built by the target's own compiler: one of each kind of block.
with_cc="efficientnet_b0 efficientnet_v2_s resnet18 mobilenet_v2 mobilenet_v3_small densenet121 shufflenet_v2_x1_0 mlp10x512 mobilenet_v2.qdq voice_detector keyword_spotter
    ssdlite320_mobilenet_v3_large fasterrcnn_mobilenet_v3_large_320_fpn"

# EfficientNet at the resolutions that it was made for; $NATIVE=all (ten minutes more) also takes those of up to two minutes each.
with_native="b1:240 b2:260 b3:300 lite1:240"
[ "${NATIVE:-}" != all ] || with_native="$with_native b4:380 b5:456 b6:528 b7:600 lite2:260 lite3:280 lite4:300"

# Larger ones of a family that is compiled without fusion in another size: fused only.
fused_only="_b[1-7] _lite[1-4] _v2_s vit_b_16 convnext_base resnet50 resnet101 resnet152 resnext wide_resnet vgg densenet121 fcn_ deeplab"

options() { # MODE
    case $1 in
    native-*) echo "--verify=tcc --max-work=10T --shape input=1x3x${1#native-}x${1#native-}" ;;
    fused) echo "--verify=tcc" ;;
    unfused) echo "--verify=tcc --no-fuse" ;;
    cc) echo "--verify=cc" ;;
    esac
}

# One network in one mode: a line of outcome, name, mode, kernels, error, seconds.
one() { # FUSEGEN DEADLINE MODEL MODE
    name=$(basename "${3%.graph.onnx}" .onnx)
    start=$(date +%s)
    if [ "$start" -ge "$2" ]; then
        printf 'skipped  %-26s %-10s no time left\n' "$name" "$4"
        return
    fi
    dims=
    case $name in *.dyn | sklearn_*) dims="--dim batch=2" ;; esac
    # shellcheck disable=SC2046,SC2086  # options are words
    text=$("$1" "$3" -q $(options "$4") $dims 2>&1)
    status=$?
    seconds=$(($(date +%s) - start))
    if [ $status -eq 0 ]; then
        kernels=$(printf '%s\n' "$text" | sed -n 's/^kernels *\([0-9]*\).*/\1/p')
        error=$(printf '%s\n' "$text" | sed -n 's/^verdict .*: error \([^ ]*\) of RMS.*/\1/p')
        printf 'passed   %-26s %-10s %4s kernels  error %s  %4d s\n' "$name" "$4" "$kernels" "$error" "$seconds"
    else
        line=$(printf '%s\n' "$text" | grep '^fusegen: ' | tail -n 1)
        printf 'failed   %-26s %-10s exit %d: %s\n' "$name" "$4" "$status" "$line"
    fi
}

if [ "${1:-}" = --one ]; then
    shift
    one "$@"
    exit 0
fi

if [ $# -lt 1 ] || [ ! -x "$1" ]; then
    echo "usage: tests/networks.sh FUSEGEN [SECONDS [JOBS]]" >&2
    exit 2
fi
models=$(dirname "$0")/models
deadline=$(($(date +%s) + ${2:-1500}))
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The large ones first: one of them at the end would leave the other cores idle.
list() { # MODE: lines of a network and the mode, by turns
    # shellcheck disable=SC2012  # names of our own
    ls -S "$models" | sed -n "s#^\(.*\.graph\|sklearn_.*\)\.onnx\$#$models/&\n$1#p"
}
small() { # MODE: the same without those of fused_only
    pattern=$(echo "$fused_only" | sed 's/ /\\|/g')
    list "$1" | paste - - | grep -v "$pattern" | tr '\t' '\n'
}
[ -n "$(list fused)" ] && [ -n "$(small unfused)" ] || {
    echo "no networks in $models" >&2
    exit 1
}
{
    list fused
    for name in $with_cc; do printf '%s\n%s\n' "$models/$name.graph.onnx" cc; done
    for name in $with_native; do
        printf '%s\n%s\n' "$models/efficientnet_${name%:*}.graph.onnx" "native-${name#*:}"
    done
    small unfused
} | xargs -n 2 -P "${3:-2}" "$0" --one "$1" "$deadline" | tee "$log"

passed=$(grep -c '^passed' "$log")
failed=$(grep -c '^failed' "$log")
skipped=$(grep -c '^skipped' "$log")
[ "$skipped" -eq 0 ] || echo "$skipped skipped for want of time"
echo "networks: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
