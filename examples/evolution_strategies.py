"""
Cart-pole, learned by an evolution strategy that draws each perturbation again instead of storing it.

One step moves all parameters along z, standard normals: to theta + sigma z, to theta - sigma z, and to where the two
scores say. The three moves draw the same z from (seed, pair), straight into the parameters. Nothing of the model's size
is kept beside them, and the numbers (pair, slope) are all that another worker needs to get the same bits.

Or a population learns: the policies of many pairs, drawn by one call with a stream for each, play side by side. Which
worker draws which of them does not matter, and the history is again all that another one needs.

    python examples/evolution_strategies.py                 # learns, a few seconds
    python examples/evolution_strategies.py --population    # learns by generations of 32 policies
    python examples/evolution_strategies.py --speed         # times a step, beside NumPy

The page: docs/evolution_strategies.md. Sources: Salimans, Ho, Chen, Sidor and Sutskever, "Evolution strategies as a
scalable alternative to reinforcement learning", 2017; Malladi et al., "Fine-tuning language models with just forward
passes", 2023; Spall, "Multivariate stochastic approximation using a simultaneous perturbation gradient approximation",
1992; the cart-pole: Barto, Sutton and Anderson, "Neuronlike adaptive elements that can solve difficult learning control
problems", 1983.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

import fastinit

Array: TypeAlias = npt.NDArray[np.float32]
States: TypeAlias = npt.NDArray[np.float64]
Parameters: TypeAlias = dict[str, Array]  # of one policy, or of many, which the first axes count
History: TypeAlias = list[tuple[int, float]]  # (pair, slope)

HIDDEN = 32
SIGMA = 0.1  # of the perturbations
RATE = 0.02  # of learning
PAIRS = 120
POPULATION = 16  # pairs of a generation
GENERATIONS = 20
GENERATION_RATE = 0.1
EPISODES = 16  # side by side, for one score
LIMIT = 500  # steps: a pole that stands so long is balanced

# ---- The cart-pole ---------------------------------------------------------------------------------------------------

GRAVITY = 9.8  # m / s^2
CART, POLE = 1.0, 0.1  # masses, kg
HALF_LENGTH = 0.5  # of the pole, m
FORCE = 10.0  # N, to either side
TIME_STEP = 0.02  # s
TRACK = 2.4  # m, from the middle to an end
FALLEN = math.radians(12)


def advance(states: States, force: npt.NDArray[np.float64]) -> States:
    """One Euler step of Barto, Sutton and Anderson's equations, without their friction; the first axis is a state."""
    _, velocity, angle, spin = states
    cos, sin = np.cos(angle), np.sin(angle)
    push = (force + POLE * HALF_LENGTH * spin**2 * sin) / (CART + POLE)
    turn = (GRAVITY * sin - cos * push) / (HALF_LENGTH * (4 / 3 - POLE * cos**2 / (CART + POLE)))
    pull = push - POLE * HALF_LENGTH * turn * cos / (CART + POLE)
    return states + TIME_STEP * np.stack([velocity, pull, spin, turn])


def starts(g: fastinit.Generator, name: str, episodes: int) -> States:
    """Starting states, nearly at rest in the middle; they have streams of their own too."""
    return g.uniform(np.empty((4, episodes)), -0.05, 0.05, stream=f"starts/{name}")


def balance(parameters: Parameters, states: States) -> Any:
    """The steps until the pole falls or the cart leaves its track, LIMIT at most; each policy's mean over episodes."""
    hidden, out = parameters["fc1.weight"], parameters["fc2.weight"]
    policies, episodes = hidden.shape[:-2], states.shape[1]
    states = np.stack([np.broadcast_to(state, (*policies, episodes)) for state in states])
    standing = np.ones((*policies, episodes), bool)
    steps = np.zeros(policies)
    for _ in range(LIMIT):
        steps += standing.sum(axis=-1)
        action = (out @ np.tanh(hidden @ np.moveaxis(states, 0, -2)))[..., 0, :]
        states = np.where(standing, advance(states, np.where(action > 0, FORCE, -FORCE)), states)
        standing &= (np.abs(states[0]) <= TRACK) & (np.abs(states[2]) <= FALLEN)
        if not standing.any():
            break
    return steps / episodes


# ---- The evolution strategy ------------------------------------------------------------------------------------------


def new_policy(g: fastinit.Generator) -> Parameters:
    """
    A network from the state's 4 numbers to HIDDEN units of tanh to the side to push to. It has no biases: a mirrored
    state gets the mirrored push, so none pushes to one side only.
    """
    layers = {
        "fc1.weight": (np.empty((HIDDEN, 4), np.float32), "lecun_normal", {"layout": "torch"}),
        "fc2.weight": (np.empty((1, HIDDEN), np.float32), "lecun_normal", {"layout": "torch"}),
    }
    parameters: Parameters = g.fill(layers)
    return parameters


