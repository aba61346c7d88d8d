/*
 * Philox4x32-10: (counter, key) -> four words. J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", SC'11.
 *
 * The contract's layout: key = (seed low, seed high), counter = (block low, block high, stream low, stream high). One
 * round maps (c0, c1, c2, c3) to
 *
 *     (high(M1 c2) ^ c1 ^ k0, low(M1 c2), high(M0 c0) ^ c3 ^ k1, low(M0 c0))
 *
 * and the key grows by (W0, W1) after each round. Only c0 differs among the blocks that a kernel computes side by side,
 * so half of the first two rounds is the same for all of them: fi_philox_seek does that half once.
 */
#ifndef FASTINIT_PHILOX_H
#define FASTINIT_PHILOX_H

#include <stdint.h>

enum { FI_PHILOX_ROUNDS = 10 };

#define FI_PHILOX_M0 UINT32_C(0xD2511F53)
#define FI_PHILOX_M1 UINT32_C(0xCD9E8D57)
#define FI_PHILOX_W0 UINT32_C(0x9E3779B9)
#define FI_PHILOX_W1 UINT32_C(0xBB67AE85)

/* What the blocks of one run have in common: a run shares the seed, the stream and the block's high word. */
typedef struct {
    uint32_t k0[FI_PHILOX_ROUNDS], k1[FI_PHILOX_ROUNDS];
    uint32_t xor1_c2; /* after round 1: c2 = high(M0 c0) ^ xor1_c2, c3 = low(M0 c0) */
    uint32_t xor2_c0; /* after round 2: c0 = high(M1 c2) ^ xor2_c0, c1 = low(M1 c2), */
    uint32_t xor2_c2; /*                c2 = c3 ^ xor2_c2 */
    uint32_t xor3_c2; /* after round 3: c2 = high(M0 c0) ^ xor3_c2, the rest as in any round */
} fi_philox;

static inline void fi_philox_seed(fi_philox *p, uint64_t seed) {
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < FI_PHILOX_ROUNDS; round++) {
        p->k0[round] = k0;
        p->k1[round] = k1;
        k0 += FI_PHILOX_W0;
        k1 += FI_PHILOX_W1;
    }
}

static inline void fi_philox_seek(fi_philox *p, uint32_t block_high, uint64_t stream) {
    uint64_t product1 = (uint64_t)FI_PHILOX_M1 * (uint32_t)stream;
    uint32_t c0 = (uint32_t)(product1 >> 32) ^ block_high ^ p->k0[0];
    uint64_t product0 = (uint64_t)FI_PHILOX_M0 * c0;
    p->xor1_c2 = (uint32_t)(stream >> 32) ^ p->k1[0];
    p->xor2_c0 = (uint32_t)product1 ^ p->k0[1];
    p->xor2_c2 = (uint32_t)(product0 >> 32) ^ p->k1[1];
    p->xor3_c2 = (uint32_t)product0 ^ p->k1[2];
}

#endif
