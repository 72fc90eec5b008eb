# Linux on a 64-bit ARM, from another machine. Run it with qemu-aarch64 -L /usr/aarch64-linux-gnu build/example
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(PROFILE aarch64)
