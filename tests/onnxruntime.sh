#!/bin/sh
# Compares generated code, and the fused graph of --emit onnx, with ONNX Runtime on the networks of tests/models, and prints a
# line for each.
#
#     tests/onnxruntime.sh FUSEGEN [MODEL.onnx...]
#
# $PYTHON (default python3) needs numpy, onnx and onnxruntime; without them: exit 77, skipped. Exit 1 if a network failed.
set -eu

fusegen=${1:?usage: tests/onnxruntime.sh FUSEGEN [MODEL.onnx...]}
shift
python=${PYTHON:-python3}
tests=$(cd "$(dirname "$0")" && pwd)

for package in numpy onnx onnxruntime; do
    "$python" -c "import $package" 2>/dev/null || {
        echo "skipped: $python has no $package"
        exit 77
    }
done
[ $# -gt 0 ] || set -- "$tests"/models/*.onnx
status=0
"$python" "$tests/onnxruntime_compare.py" "$fusegen" "$@" || status=1
"$python" "$tests/onnxruntime_emit.py" "$fusegen" "$@" || status=1
exit $status
