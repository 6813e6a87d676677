// The instruction sets that kernels are compiled for on this architecture, from the slowest to the fastest.
#pragma once

#if defined(__x86_64__)
#define SCORECAM_ISAS(ISA) ISA(baseline) ISA(avx2) ISA(avx512) ISA(avx512bf16)
#elif defined(__aarch64__)
#define SCORECAM_ISAS(ISA) ISA(neon)
#else
#define SCORECAM_ISAS(ISA) ISA(baseline)
#endif
