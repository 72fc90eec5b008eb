#!/bin/sh
# Installs the built project into a folder of its own and uses it as a stranger would: the example for this machine by CMake and
# by make, a project of three lines, and, where their compilers and emulators are installed, a bare Cortex-M4, Linux on ARM and
# on RISC-V; the Debian package. What the programs print is compared.
#
#     tests/package.sh BUILD-FOLDER [required]     required: what is missing is a failure, not a note
set -eu

build=$(cd "${1:?usage: tests/package.sh BUILD-FOLDER [required]}" && pwd)
required=${2:-}
tests=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

say() { printf '%-24s %s\n' "$1" "$2"; }
bad() {
    say "$1" "FAILED: $2"
    failed=1
}

# Whether the commands are there.
have() { # NAME COMMAND...
    name=$1
    shift
    for command; do
        command -v "$command" >/dev/null 2>&1 && continue
        if [ -n "$required" ]; then bad "$name" "$command is missing"; else say "$name" "not tried: $command is missing"; fi
        return 1
    done
}

# The same largest element, and numbers that differ by 2 at most.
same() { # TEXT
    printf '%s\n%s\n' "$expected" "$1" | tr -cs '0-9\n-' ' ' |
        awk 'NR == 1 { n = split($0, a) } NR == 2 { m = split($0, b) }
             END { if (n != m || n < 4 || a[1] != b[1]) exit 1; for (i = 2; i < n; i++) { d = a[i] - b[i]; if (d > 2 || d < -2) exit 1 } }'
}

check() { # NAME COMMAND...
    name=$1
    shift
    if ! said=$("$@" 2>&1); then
        bad "$name" "$said"
    elif ! same "$said"; then
        bad "$name" "prints '$said' instead of '$expected'"
    else
        say "$name" "$said"
    fi
}

make_example() { # FOLDER CMAKE-OPTIONS
    folder=$1
    shift
    { cmake -S "$work/examples" -B "$folder" -DCMAKE_PREFIX_PATH="$work/usr" "$@" && cmake --build "$folder"; } >"$work/log" 2>&1 || {
        cat "$work/log"
        return 1
    }
}

cmake --install "$build" --prefix "$work/usr" >/dev/null
PATH=$work/usr/bin:$PATH
cp -r "$work/usr/share/doc/fusegen/examples" "$work/examples"

make_example "$work/host"
expected=$("$work/host/example")
say "this machine" "$expected"
# What the reference interpreter says: the code has been checked against it, so it is enough that the line is not of zeros.
case $expected in *"= 0/1000; sum 0/1000"*) bad "this machine" "all results are zero" ;; esac

if (cd "$work/examples" && make -s) >"$work/log" 2>&1; then check "make" "$work/examples/example"; else bad "make" "$(cat "$work/log")"; fi

mkdir "$work/stranger"
cp "$work/examples/main.c" "$work/examples/mbconv.onnx" "$work/stranger"
cat >"$work/stranger/CMakeLists.txt" <<'END'
find_package(fusegen REQUIRED)
add_executable(app main.c)
fusegen_add_model(app mbconv.onnx PROFILE cortex-m4f)
END
if have "three lines, Cortex-M4" arm-none-eabi-gcc qemu-system-arm; then
    if cmake -S "$work/stranger" -B "$work/m4" -DCMAKE_PREFIX_PATH="$work/usr" -Wno-dev \
        -DCMAKE_TOOLCHAIN_FILE="$work/examples/cortex-m4.cmake" >"$work/log" 2>&1 && cmake --build "$work/m4" >>"$work/log" 2>&1; then
        check "three lines, Cortex-M4" timeout 60 qemu-system-arm -M mps2-an386 -nographic -monitor none -serial none -semihosting \
            -kernel "$work/m4/app"
    else
        bad "three lines, Cortex-M4" "$(cat "$work/log")"
    fi
fi
for machine in aarch64 riscv64; do
    have "Linux on $machine" "$machine-linux-gnu-gcc" "qemu-$machine" || continue
    if make_example "$work/$machine" -DCMAKE_TOOLCHAIN_FILE="$work/examples/$machine.cmake"; then
        check "Linux on $machine" timeout 60 "qemu-$machine" -L "/usr/$machine-linux-gnu" "$work/$machine/example"
    else
        bad "Linux on $machine" "does not build"
    fi
done

# A profile must be named for another machine; a wrong one is an error of its own.
if cmake -S "$work/examples" -B "$work/none" -DCMAKE_PREFIX_PATH="$work/usr" -DPROFILE=no-such-target >"$work/log" 2>&1; then
    bad "unknown profile" "is not refused"
elif ! grep -q 'no-such-target' "$work/log"; then
    bad "unknown profile" "is not named: $(cat "$work/log")"
else
    say "unknown profile" "refused"
fi

for form in man bash zsh fish; do
    "$work/usr/bin/fusegen" --help=$form | grep -q -e 'report' || bad "--help=$form" "names no option"
done

if have "Debian package" dpkg-shlibdeps cpack; then
    if (cd "$work" && cpack --config "$build/CPackConfig.cmake" -B "$work/deb") >"$work/log" 2>&1 &&
        dpkg-deb --contents "$work"/deb/*.deb >"$work/contents" && grep -q '/usr/bin/fusegen$' "$work/contents"; then
        say "Debian package" "$(basename "$work"/deb/*.deb), needs $(dpkg-deb -f "$work"/deb/*.deb Depends)"
    else
        bad "Debian package" "$(tail -n 5 "$work/log")"
    fi
fi
exit $failed