def perturb(g: fastinit.Generator, parameters: Parameters, pair: int, scale: float) -> None:
    """parameters += scale * z, in place; z is the same at each call with this generator's seed and this pair."""
    if scale < 0:  # w - s z = -(-w + s z), exactly: fills take no negative std
        negate(parameters)
    fills = {f"{name}/{pair}": (w, "normal", 0.0, abs(scale)) for name, w in parameters.items()}
    g.fill(fills, accumulate=True)
    if scale < 0:
        negate(parameters)


def negate(parameters: Parameters) -> None:
    for w in parameters.values():
        np.negative(w, out=w)


def learn(
    seed: int, pairs: int = PAIRS, report: Callable[[int, float], None] | None = None
) -> tuple[Parameters, History]:
    """Climbs the logarithm of the mean of balanced steps, one antithetic pair of perturbations after the other."""
    g = fastinit.Generator(seed)
    parameters, history = new_policy(g), []
    for pair in range(pairs):
        states = starts(g, str(pair), EPISODES)  # the same for both: their difference is the perturbation's
        perturb(g, parameters, pair, SIGMA)
        above = balance(parameters, states)
        perturb(g, parameters, pair, -2 * SIGMA)
        below = balance(parameters, states)
        slope = (math.log(above) - math.log(below)) / (2 * SIGMA)
        perturb(g, parameters, pair, SIGMA + RATE * slope)
        history.append((pair, slope))
        if report:
            report(pair, (above + below) / 2)
    return parameters, history


def rebuild(seed: int, history: Iterable[tuple[int, float]]) -> Parameters:
    """What learn made, from its history and without one episode: the same moves, so the same roundings and bits."""
    g = fastinit.Generator(seed)
    parameters = new_policy(g)
    for pair, slope in history:
        for scale in (SIGMA, -2 * SIGMA, SIGMA + RATE * slope):
            perturb(g, parameters, pair, scale)
    return parameters


# ---- The same with a population --------------------------------------------------------------------------------------


def population(g: fastinit.Generator, parameters: Parameters, pairs: Sequence[int]) -> Parameters:
    """
    The policies theta + sigma z of all these pairs, then theta - sigma z, along a first axis of every array. Those of a
    pair are the same, whichever others are drawn with it.
    """
    n = len(pairs)
    policies = {name: np.repeat(w[np.newaxis], 2 * n, axis=0) for name, w in parameters.items()}
    fills = {
        name: (w[:n], "normal", 0.0, SIGMA, {"streams": [f"{name}/{pair}" for pair in pairs]})
        for name, w in policies.items()
    }
    g.fill(fills, accumulate=True)
    for name, w in policies.items():
        np.subtract(2 * parameters[name], w[:n], out=w[n:])
    return policies


def follow(g: fastinit.Generator, parameters: Parameters, history: Iterable[tuple[int, float]]) -> None:
    """Takes the steps that these pairs and slopes say, one after the other: the same roundings on every worker."""
    for pair, slope in history:
        perturb(g, parameters, pair, GENERATION_RATE / POPULATION * slope)


def learn_by_population(
    seed: int, generations: int = GENERATIONS, report: Callable[[int, float], None] | None = None
) -> tuple[Parameters, History]:
    """Climbs as learn does, along the mean of the slopes of a generation's pairs, which are scored side by side."""
    g = fastinit.Generator(seed)
    parameters, history = new_policy(g), []
    for generation in range(generations):
        pairs = range(generation * POPULATION, (generation + 1) * POPULATION)
        steps = balance(population(g, parameters, pairs), starts(g, f"generation {generation}", EPISODES))
        above, below = np.log(steps).reshape(2, POPULATION)
        slopes = (above - below) / (2 * SIGMA)
        found = list(zip(pairs, slopes.tolist(), strict=True))  # what workers exchange
        follow(g, parameters, found)
        history += found
        if report:
            report(generation, float(steps.mean()))
    return parameters, history


def rebuild_by_population(seed: int, history: Iterable[tuple[int, float]]) -> Parameters:
    """What learn_by_population made, without one episode."""
    g = fastinit.Generator(seed)
    parameters = new_policy(g)
    follow(g, parameters, history)
    return parameters


# ---- What is printed -------------------------------------------------------------------------------------------------


def show_learning(seed: int, pairs: int = PAIRS, every: int = 10) -> None:
    show("pairs", every, seed, lambda report: learn(seed, pairs, report), rebuild)


def show_population(seed: int, generations: int = GENERATIONS, every: int = 2) -> None:
    show(
        "generations", every, seed, lambda report: learn_by_population(seed, generations, report), rebuild_by_population
    )


