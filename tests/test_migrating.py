"""The tables of docs/migrating.md are complete, and what they call equal is the same distribution."""

import importlib.util
import inspect
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import fresh_python
from scipy import stats

import fastinit

PAGE = (Path(__file__).parent.parent / "docs" / "migrating.md").read_text(encoding="utf-8")
SIGNIFICANCE = 1e-3  # of a Kolmogorov-Smirnov test; all seeds are fixed
SEED = 7

# What the tables' calls take besides the arrays: nowhere a default.
VALUES = {
    "a": 0.07,
    "b": 0.16,
    "mean": 0.1,
    "std": 0.03,
    "gain": 1.5,
    "slope": 0.3,
    "mode": "fan_out",
    "nonlinearity": "tanh",
    "sparsity": 0.3,
    "groups": 4,
    "value": 0.3,
    "minval": -0.2,
    "maxval": 0.3,
    "stddev": 0.03,
    "scale": 1.7,
}


def rows(section):
    """The calls in the first and the last column of the section's table."""
    table = PAGE.partition(f"## {section}\n")[2].partition("\nWhat differs:")[0]
    for line in table.splitlines():
        calls = re.findall(r"`([\w.]+\(.*?\))`(?=[ ,])", line)
        if line.startswith("| `") and len(calls) == 2:
            yield calls
        elif line.startswith("| `"):
            raise AssertionError(f"no pair of calls: {line}")


TORCH, KERAS = list(rows("From torch.nn.init")), list(rows("From Keras"))


def shape_for(call):
    """One with fans that differ, and a kernel where the function takes one; Keras's classes begin with a capital."""
    if re.match(r"(eye_|sparse_|Identity)\(", call):
        return (96, 160)
    return (5, 3, 80, 48) if call[0].isupper() else (80, 48, 5, 3)


def filled(call, shape, **names):
    w = np.empty(shape, np.float32)
    arguments = {**VALUES, "g": fastinit.Generator(SEED), "w": w, "fastinit": fastinit, "math": math, **names}
    return np.asarray(eval(call.replace("fans", 'layout="keras"'), arguments)).reshape(shape)


def check_same(theirs, ours, call):
    """Whether two samples are of one distribution, by all that is known of it."""
    if re.match(r"g\.(zeros|ones|constant|identity|dirac)\(", call):
        assert np.array_equal(theirs, ours)
        return
    assert stats.ks_2samp(theirs.ravel(), ours.ravel()).pvalue > SIGNIFICANCE
    if re.search("uniform|truncated", call):  # bounded: 57,600 draws come within a thousandth of the width
        width = np.ptp(ours)
        assert abs(theirs.min() - ours.min()) < 2e-3 * width
        assert abs(theirs.max() - ours.max()) < 2e-3 * width
    if "sparse" in call:
        assert np.array_equal((theirs == 0).sum(axis=0), (ours == 0).sum(axis=0))
    if "orthogonal" in call:
        for q in (theirs, ours):
            matrix = q.reshape(-1, q.shape[-1]) if "reshape" in call else q.reshape(len(q), -1)
            fewer = matrix if len(matrix) <= matrix.shape[1] else matrix.T
            np.testing.assert_allclose(fewer @ fewer.T, VALUES["gain"] ** 2 * np.eye(len(fewer)), atol=1e-5)


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("theirs", "ours"), TORCH, ids=[row[0] for row in TORCH])
def test_function_of_pytorch_has_the_distribution_of_its_row(theirs, ours):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    names = {**VALUES, **vars(torch.nn.init)}
    if theirs.startswith("calculate_gain"):
        assert eval(theirs, names) == eval(ours, {**VALUES, "fastinit": fastinit})
        return
    shape = shape_for(theirs)
    torch.manual_seed(SEED)
    tensor = eval(theirs, {**names, "t": torch.empty(shape)})
    check_same(tensor.numpy(), filled(ours, shape, fan_in=fastinit.fans(shape, "torch").fan_in), ours)


def test_every_function_of_pytorch_has_a_row_or_is_deprecated():
    init = pytest.importorskip("torch", reason="PyTorch is not installed").nn.init
    in_table = {call.partition("(")[0] for call, _ in TORCH}
    deprecated = {name for name in init.__all__ if f"{name}_" in init.__all__}
    assert in_table == set(init.__all__) - deprecated
    assert deprecated  # else the page need not speak of them


# ---- Keras -----------------------------------------------------------------------------------------------------------

# Keras takes its backend when it is imported, so it draws in a Python of its own, which is given the calls and shapes;
# it prints the classes with their arguments.
DRAW = """
import inspect, json, sys
import numpy as np, keras
calls = json.loads(sys.argv[2])
drawn = [eval(f"keras.initializers.{call}")(tuple(shape)) for call, shape in calls]
np.savez(sys.argv[1], *map(keras.ops.convert_to_numpy, drawn))
classes = {name: value for name, value in vars(keras.initializers).items() if inspect.isclass(value)}
print(json.dumps({name: str(inspect.signature(value)) for name, value in classes.items()}))
"""


def for_keras(call):
    """The call of a class, with VALUES in the place of the defaults that the table shows, and a seed."""
    call = re.sub(r"(\w+)=[-\d.]+", lambda found: f"{found[1]}={VALUES[found[1]]}", call)
    draws = not call.startswith(("Zeros", "Ones", "Constant", "Identity"))
    return f"{call[:-1]}, seed={SEED})".replace("(, ", "(") if draws else call


@pytest.fixture(scope="module")
def keras_drew(tmp_path_factory):
    """The tensors of the rows, and the signatures of the classes."""
    if importlib.util.find_spec("keras") is None or importlib.util.find_spec("jax") is None:
        pytest.skip("Keras, or its backend JAX, is not installed")
    path = tmp_path_factory.mktemp("keras") / "drawn.npz"
    calls = json.dumps([(for_keras(call), shape_for(call)) for call, _ in KERAS])
    done = fresh_python(DRAW, str(path), calls, timeout=120, KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr
    with np.load(path) as arrays:
        return list(arrays.values()), json.loads(done.stdout)


@pytest.mark.parametrize("row", range(len(KERAS)), ids=[row[0] for row in KERAS])
def test_class_of_keras_has_the_distribution_of_its_row(row, keras_drew):
    theirs, ours = KERAS[row]
    mode = re.search(r'mode="(\w+)"', theirs)
    check_same(keras_drew[0][row], filled(ours, shape_for(theirs), mode=mode and mode[1]), ours)


def test_every_class_of_keras_has_a_row_or_is_named_below_the_table(keras_drew):
    in_table = {call.partition("(")[0] for call, _ in KERAS}
    below = PAGE.partition("| `Constant(")[2].partition("What differs:")[0]
    classes = {name for name in keras_drew[1] if name[0].isupper()} - {"Initializer"}
    assert in_table | set(re.findall(r"`([A-Z]\w+)`", below)) == classes


def test_defaults_of_keras_are_those_that_the_rows_show(keras_drew):
    for call, _ in KERAS:
        name, _, arguments = call[:-1].partition("(")
        for argument in filter(None, arguments.split(", ")):
            if not argument.startswith(("mode", "distribution")):
                assert argument in keras_drew[1][name]


def test_page_names_no_function_that_fastinit_has_not():
    names = re.findall(r"`g\.(\w+)\(", PAGE)
    assert names
    for name in names:
        assert inspect.isroutine(getattr(fastinit.Generator, name))
