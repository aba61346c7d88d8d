"""
Draws follow their distributions. Seeds are fixed, so these tests do not flicker; each rejects at p < 1e-4 (two-sided),
which a right implementation fails with a chance of one in ten thousand when seed or sizes are changed.
"""

import numpy as np
import pytest
from scipy import stats

import fastinit

LEAST_P = 1e-4
COUNT = 1 << 20


def normals(dtype, stream=0, count=COUNT):
    return fastinit.Generator(2024).normal(np.empty(count, dtype), stream=stream).astype(np.float64)


def uniforms(dtype, stream=0, count=COUNT):
    return fastinit.Generator(2024).uniform(np.empty(count, dtype), stream=stream).astype(np.float64)


def p_of_sample_mean(sample, mean, variance):
    """Two-sided p of a mean of independent draws whose mean and variance are known."""
    return 2 * stats.norm.sf(abs(sample.mean() - mean) / np.sqrt(variance / sample.size))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("power", [1, 2, 3, 4, 6])
def test_moments_of_normals(dtype, power):
    moment = [0, 0, 1, 0, 3, 0, 15, 0, 105, 0, 945, 0, 10395]
    sample = normals(dtype) ** power
    assert p_of_sample_mean(sample, moment[power], moment[2 * power] - moment[power] ** 2) > LEAST_P


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("power", [1, 2, 3])
def test_moments_of_uniforms(dtype, power):
    sample = uniforms(dtype) ** power
    mean = 1 / (power + 1)
    assert p_of_sample_mean(sample, mean, 1 / (2 * power + 1) - mean**2) > LEAST_P


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_kolmogorov_smirnov(dtype):
    assert stats.kstest(normals(dtype), "norm").pvalue > LEAST_P
    assert stats.kstest(uniforms(dtype), "uniform").pvalue > LEAST_P


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("bounds", [(-2, 2), (-0.5, 1.5), (-1, 4), (-np.inf, np.inf), (1.5, np.inf), (-4, -3)], ids=str)
def test_truncated_normals_have_their_mean_variance_and_distribution(dtype, bounds):
    low, high = bounds
    generator = fastinit.Generator(2024)
    sample = generator.truncated_normal(np.empty(COUNT // 4, dtype), low=low, high=high, stream=0).astype(np.float64)
    truth = stats.truncnorm(low, high)
    mean, variance, kurtosis = (float(moment) for moment in truth.stats("mvk"))
    assert p_of_sample_mean(sample, mean, variance) > LEAST_P
    assert p_of_sample_mean((sample - mean) ** 2, variance, (kurtosis + 2) * variance**2) > LEAST_P
    assert stats.kstest(sample, truth.cdf).pvalue > LEAST_P


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_both_halves_of_a_pair_are_normal_and_uncorrelated(dtype):
    z = normals(dtype)
    for half in (z[::2], z[1::2]):
        assert stats.kstest(half, "norm").pvalue > LEAST_P
    for a, b in ((z[::2], z[1::2]), (z[::2] ** 2, z[1::2] ** 2), (z[:-1], z[1:])):
        assert stats.pearsonr(a, b).pvalue > LEAST_P


def test_chi_square_of_uniform_bins():
    counts = np.bincount((uniforms("f4") * 4096).astype(int), minlength=4096)
    assert stats.chisquare(counts).pvalue > LEAST_P


def test_tail_counts():
    z = np.concatenate([normals("f4", stream) for stream in range(8)])
    for sigma in (3, 4, 4.5):
        beyond = int((np.abs(z) > sigma).sum())
        assert stats.binomtest(beyond, z.size, 2 * stats.norm.sf(sigma)).pvalue > LEAST_P


def test_neighbouring_streams_and_seeds_are_uncorrelated():
    z = [normals("f4", stream) for stream in (0, 1, 2)]
    z.append(fastinit.Generator(2025).normal(np.empty(COUNT, np.float32), stream=0).astype(np.float64))
    for i in range(len(z)):
        for j in range(i):
            assert stats.pearsonr(z[i], z[j]).pvalue > LEAST_P


def test_he_normal_keeps_the_variance_of_relu_layers():
    w = fastinit.Generator(5).he_normal(np.empty((512, 784), np.float32), 784).astype(np.float64)
    assert p_of_sample_mean(w, 0, 2 / 784) > LEAST_P
    assert p_of_sample_mean(w**2, 2 / 784, 2 * (2 / 784) ** 2) > LEAST_P
