"""Streams, seeds and state: what makes a fill reproducible, and what makes two fills differ."""

import copy
import inspect
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import reference
from conftest import fresh_python, in_threads

import fastinit


def z(g, **where):
    return g.normal(np.empty(9, np.float32), **where).tobytes()


class TestStreams:
    def test_unnamed_fills_take_streams_in_turn_whatever_their_size(self):
        a, b = fastinit.Generator(7), fastinit.Generator(7)
        a.uniform(np.empty(1000))
        b.bits(np.empty(0, np.uint32))
        assert a.stream == b.stream == 1
        assert z(a) == z(b) == z(fastinit.Generator(7), stream=1)

    def test_addressed_fills_leave_the_counter_alone(self):
        g = fastinit.Generator(7)
        z(g, stream=5)
        z(g, stream="fc1.weight")
        assert g.stream == 0

    @pytest.mark.parametrize("name", ["fc1.weight", "", "décodeur.0.wq", "x" * 10_000])
    def test_name_is_hashed_as_the_contract_says(self, name):
        g = fastinit.Generator(7)
        expected = reference.fill("normal", np.empty(9, np.float32), 0, 7, reference.stream_of_name(name))
        assert z(g, stream=name) == z(g, stream=name) == expected.tobytes()

    def test_integer_streams_of_any_integer_type(self):
        g = fastinit.Generator(7)
        assert z(g, stream=3) == z(g, stream=np.int64(3)) == z(g, stream=np.uint8(3))
        assert z(g, stream=2**63 - 1) != z(g, stream=3)

    def test_refused_fill_takes_no_stream(self):
        g = fastinit.Generator(7)
        with pytest.raises(ValueError, match="std"):
            g.normal(np.empty(3), std=-1)
        with pytest.raises(TypeError):
            g.normal([1.0])
        assert g.stream == 0

    def test_used_up_streams_are_an_error_not_a_repetition(self):
        g = fastinit.Generator(7, stream=2**63 - 1)
        z(g)
        assert g.stream == 2**63
        with pytest.raises(ValueError, match="used up"):
            z(g)

    def test_two_threads_never_get_the_same_stream(self):
        g = fastinit.Generator(7)
        fills = []

        def work():
            fills.extend([z(g) for _ in range(500)])

        in_threads(work, 8)
        assert g.stream == 4000
        assert len(set(fills)) == 4000


class TestState:
    def test_seed_decides_everything(self):
        assert z(fastinit.Generator(7)) == z(fastinit.Generator(np.uint64(7))) != z(fastinit.Generator(8))

    def test_generators_without_seed_differ(self):
        assert fastinit.Generator().seed != fastinit.Generator().seed

    @pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
    def test_copies_and_pickles_go_on_alike_and_apart(self, clone):
        g = fastinit.Generator(2**64 - 1)
        z(g)
        twin = clone(g)
        assert z(twin) == z(g)
        z(g)
        assert (twin.stream, g.stream) == (2, 3)

    def test_state_can_be_kept_and_set(self):
        g = fastinit.Generator(7, stream=3)
        state = g.state
        assert state == {"seed": 7, "stream": 3, "spawned": 0}
        first = z(g)
        g.state = state
        assert z(g) == first
        g.stream = 3
        assert z(g) == first

    def test_reseed_starts_again(self):
        g = fastinit.Generator(7)
        first = z(g)
        g.reseed(7)
        assert g.stream == 0
        assert z(g) == first
        g.reseed()
        assert g.seed != 7

    def test_repr_makes_the_same_generator(self):
        assert repr(fastinit.Generator(7, stream=3)) == "Generator(seed=7, stream=3)"


class TestDefaultGenerator:
    def test_module_functions_are_its_methods(self):
        fastinit.seed(7)
        w = np.empty(9, np.float32)
        assert fastinit.normal(w).tobytes() == z(fastinit.Generator(7))
        assert fastinit.he_normal(w, 784).tobytes() == fastinit.Generator(7, 1).he_normal(w.copy(), 784).tobytes()
        assert fastinit.default_generator.state == {"seed": 7, "stream": 2, "spawned": 0}

    def test_without_a_seed_every_process_differs(self):
        code = "import fastinit; print(fastinit.default_generator.seed)"
        assert fresh_python(code).stdout != fresh_python(code).stdout

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
    def test_forked_child_reseeds_unless_seeded(self):
        code = """
import os, sys, fastinit
if sys.argv[1:]: fastinit.seed(int(sys.argv[1]))
parent = fastinit.default_generator.seed
if os.fork() == 0:
    sys.exit(0 if fastinit.default_generator.seed == parent else 1)
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
        run = [sys.executable, "-c", code]
        unseeded = subprocess.run(run, capture_output=True, text=True, check=True)
        seeded = subprocess.run([*run, "7"], capture_output=True, text=True, check=True)
        assert (unseeded.stdout.strip(), seeded.stdout.strip()) == ("1", "0")


class TestKernelChoice:
    def test_environment_forces_the_kernels(self, kernels):
        run = fresh_python("import fastinit; print(fastinit.simd)", FASTINIT_SIMD=kernels)
        assert run.stdout.strip() == kernels

    def test_unknown_kernels_stop_the_import(self):
        run = fresh_python("import fastinit", FASTINIT_SIMD="mmx")
        assert run.returncode == 1
        assert "FASTINIT_SIMD='mmx'" in run.stderr
        assert "portable" in run.stderr

    def test_forced_kernels_write_the_same_bits(self, kernels):
        code = (
            "import numpy as np, fastinit, sys;"
            "sys.stdout.write(fastinit.Generator(7).normal(np.empty(1000, np.float32)).tobytes().hex())"
        )
        run = fresh_python(code, FASTINIT_SIMD=kernels)
        assert run.stdout == reference.fill("normal", np.empty(1000, np.float32), 0, 7, 0).tobytes().hex()


def test_every_public_name_is_documented():
    for name in fastinit.__all__:
        value = getattr(fastinit, name)
        if callable(value):
            assert inspect.getdoc(value), name
    for name, member in vars(fastinit.Generator).items():
        if not name.startswith("_"):
            assert inspect.getdoc(member), name
