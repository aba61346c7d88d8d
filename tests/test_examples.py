"""The examples do what their pages say. Their timings are looked at by nobody here."""

import re

import numpy as np
import pytest
from conftest import ROOT, program_at

import fastinit

SEED = 1
QUICK = 40  # pairs; of eight seeds the worst then balances for 400 steps, and the best had begun with 60


es = program_at("examples", "evolution_strategies.py")


@pytest.fixture(scope="module")
def learned():
    return es.learn(SEED, QUICK)


@pytest.fixture
def parameters():
    return es.new_policy(fastinit.Generator(SEED))


def bits(parameters):
    return {name: w.view(np.uint32).tolist() for name, w in parameters.items()}


def copies(parameters):
    return {name: w.copy() for name, w in parameters.items()}


def test_the_policy_learns_to_balance_the_pole(learned, parameters):
    fresh = es.starts(fastinit.Generator(SEED), "test", 64)
    assert es.balance(parameters, fresh) < 100
    assert es.balance(learned[0], fresh) > 200


def test_learning_again_from_the_seed_gives_the_same_bits(learned):
    once, again = (es.learn(SEED, 10) for _ in range(2))
    assert once[1] == again[1] == learned[1][:10]
    assert bits(once[0]) == bits(again[0])


def test_pairs_and_slopes_alone_give_another_worker_the_same_bits(learned):
    parameters, history = learned
    assert bits(es.rebuild(SEED, history)) == bits(parameters)
    assert bits(es.rebuild(SEED + 1, history)) != bits(parameters)


def test_a_perturbation_depends_on_seed_and_pair_and_on_nothing_else(parameters):
    before = copies(parameters)
    g = fastinit.Generator(SEED)
    es.perturb(g, copies(parameters), 6, 0.5)  # other draws before it change nothing
    es.perturb(g, parameters, 7, 0.25)
    for name, w in parameters.items():
        z = fastinit.Generator(SEED).normal(np.empty_like(w), std=0.25, stream=f"{name}/7")
        np.testing.assert_array_equal(w, before[name] + z)


def test_a_negative_scale_subtracts_what_a_positive_one_adds(parameters):
    before = copies(parameters)
    es.perturb(fastinit.Generator(SEED), parameters, 7, -0.25)
    for name, w in parameters.items():
        z = fastinit.Generator(SEED).normal(np.empty_like(w), std=0.25, stream=f"{name}/7")
        np.testing.assert_array_equal(w, before[name] - z)


def test_an_undone_perturbation_leaves_the_parameters_up_to_rounding(parameters):
    before = copies(parameters)
    g = fastinit.Generator(SEED)
    largest = dict.fromkeys(parameters, 0.0)
    for scale in (es.SIGMA, -2 * es.SIGMA, es.SIGMA):
        es.perturb(g, parameters, 0, scale)
        for name, w in parameters.items():
            assert not np.array_equal(w, before[name]) or scale == es.SIGMA
            largest[name] = max(largest[name], float(np.abs(w).max()))
    for name, w in parameters.items():
        # 2 sigma z is exactly twice sigma z: what is left are the roundings of three sums.
        assert np.abs(w - before[name]).max() <= 3 * 2**-24 * largest[name]


def test_each_policy_of_a_population_is_the_one_that_its_pair_moves_to(parameters):
    pairs = [6, 7, 900]
    policies = es.population(fastinit.Generator(SEED), parameters, pairs)
    for i, pair in enumerate(pairs):
        above = copies(parameters)
        es.perturb(fastinit.Generator(SEED), above, pair, es.SIGMA)
        for name, w in parameters.items():
            np.testing.assert_array_equal(policies[name][i], above[name])
            np.testing.assert_array_equal(policies[name][len(pairs) + i], 2 * w - above[name])


def test_workers_that_share_a_population_draw_the_same_policies(parameters):
    whole = es.population(fastinit.Generator(SEED), parameters, range(8))
    for worker in range(2):
        part = es.population(fastinit.Generator(SEED), parameters, range(8)[worker::2])
        for name, policies in whole.items():
            np.testing.assert_array_equal(part[name], policies[worker::2])


def test_a_population_is_scored_as_its_policies_are(parameters, learned):
    states = es.starts(fastinit.Generator(SEED), "test", 16)
    policies = {name: np.stack([w, learned[0][name]]) for name, w in parameters.items()}
    one_by_one = [es.balance(each, states) for each in (parameters, learned[0])]
    assert one_by_one[1] > 10 * one_by_one[0]
    np.testing.assert_allclose(es.balance(policies, states), one_by_one, rtol=0.01)


