"""
The proofs: accuracy in its quick form, every 1021st word of float32, some of float64, and the hard ones of both; of
randomness, that p-values are right, that it passes, and that values which are not random fail it.

The fixture of the first fails, too, if the kernels of two instruction sets draw different bits of one of these words.
"""

import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from conftest import ROOT, program_at
from scipy import stats

import fastinit

# ---- Accuracy --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def accuracy():
    module = program_at("proofs", "accuracy.py")
    sys.modules["accuracy"] = module
    yield module
    del sys.modules["accuracy"]


@pytest.fixture(scope="module")
def figures(accuracy):
    compiler = shlex.split(os.environ.get("CC", "cc"))[0]
    if shutil.which(compiler) is None:
        pytest.skip(f"no C compiler ({compiler})")
    return accuracy.prove(accuracy.QUICK, fastinit.simd).figures


def test_no_float32_normal_is_more_than_3_ulp_off(figures, accuracy):
    """Values that round up across a power of two apart, of which the next test has the worst."""
    assert 2.5 < figures["float32 normal, bound"] <= accuracy.ULP_LIMIT


def test_the_worst_float32_normal_is_the_one_that_the_documentation_names(figures):
    assert figures["float32 normal, worst"] == pytest.approx(3.1890, abs=1e-4)


def test_no_float64_normal_is_more_than_4_ulp_off(figures, accuracy):
    if "float64 normal, worst" not in figures:
        pytest.skip("long double is no longer than double")
    assert 2 < figures["float64 normal, worst"] <= accuracy.FLOAT64_ULP_LIMIT


def test_truncated_normals_are_as_close_as_the_contract_says_between_any_bounds(figures, accuracy):
    for name, limit in (("float32", accuracy.RELATIVE_LIMIT[32]), ("float64", accuracy.RELATIVE_LIMIT[64])):
        errors = [figures[f"{name} {bounds}"] for bounds in accuracy.BOUNDS if f"{name} {bounds}" in figures]
        assert all(0 < error <= limit for error in errors)


def test_every_1021st_float32_word_gives_normals_of_the_right_moments_and_tails(figures):
    """Word 0, the largest radius, weighs as much as 1021 words here: so the tolerance."""
    assert abs(figures["normal variance"]) < 1e-5
    assert abs(figures["normal fourth moment"]) < 1e-3
    assert figures["tail 4"] == pytest.approx(1, abs=0.01)


# ---- Randomness ------------------------------------------------------------------------------------------------------


proof = program_at("proofs", "randomness.py")
COUNT = 2 * proof.PIECE
LONG = 16 * proof.PIECE
DETECTED = 1e-6


def normal(stream=0, dtype="f4"):
    return proof.Elements(2024, stream, "normal", dtype)


def uniform(stream=0, dtype="f4"):
    return proof.Elements(2024, stream, "uniform", dtype)


def spoilt(source, spoil):
    """The source with its values changed on the way."""
    return lambda first, count: spoil(source(first, count))


def smallest_p(rows):
    return min(row.p for row in rows)


# ---- The p-values ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("statistic", "p"), [(1.248, 0.25), (1.933, 0.1), (2.492, 0.05), (3.878, 0.01)])
def test_anderson_darling_has_the_published_quantiles(statistic, p):
    assert proof.anderson_darling_above(statistic) == pytest.approx(p, rel=2e-3)  # of Stephens 1974


def test_cells_give_the_statistics_that_sorted_values_give():
    z = np.sort(normal(dtype="f8")(0, COUNT))
    counts = proof.cell_counts(normal(dtype="f8"), COUNT, proof.normal_cells)
    ks = float(proof.kolmogorov_smirnov(counts).statistic.split()[-1])
    assert ks == pytest.approx(stats.kstest(z, "norm").statistic * np.sqrt(COUNT), abs=2e-3)
    weights = 2 * np.arange(1, COUNT + 1) - 1
    exact = -COUNT - np.mean(weights * (stats.norm.logcdf(z) + stats.norm.logsf(z[::-1])))
    assert float(proof.anderson_darling(counts).statistic.split()[-1]) == pytest.approx(exact, abs=1e-3)


def test_lag_scores_are_sums_of_products():
    z = normal(dtype="f8")
    scores = proof.lag_scores(z, z, 1 << 12, 1 << 8)
    values = z(0, (1 << 12) + 3)
    assert scores[3] == pytest.approx(values[:-3] @ values[3:] / np.sqrt(1 << 12))


# ---- What it finds ---------------------------------------------------------------------------------------------------


def with_repeated_block(z):
    z.reshape(-1, 32)[:, 28:] = z.reshape(-1, 32)[:, :4]
    return z


def with_pairs_in_order(u):
    pairs = u.reshape(-1, 2)
    pairs[::10] = np.sort(pairs[::10])
    return u


