"""The generator is Philox4x32-10 with the contract's key and counter, in every kernel."""

from pathlib import Path

import numpy as np
import pytest
import reference

import fastinit
from fastinit import _core


def read_known_answers():
    for line in (Path(__file__).parent / "philox_kat.txt").read_text().splitlines():
        if not line.startswith("#"):
            numbers = [int(word, 16) for word in line.split()]
            yield numbers[:4], numbers[4:6], numbers[6:]


KNOWN_ANSWERS = list(read_known_answers())


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN_ANSWERS)
def test_reference_gives_random123s_known_answers(counter, key, words):
    assert [int(w) for w in reference.philox(counter, key)] == words


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN_ANSWERS)
def test_kernels_give_random123s_known_answers(kernels, counter, key, words):
    assert list(_core.philox_block(kernels, counter, key)) == words


def test_seed_is_the_key_and_block_and_stream_are_the_counter(kernels):
    seed, stream, block = 0x299F31D0_A4093822, 0x03707344_13198A2E, 0x05A308D3_243F6A88
    out = _core.fill_range(kernels, "bits", np.empty(4, np.uint32), 4 * block, seed, stream)
    counter = (block % 2**32, block >> 32, stream % 2**32, stream >> 32)
    assert tuple(out) == _core.philox_block(kernels, counter, (seed % 2**32, seed >> 32))


def test_long_words_are_pairs_of_words_low_one_first():
    g = fastinit.Generator(7)
    words = g.bits(np.empty(10, np.uint32), stream=1).astype(np.uint64)
    assert np.array_equal(g.bits(np.empty(5, np.uint64), stream=1), words[::2] | words[1::2] << 32)
