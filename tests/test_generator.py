"""Streams, seeds and state: what makes a fill reproducible, and what makes two fills differ."""

import copy
import importlib
import inspect
import multiprocessing
import os
import pickle
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path

import numpy as np
import pytest
import reference
from conftest import KERNELS, fresh_python, in_threads, printed_by

import fastinit


def z_double(seed, stream=0):
    return fastinit.Generator(seed).normal(np.empty(9), stream=stream).tobytes()


def printed_from_file(code, *arguments):
    """What a program prints whose functions its workers can import."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.py"
        path.write_text(code, encoding="utf-8")
        run = subprocess.run(
            [sys.executable, path, *arguments], capture_output=True, text=True, timeout=120, check=True
        )
    return run.stdout.strip()


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


class TestSpawn:
    def test_children_have_the_seeds_of_the_contract(self):
        g = fastinit.Generator(7, stream=5)
        children = g.spawn(2) + g.spawn(0) + g.spawn(1)
        assert [child.seed for child in children] == [reference.spawned_seed(7, k) for k in range(3)]
        assert [child.stream for child in children] == [0, 0, 0]
        assert g.state == {"seed": 7, "stream": 5, "spawned": 3}
        assert fastinit.Generator(2**64 - 1).spawn(1)[0].seed == reference.spawned_seed(2**64 - 1, 0)
        grandchildren = {each.seed for child in children for each in child.spawn(3)}
        assert len(grandchildren | {7} | {child.seed for child in children}) == 13

    @pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
    def test_copies_go_on_with_the_same_child(self, clone):
        g = fastinit.Generator(7)
        g.spawn(3)
        assert clone(g).spawn(1)[0].seed == g.spawn(1)[0].seed == reference.spawned_seed(7, 3)

    def test_state_without_the_count_has_spawned_none(self):
        g = fastinit.Generator(7)
        g.spawn(3)
        state = g.state
        g.state = {"seed": 7, "stream": 2}
        assert g.state == {"seed": 7, "stream": 2, "spawned": 0}
        g.state = state
        assert g.spawn(1)[0].seed == reference.spawned_seed(7, 3)

    def test_reseeding_starts_again(self):
        g = fastinit.Generator(8)
        g.spawn(3)
        g.reseed(7)
        assert g.spawn(1)[0].seed == reference.spawned_seed(7, 0)

    def test_threads_never_get_the_same_child(self):
        g, seeds = fastinit.Generator(7), []
        in_threads(lambda: seeds.extend([child.seed for _ in range(200) for child in g.spawn(2)]), 8)
        assert len(set(seeds)) == len(seeds) == g.state["spawned"] == 3200

    @pytest.mark.parametrize("n", [-1, 2**64])
    def test_count_out_of_range(self, n):
        with pytest.raises(ValueError, match=r"n=.* is out of range; accepted is 0 <= n < 2\*\*64"):
            fastinit.Generator(7).spawn(n)

    def test_more_children_than_memory_holds_are_not_counted(self):
        g = fastinit.Generator(7)
        with pytest.raises((MemoryError, OverflowError)):
            g.spawn(1 << 62)
        assert g.state["spawned"] == 0

    def test_used_up_children_are_an_error_not_a_repetition(self):
        g = fastinit.Generator(7)
        g.state = {"seed": 7, "stream": 0, "spawned": 2**64 - 2}
        assert g.spawn(1)[0].seed == reference.spawned_seed(7, 2**64 - 2)
        with pytest.raises(ValueError, match="18446744073709551615 generators are spawned already"):
            g.spawn(1)
        assert g.state["spawned"] == 2**64 - 1

    def test_children_of_the_default_generator(self):
        fastinit.seed(7)
        assert fastinit.default_generator.spawn(1)[0].seed == reference.spawned_seed(7, 0)


class Scaled(fastinit.Generator):
    """With arguments and attributes of its own, and a normal that is another."""

    def __init__(self, seed, *, factor):
        super().__init__(seed)
        self.factor = factor
        self.calls = 0

    def normal(self, out, mean=0.0, std=1.0, **where):
        self.calls += 1
        return super().normal(out, mean, std * self.factor, **where)


class Slotted(fastinit.Generator):
    __slots__ = ("note",)


class TestSubclasses:
    @pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
    def test_copies_and_pickles_keep_class_and_attributes(self, clone):
        g = Scaled(7, factor=2.0)
        z(g)
        g.spawn(1)
        twin = clone(g)
        assert type(twin) is Scaled
        assert (twin.state, twin.factor, twin.calls) == (g.state, 2.0, 1)
        assert z(twin) == z(g)
        slotted = Slotted(7)
        slotted.note = "kept"
        assert clone(slotted).note == "kept"
        assert clone(Slotted(7)).seed == 7

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_every_protocol_of_pickle(self, protocol):
        g = Scaled(7, factor=2.0)
        assert pickle.loads(pickle.dumps(g, protocol)).factor == 2.0
        assert pickle.loads(pickle.dumps(fastinit.Generator(7, 3), protocol)).stream == 3

    def test_children_are_of_the_class_and_have_its_attributes(self):
        child = Scaled(7, factor=2.0).spawn(1)[0]
        assert (type(child), child.factor, child.stream) == (Scaled, 2.0, 0)

    def test_children_of_a_class_that_is_pickled_in_its_own_way(self):
        class Own(fastinit.Generator):
            def __getstate__(self):
                return {"mine": 1}

            def __setstate__(self, state):
                pass

        assert [child.seed for child in Own(7).spawn(2)] == [reference.spawned_seed(7, k) for k in range(2)]

    def test_fill_calls_what_the_class_overrides(self):
        g = Scaled(7, factor=2.0)
        w, b = np.empty(9, np.float32), np.empty(9, np.float32)
        assert g.fill({"w": (w, "normal"), "b": (b, "uniform")})["w"] is w
        assert w.tobytes() == fastinit.Generator(7).normal(np.empty_like(w), std=2.0, stream="w").tobytes()
        assert b.tobytes() == fastinit.Generator(7).uniform(np.empty_like(b), stream="b").tobytes()
        assert g.calls == 1
        g.fill([(w, "normal"), (b, "normal")])
        assert b.tobytes() == fastinit.Generator(7).normal(np.empty_like(b), std=2.0, stream=1).tobytes()
        assert g.stream == 2

    def test_override_that_makes_several_fills_or_none_or_goes_on_after_one(self):
        class Halves(fastinit.Generator):
            def normal(self, out, **where):
                super().uniform(out[:4], stream="low")
                super().fill([(out[4:], "ones")])
                out *= 2
                return out

            def zeros(self, out, **where):
                return out

        w, b = np.full(9, 7.0), np.full(2, 7.0)
        g = Halves(7)
        filled = g.fill({"a": (w, "normal"), "b": (b, "zeros")})
        assert filled["a"] is w
        assert np.array_equal(w[4:], 2 * np.ones(5))
        assert np.array_equal(w[:4], 2 * fastinit.Generator(7).uniform(np.empty(4), stream="low"))
        assert (b == 7).all()
        assert g.stream == 0

    def test_overrides_in_a_list_take_the_streams_that_they_take_one_by_one(self):
        class Twice(fastinit.Generator):
            def normal(self, out, **where):
                super().normal(np.empty(3))
                return super().normal(out, **where)

        def specs():
            return [(np.empty(4), scheme) for scheme in ("uniform", "normal", "zeros", "uniform", "normal", "uniform")]

        alone = Twice(7)
        expected = [getattr(alone, scheme)(out).tobytes() for out, scheme in specs()]
        g = Twice(7)
        assert [out.tobytes() for out in g.fill(specs())] == expected
        assert g.stream == alone.stream == 7

    def test_error_of_an_override_names_its_array(self):
        class Fussy(fastinit.Generator):
            def normal(self, out, **where):
                raise ValueError("not today")

        with pytest.raises(ValueError, match=r"fills\['b'\]: not today"):
            Fussy(7).fill({"a": (np.empty(3), "zeros"), "b": (np.empty(3), "normal")})

    def test_fills_that_run_while_others_are_read_are_run_at_once(self):
        g, noise = fastinit.Generator(7), np.full(1, 123.0)
        (w,) = g.fill((out, "normal", 0.0, abs(g.normal(noise)[0])) for out in [np.empty(3)])
        assert noise[0] == fastinit.Generator(7).normal(np.empty(1))[0]
        assert np.array_equal(w, fastinit.Generator(7).normal(np.empty(3), 0.0, abs(noise[0]), stream=1))

        def specs():
            inner = np.full(2, 5.0)
            g.fill([(inner, "ones")])
            assert (inner == 1).all()
            yield (np.empty(2), "normal")

        g.fill(specs())

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
    def test_child_forked_while_fills_are_read_fills(self):
        code = """