def test_a_population_learns_and_its_pairs_and_slopes_rebuild_what_it_learned(parameters):
    learned, history = es.learn_by_population(SEED, 12)
    assert [pair for pair, _ in history] == list(range(12 * es.POPULATION))
    fresh = es.starts(fastinit.Generator(SEED), "test", 64)
    assert es.balance(parameters, fresh) < 100
    assert es.balance(learned, fresh) > 200
    assert bits(es.rebuild_by_population(SEED, history)) == bits(learned)
    assert bits(es.rebuild_by_population(SEED + 1, history)) != bits(learned)


def test_an_upright_pole_is_balanced_until_it_falls_or_the_cart_leaves(parameters):
    upright, fallen, off_track = ([0, 0, 0, 0], [0, 0, 0.3, 0], [3, 0, 0, 0])
    assert es.balance(parameters, np.array([fallen, off_track]).T.astype(float)) == 1
    assert 1 < es.balance(parameters, np.array([upright]).T.astype(float)) <= es.LIMIT


def test_the_cart_pole_moves_as_its_equations_of_motion_say():
    states, force = np.array([[0.1, -0.2, 0.15, 0.4], [0.0, 0.3, -0.2, -1.0]]).T, np.array([10.0, -10.0])
    for before, after, push in zip(states.T, es.advance(states, force).T, force, strict=True):
        _, velocity, angle, spin = before
        cos, sin, ml = np.cos(angle), np.sin(angle), es.POLE * es.HALF_LENGTH
        forces, torques = [es.CART + es.POLE, ml * cos], [cos, 4 / 3 * es.HALF_LENGTH]
        cart, pole = np.linalg.solve([forces, torques], [push + ml * spin**2 * sin, es.GRAVITY * sin])
        np.testing.assert_allclose(after, before + 0.02 * np.array([velocity, cart, spin, pole]), rtol=1e-12)


def test_what_is_timed_does_the_same_moves():
    n = 5000
    left = sum(es.MOVES)  # of z, after all three
    g, rng, again = fastinit.Generator(SEED), np.random.default_rng(SEED), np.random.default_rng(SEED)
    chunk = np.empty(1024, np.float32)  # does not divide n
    w = np.zeros(n, np.float32)
    es.fastinit_step(g, w, 3, fastinit.get_num_threads())
    np.testing.assert_allclose(w, left * g.normal(np.empty_like(w), stream="w/3"), atol=1e-6)
    w = np.zeros(n, np.float32)
    es.stored_step(rng, w, np.empty_like(w), chunk)
    np.testing.assert_allclose(w, left * again.standard_normal(n, dtype=np.float32), atol=1e-6)
    w = np.zeros(n, np.float32)
    es.redrawn_step(SEED, w, 3, chunk)
    z = np.random.Generator(np.random.PCG64([SEED, 3])).standard_normal(n, dtype=np.float32)
    np.testing.assert_allclose(w, left * z, atol=1e-6)


def test_the_commands_print_their_tables(capsys, monkeypatch):
    es.show_learning(SEED, pairs=10, every=5)
    printed = capsys.readouterr().out
    assert re.search(r"^ +5 +\d+\.\d +\d+\.\d$", printed, re.M)
    assert "the same bits" in printed
    es.show_population(SEED, generations=2, every=1)
    printed = capsys.readouterr().out
    assert re.search(r"^generations .*\n +1 +\d+\.\d +\d+\.\d$", printed, re.M)
    assert "rebuilt from 32 (pair, slope)" in printed
    assert "the same bits" in printed

    threads = fastinit.get_num_threads()
    measure = es.time_steps
    monkeypatch.setattr(es, "time_steps", lambda seed, elements, rounds: measure(seed, 4096, 1))
    es.main(["--speed"])
    row = r"^ +2\^\d\d( +\d+\.\d+){3} \(\d+\.\d x\) +\d+\.\d+ \(\d+\.\d x\)$"
    assert len(re.findall(row, capsys.readouterr().out, re.M)) == 3
    assert fastinit.get_num_threads() == threads


def test_the_page_shows_the_examples_lines():
    page = (ROOT / "docs" / "evolution_strategies.md").read_text(encoding="utf-8")
    source = (ROOT / "examples" / "evolution_strategies.py").read_text(encoding="utf-8")
    shown = [block for block in re.findall(r"```python\n(.*?)```", page, re.S) if ">>>" not in block]
    assert shown
    for block in shown:
        for line in filter(None, map(str.strip, block.splitlines())):
            assert line in source