def with_slanted_pairs(z):
    z[1::2] += np.float32(0.02) * z[::2]
    return z


def with_blunt_tails(z):
    return np.clip(z, -4, 4)


def with_rounded_angles(z):
    radius, angle = np.hypot(z[::2], z[1::2]), np.round(np.arctan2(z[1::2], z[::2]), 3)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)


def with_last_bit_zero(u):
    return np.floor(u * 2**23) / np.float32(2**23)


def evenly_spread(first, count):
    return np.modf((first + np.arange(count)) * (np.sqrt(5) - 1) / 2)[0]


SPOILT = {
    "a mean off by 0.01": (proof.fit, normal(), lambda z: z + np.float32(0.01), LONG, proof.normal_cells, proof.COARSE),
    "a tenth of a percent of zeros": (
        proof.fit,
        normal(),
        lambda z: np.where(np.arange(z.size) % 1000, z, 0),
        LONG,
        proof.normal_cells,
    ),
    "the last bit of uniforms": (proof.bits_fit, uniform(), with_last_bit_zero, COUNT),
    "a spread too even": (proof.fit, evenly_spread, lambda u: u, LONG, proof.high_bits),
    "tails cut off": (proof.tails, normal(), with_blunt_tails, LONG),
    "tails too heavy": (proof.tails, normal(), lambda z: z * np.float32(1.1), LONG),
    "neighbours in order": (proof.points, uniform(), with_pairs_in_order, LONG, 2, proof.high_bits),
    "a block that comes twice": (proof.serial, normal(), with_repeated_block, COUNT),
    "pairs correlated by 0.02": (proof.pair_correlations, normal(), with_slanted_pairs, COUNT),
    "too few angles": (proof.polar_fit, normal(), with_rounded_angles, LONG),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_fault_is_found_and_is_not_there_without(what):
    test, source, spoil, *arguments = SPOILT[what]
    assert smallest_p(test(spoilt(source, spoil), *arguments)) < DETECTED
    if source is not evenly_spread:
        assert smallest_p(test(source, *arguments)) > DETECTED


def test_streams_that_share_values_are_found():
    def later(first, count):
        return normal()(first + 77, count)

    assert smallest_p(proof.cross(normal(), normal(1), COUNT)) > DETECTED
    assert smallest_p(proof.cross(normal(), later, COUNT)) < DETECTED
    assert smallest_p(proof.cross(later, normal(), COUNT)) < DETECTED


def test_two_alike_among_many_streams_are_found():
    def mixed(first, count):
        return normal(9)(first, count) + np.float32(0.05) * normal(3)(first, count)

    sources = [normal(stream) for stream in range(100)]
    assert smallest_p(proof.matrix(sources, 4 * proof.COLUMNS)) > DETECTED
    sources[9] = mixed
    assert smallest_p(proof.matrix(sources, 4 * proof.COLUMNS)) < DETECTED


@pytest.mark.parametrize("kind", ["seeds", "streams"])
def test_first_values_that_follow_each_other_are_found(kind):
    source = proof.FirstElements(2024, **{f"{kind[:-1]}_step": 1})
    half = proof.PIECE // 2
    assert smallest_p(proof.column(source, half)) > DETECTED
    values = source(0, 2 * half)
    values[1::2] = values[::2]
    assert smallest_p(proof.column(lambda first, count: values[first : first + count], half)) < DETECTED


def test_sequences_are_the_elements_that_they_say():
    across = proof.FirstElements(5, seed_step=1, stream_step=2)(3, 2)
    assert list(across) == [proof.Elements(5 + i, 2 * i, "uniform", "f4")(0, 1)[0] for i in (3, 4)]
    whole, start = normal(), proof.HIGH_WORD["f4"] - 4
    assert np.array_equal(proof.Elements(2024, 0, "normal", "f4", start)(2, 4), whole(start + 2, 4))


# ---- The command -----------------------------------------------------------------------------------------------------


def test_the_command_passes_on_few_values_and_says_so():
    done = subprocess.run(
        [sys.executable, ROOT / "proofs" / "randomness.py", "--scale", "1e-4"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("passed\n")


def test_a_failed_test_is_named_and_sets_the_exit_status(monkeypatch, capsys):
    job = proof.Job("uniforms", partial(proof.bits_fit, spoilt(uniform(), with_last_bit_zero), COUNT))
    monkeypatch.setattr(proof, "planned", lambda seed, scale: [job])
    monkeypatch.setattr(proof, "ProcessPoolExecutor", lambda processes, context: ThreadPoolExecutor(processes))
    for name in ("FASTINIT_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    assert proof.main([]) == 1
    assert "FAILED: uniforms" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [("--scale", "0"), ("--seed", "-1"), ("--processes", "0")])
def test_wrong_options_are_named(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        proof.main(arguments)
    assert stopped.value.code == 2
    assert f"{arguments[0]} must be" in capsys.readouterr().err