import os, numpy as np, fastinit
g = fastinit.Generator(7)
def specs():
    if os.fork() == 0:
        w = np.full(3, 99.0)
        g.normal(w, stream="x")
        os._exit(0 if (w != 99).all() else 1)
    print(os.waitstatus_to_exitcode(os.wait()[1]))
    yield (np.empty(3), "normal")
g.fill(specs())
"""
        assert fresh_python(code).stdout.strip() == "0"

    def test_weak_references(self):
        for g in (fastinit.Generator(7), Scaled(7, factor=1.0)):
            seen = weakref.ref(g)
            assert seen() is g
        del g
        assert seen() is None


class TestSeeds:
    def test_seed_sequence_gives_its_64_bits(self):
        sequence = np.random.SeedSequence(2**100 + 7)
        expected = int(sequence.generate_state(1, np.uint64)[0])
        g = fastinit.Generator(sequence)
        assert g.seed == expected
        g.reseed(0)
        g.reseed(np.random.SeedSequence([1, 2, 3]))
        assert g.seed == int(np.random.SeedSequence([1, 2, 3]).generate_state(1, np.uint64)[0])
        seeds = {fastinit.Generator(child).seed for child in sequence.spawn(3)}
        assert len(seeds) == 3

    @pytest.mark.parametrize(
        ("seed", "error", "hint"),
        [
            (np.random.default_rng(7), TypeError, "not a numpy Generator; int.from_bytes(rng.bytes(8), 'little')"),
            (np.random.RandomState(7), TypeError, "not a numpy RandomState; int.from_bytes(rng.bytes(8), 'little')"),
            (fastinit.Generator(7), TypeError, "not a fastinit Generator; Generator.spawn makes"),
            ([1, 2], TypeError, "numpy.random.SeedSequence(seed) makes a seed"),
            (np.array([1, 2]), TypeError, "numpy.random.SeedSequence(seed) makes a seed"),
            (2**127, ValueError, "numpy.random.SeedSequence(seed) makes a seed"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_what_is_no_seed_gets_a_hint(self, seed, error, hint):
        g = fastinit.Generator(7)
        for call in (fastinit.Generator, g.reseed):
            with pytest.raises(error) as caught:
                call(seed)
            assert hint in str(caught.value)
        assert g.seed == 7


class TestDefaultGenerator:
    def test_functions_pickle_by_name(self):
        fastinit.seed(7)
        text = pickle.dumps(fastinit.normal)
        z(fastinit.default_generator)
        restored = pickle.loads(text)
        assert restored(np.empty(9)).tobytes() == fastinit.Generator(7).normal(np.empty(9), stream=1).tobytes()
        assert fastinit.default_generator.stream == 2
        for function in (fastinit.normal, fastinit.zeros, fastinit.orthogonal, fastinit.fill, fastinit.seed):
            assert copy.copy(function) == copy.deepcopy(function) == function
            assert pickle.loads(pickle.dumps(function)) == function

    def test_functions_pickled_by_value_mean_the_default_generator_too(self):
        cloudpickle = pytest.importorskip("cloudpickle")
        fastinit.seed(7)
        restored = cloudpickle.loads(cloudpickle.dumps(fastinit.normal))
        restored(np.empty(3))
        assert fastinit.default_generator.stream == 1

    def test_default_generator_itself_keeps_its_state(self):
        fastinit.seed(7)
        twin = pickle.loads(pickle.dumps(fastinit.default_generator))
        assert z(twin) == z(fastinit.default_generator)
        assert type(twin) is fastinit.Generator

    def test_functions_draw_apart_in_every_worker(self):
        code = """
