#!/bin/sh
# Writes the C of the small models of tests/models/golden_*.onnx, one pair of files per model and target.
#
#     tests/update_golden.sh FUSEGEN [FOLDER [OPTION...]]
#
# FOLDER is generated/ of this project by default, options are fusegen's. Without any, every file is verified by tcc before it is
# written. tests/test_golden.c writes the same into a folder of its own and compares.
set -eu

targets="generic x86-64 x86-64-v3 x86-64-v4" # one for each dialect of x86

fusegen=${1:?usage: tests/update_golden.sh FUSEGEN [FOLDER [OPTION...]]}
tests=$(cd "$(dirname "$0")" && pwd)
folder=${2:-$tests/../generated}
[ $# -lt 2 ] && shift $# || shift 2
[ $# -gt 0 ] || set -- --verify=tcc

mkdir -p "$folder"
rm -f "$folder"/*.c "$folder"/*.h
for model in "$tests"/models/golden_*.onnx; do
    name=$(basename "$model" .onnx)
    for target in $targets; do
        "$fusegen" -q "$model" -o "$folder/${name#golden_}.$target.c" --target "$target" "$@"
    done
done