def show(
    what: str,
    every: int,
    seed: int,
    learner: Callable[[Callable[[int, float], None]], tuple[Parameters, History]],
    rebuilder: Callable[[int, History], Parameters],
) -> None:
    """Prints the way of one who learns, what was learned, and whether it can be rebuilt."""
    print(f"{what:>11}  steps balanced  seconds")
    means: list[float] = []
    began = time.perf_counter()

    def report(done: int, mean: float) -> None:
        means.append(mean)
        if len(means) == every:
            print(f"{done + 1:11}{sum(means) / every:16.1f}{time.perf_counter() - began:9.1f}")
            means.clear()

    parameters, history = learner(report)
    fresh = balance(parameters, starts(fastinit.Generator(seed), "test", 256))
    print(f"\n256 fresh starts: {fresh:.1f} of {LIMIT} steps")

    began = time.perf_counter()
    other = rebuilder(seed, history)
    took = time.perf_counter() - began
    same = all(np.array_equal(other[name].view(np.uint32), w.view(np.uint32)) for name, w in parameters.items())
    print(f"rebuilt from {len(history)} (pair, slope) in {1e3 * took:.0f} ms: {'the same' if same else 'other'} bits")


# ---- The speed of a step ---------------------------------------------------------------------------------------------

CHUNK = 1 << 16  # elements; NumPy's temporaries of this size stay in the cache
MOVES = (SIGMA, -2 * SIGMA, SIGMA + 1e-3)


def fastinit_step(g: fastinit.Generator, w: Array, pair: int, threads: int) -> None:
    fastinit.set_num_threads(threads)
    for scale in MOVES:
        perturb(g, {"w": w}, pair, scale)


def stored_step(rng: np.random.Generator, w: Array, z: Array, chunk: Array) -> None:
    """NumPy with z in a second buffer of the model's size, and its products in a third, which is small."""
    rng.standard_normal(out=z, dtype=np.float32)
    for scale in MOVES:
        for i in range(0, w.size, chunk.size):
            part = w[i : i + chunk.size]
            np.multiply(z[i : i + chunk.size], np.float32(scale), out=chunk[: part.size])
            np.add(part, chunk[: part.size], out=part)


def redrawn_step(seed: int, w: Array, pair: int, chunk: Array) -> None:
    """NumPy without a second buffer: a generator seeded anew for each move."""
    for scale in MOVES:
        rng = np.random.Generator(np.random.PCG64([seed, pair]))
        for i in range(0, w.size, chunk.size):
            part, z = w[i : i + chunk.size], chunk[: w.size - i]
            rng.standard_normal(out=z, dtype=np.float32)
            np.multiply(z, np.float32(scale), out=z)
            np.add(part, z, out=part)


def time_steps(seed: int, elements: int, rounds: int) -> list[float]:
    """Milliseconds of a step, medians: fastinit on one thread, on all its threads, NumPy stored, NumPy drawn again."""
    w, z, chunk = (np.zeros(size, np.float32) for size in (elements, elements, min(CHUNK, elements)))
    g, rng, threads = fastinit.Generator(seed), np.random.default_rng(seed), fastinit.get_num_threads()
    steps: list[Callable[[int], None]] = [
        lambda pair: fastinit_step(g, w, pair, 1),
        lambda pair: fastinit_step(g, w, pair, threads),
        lambda pair: stored_step(rng, w, z, chunk),
        lambda pair: redrawn_step(seed, w, pair, chunk),
    ]
    times: list[list[float]] = [[] for _ in steps]
    try:
        for pair in range(rounds + 1):
            for which in rng.permutation(len(steps)):  # each leaves the next its caches
                began = time.perf_counter()
                steps[which](pair)
                times[which].append(1e3 * (time.perf_counter() - began))
    finally:
        fastinit.set_num_threads(threads)
    return [median(measured[1:]) for measured in times]  # the first round touches the memory


def show_speed(seed: int) -> None:
    print(
        f"Milliseconds a step, float32.  fastinit on 1 thread and on up to {fastinit.get_num_threads()}, NumPy on 1.\n"
    )
    print("parameters  fastinit, 1  fastinit, all   NumPy, z stored  NumPy, z drawn again")
    for power, rounds in ((16, 100), (20, 24), (24, 8)):
        one, several, stored, redrawn = time_steps(seed, 1 << power, rounds)
        ratios = [f"({other / one:.1f} x)" for other in (stored, redrawn)]
        print(f"{f'2^{power}':>10}{one:13.3f}{several:15.3f}{stored:10.3f} {ratios[0]}{redrawn:14.3f} {ratios[1]}")
    print("\nx: the time of fastinit on 1 thread.  z stored takes as much memory again as the parameters.")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="An evolution strategy that stores no perturbation, on the cart-pole.")
    parser.add_argument("--seed", type=int, default=1)
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--population", action="store_true", help="learn by generations of policies side by side")
    way.add_argument("--speed", action="store_true", help="time a step beside NumPy's, instead of learning")
    options = parser.parse_args(arguments)
    (show_speed if options.speed else show_population if options.population else show_learning)(options.seed)


if __name__ == "__main__":
    main()