import multiprocessing, sys, numpy as np, fastinit
def drawn(function):
    return function(np.empty(9)).tobytes()
if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        print(len(set(pool.map(drawn, [fastinit.normal] * 8, 1))))
"""
        for method in {"fork", "spawn"} & set(multiprocessing.get_all_start_methods()):
            assert printed_from_file(code, method) == "8"

    def test_functions_follow_an_assigned_default_generator(self, monkeypatch):
        monkeypatch.setattr(fastinit, "default_generator", fastinit.Generator(11))
        expected = fastinit.Generator(11).normal(np.empty(9)).tobytes()
        assert fastinit.normal(np.empty(9)).tobytes() == expected
        assert fastinit.default_generator.stream == 1
        fastinit.seed(12)
        assert fastinit.default_generator.seed == 12
        assert fastinit.fill([(np.empty(9), "normal")])[0].tobytes() == z_double(12)
        assert pickle.loads(pickle.dumps(fastinit.normal))(np.empty(9)).tobytes() == z_double(12, 1)
        for wrong in (fastinit._functions, None):
            monkeypatch.setattr(fastinit, "default_generator", wrong)
            with pytest.raises(TypeError, match=r"default_generator must be a fastinit\.Generator"):
                fastinit.normal(np.empty(9))
        monkeypatch.setattr(fastinit, "default_generator", np.random.default_rng(7))
        with pytest.raises(TypeError, match=r"fastinit.default_generator must be a fastinit.Generator, not numpy"):
            fastinit.normal(np.empty(9))

    def test_reload_keeps_the_seed(self):
        fastinit.seed(7)
        z(fastinit.default_generator)
        generator, function = fastinit.default_generator, fastinit.normal
        importlib.reload(fastinit)
        assert fastinit.default_generator is generator
        assert fastinit.normal == function
        assert fastinit.default_generator.state["stream"] == 1

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
    @pytest.mark.parametrize(
        ("first", "keeps"),
        [
            ("", False),
            ("fastinit.seed(7)", True),
            ("fastinit.default_generator.state = {'seed': 7, 'stream': 2, 'spawned': 0}", True),
            ("fastinit.seed(7); fastinit.seed()", False),
        ],
    )
    def test_forked_child_reseeds_unless_seeded(self, first, keeps):
        code = f"""
