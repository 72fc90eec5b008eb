#!/bin/sh
# Writes the official ONNX backend node tests to BUILD/backend-node, in a Python environment of their own.
# usage: make_backend_tests.sh BUILD        exits 77 (skipped) where the packages cannot be had
set -eu
ONNX=1.23.2
NUMPY=2.2.6

here=$(cd "$(dirname "$0")" && pwd)
build=${1:?usage: make_backend_tests.sh BUILD}
cases=$build/backend-node
stamp=$cases/.onnx-$ONNX
venv=$build/backend-venv

skip() {
    echo "skipped: $1"
    exit 77
}

[ -e "$stamp" ] && exit 0
mkdir -p "$build"
command -v python3 >/dev/null || skip "there is no python3"
if ! "$venv/bin/python" -c "import onnx; assert onnx.__version__ == '$ONNX'" 2>/dev/null; then
    python3 -m venv "$venv" >/dev/null 2>&1 || skip "python3 has no venv module"
    "$venv/bin/pip" install --quiet --retries 1 --timeout 20 "onnx==$ONNX" "numpy==$NUMPY" >"$build/backend-pip.log" 2>&1 ||
        skip "onnx $ONNX cannot be installed (see $build/backend-pip.log)"
fi
rm -rf "$cases"
"$venv/bin/python" "$here/make_backend_tests.py" "$cases"
: >"$stamp"
