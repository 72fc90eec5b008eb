# Linux on a 64-bit RISC-V, from another machine. Run it with qemu-riscv64 -L /usr/riscv64-linux-gnu build/example
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(CMAKE_C_COMPILER riscv64-linux-gnu-gcc)
set(PROFILE rv64gc)