import os, fastinit
{first}
parent = fastinit.default_generator.seed
if os.fork() == 0:
    os._exit(10 if fastinit.default_generator.seed == parent else 11)
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
        assert printed_by(code) == ["10" if keeps else "11"]


class TestKernelChoice:
    def test_environment_forces_the_kernels(self, kernels):
        assert printed_by("import fastinit; print(fastinit.simd)", FASTINIT_SIMD=kernels) == [kernels]

    def test_empty_environment_forces_nothing(self):
        assert printed_by("import fastinit; print(fastinit.simd)", FASTINIT_SIMD="") == [KERNELS[0]]

    def test_unknown_kernels_stop_the_import(self):
        run = fresh_python("import fastinit", FASTINIT_SIMD="mmx")
        assert run.returncode == 1
        assert "FASTINIT_SIMD='mmx'" in run.stderr
        assert "portable" in run.stderr

    def test_unknown_kernels_of_any_length_are_named_in_one_line(self):
        run = fresh_python("import fastinit", FASTINIT_SIMD="\x1b[2J\n" + "x" * 10**5)
        line = run.stderr.splitlines()[-1]
        assert line.startswith("ImportError: FASTINIT_SIMD='\\x1b[2J\\nxxx")
        assert len(line) < 400
        assert line.isprintable()

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


CALLED_ON_THE_CLASS = """
import numpy as np
from fastinit import _core

for cls in (_core.Draws, _core.Generator):
    for name, method in vars(cls).items():
        if type(method).__name__ == "cython_function_or_method":
            code = method.__code__
            types = {"package": {}, "rows": None, "value": b"", "marks": [], "mark": b"", "recording": None}
            types["label"] = ""
            others = [types.get(each, np.zeros(2)) for each in code.co_varnames[1 : code.co_argcount]]
            try:
                method(np.zeros((2, 3)), *others)
            except TypeError as error:
                print(name, "called on a generator" in str(error))
"""


def test_method_that_is_called_on_the_class_is_refused_and_does_not_crash():
    """Generator.he_normal(w, 784): Cython takes w for a generator, whatever it is."""
    words = printed_by(CALLED_ON_THE_CLASS)
    refused = dict(zip(words[::2], words[1::2], strict=True))
    assert set(refused.values()) == {"True"}
    own = {*fastinit.schemes.FUNCTIONS} - {name for name in vars(fastinit.Generator) if not name.startswith("_")}
    assert {*own, "reseed", "spawn", "__getstate__", "__setstate__", "__reduce__", "_run"} <= set(refused)
    with pytest.raises(TypeError, match="not on an object of type ndarray"):
        fastinit.Generator.he_normal(np.zeros((2, 3)), 784)
