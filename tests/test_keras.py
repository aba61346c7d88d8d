"""
Keras's layers start from the generator's values, on every backend and however they are built, saved or distributed.

Keras takes its backend when it is imported, so pytest runs the checks below in a process for each of them; the tests
at the end report them one by one.
"""

import doctest
import functools
import importlib.util
import inspect
import os
import subprocess
import sys
from xml.etree import ElementTree

import conftest
import ml_dtypes
import numpy as np
import pytest

import fastinit
from fastinit.draw import Drawn

if importlib.util.find_spec("keras") is None:
    pytest.skip("Keras is not installed", allow_module_level=True)

# Keras's, when it makes arrays of PyTorch's tensors and of its variables.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

BACKEND = os.environ.get("FASTINIT_TEST_KERAS")
if BACKEND:
    import keras

    import fastinit.keras as init
    from fastinit.keras import functions
if BACKEND == "jax":
    import jax


def test_without_keras_the_error_says_what_to_install():
    code = "import sys; sys.modules['keras'] = None\ntry: import fastinit.keras\nexcept ImportError as e: print(e)"
    assert "pip install 'fastinit-weights[keras]'" in " ".join(conftest.printed_by(code))


# ---- What the checks share -------------------------------------------------------------------------------------------

on_jax = pytest.mark.skipif(BACKEND != "jax", reason="of the JAX backend")
on_torch = pytest.mark.skipif(BACKEND != "torch", reason="of the PyTorch backend")

# Each class, the arguments that it is given, and the call that fills an array of Keras's layout with the same values.
KERAS = {"layout": "keras"}
SAME = {
    "Zeros": ((), "zeros", (), {}),
    "Ones": ((), "ones", (), {}),
    "Constant": ((0.1,), "constant", (0.1,), {}),
    "Identity": ((0.5,), "identity", (0.5,), {}),
    "RandomNormal": ((1.0, 0.5), "normal", (1.0, 0.5), {}),
    "RandomUniform": ((-1.0, 3.0), "uniform", (-1.0, 3.0), {}),
    "TruncatedNormal": ((1.0, 0.5), "truncated_normal", (1.0, 0.5, -2, 2), {}),
    "VarianceScaling": ((2.0, "fan_out", "uniform"), "variance_scaling", (2.0, "fan_out", "uniform"), KERAS),
    "GlorotUniform": ((), "xavier_uniform", (), KERAS),
    "GlorotNormal": ((), "xavier_normal", (), {**KERAS, "truncated": True}),
    "HeUniform": ((), "he_uniform", (), KERAS),
    "HeNormal": ((), "he_normal", (), {**KERAS, "truncated": True}),
    "LecunUniform": ((), "lecun_uniform", (), KERAS),
    "LecunNormal": ((), "lecun_normal", (), {**KERAS, "truncated": True}),
    "Orthogonal": ((0.5,), "orthogonal", (0.5,), {}),
}
CONSTANTS = ("Zeros", "Ones", "Constant", "Identity")
SCALED = [name for name in SAME if SAME[name][3]]
RANDOM = [name for name in SAME if name not in CONSTANTS]


def make(name, seed=7, stream="fc1/kernel"):
    source = {} if name in CONSTANTS else {"seed": seed, "stream": stream}
    return getattr(init, name)(*SAME[name][0], **source)


def filled(name, shape, dtype=np.float32, seed=7, stream="fc1/kernel"):
    _, scheme, arguments, keywords = SAME[name]
    source = {} if name in CONSTANTS else {"stream": stream}
    out = np.empty(shape, dtype)
    matrix = out.reshape(-1, shape[-1]) if scheme == "orthogonal" else out
    getattr(fastinit.Generator(seed), scheme)(matrix, *arguments, **keywords, **source)
    return out


def same(tensor, expected):
    return conftest.same(keras.ops.convert_to_numpy(tensor), expected)


# ---- Values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("shape", [(48, 30), (3, 3, 8, 20), (2, 3, 3, 4, 9), (7,), ()], ids=str)
def check_values_are_the_generators(name, shape):
    if (name == "Identity" and len(shape) != 2) or (name == "Orthogonal" and len(shape) < 2):
        with pytest.raises(ValueError, match=r"ax[ei]s"):
            make(name)(shape)
    else:
        assert same(make(name)(shape), filled(name, shape))


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def check_every_dtype_is_filled(name, dtype):
    assert same(make(name)((48, 30), dtype=dtype), filled(name, (48, 30), dtype))


NUMBERS = ["bool", "int8", "uint8", "int16", "int32", "uint16", "uint32", "float8_e4m3fn", "float8_e5m2", "complex64"]


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("distributed", [False, pytest.param(True, marks=on_jax)])
def check_constants_take_every_dtype_that_keras_takes(dtype, distributed, request):
    layout = request.getfixturevalue("layout") if distributed else None
    taken = keras.ops.zeros((1,), dtype).dtype  # PyTorch has no uint16 here
    for initialiser, scheme, arguments in (
        (init.Zeros(), "zeros", ()),
        (init.Ones(), "ones", ()),
        (init.Constant(1), "constant", (1,)),
        (init.Identity(), "identity", ()),
    ):
        tensor = initialiser((6, 4), dtype, layout=layout)
        assert tensor.dtype == taken
        expected = np.empty((6, 4), keras.backend.standardize_dtype(taken))
        getattr(fastinit, scheme)(expected, *arguments)
        if "float8" in dtype:  # of which Keras makes no arrays on PyTorch
            tensor, expected = keras.ops.cast(tensor, "float32"), expected.astype(np.float32)
        assert same(tensor, expected)
        if scheme != "identity" and "float8" not in dtype:
            assert same(getattr(keras.initializers, scheme)(*arguments)((6, 4), dtype), expected)
    with pytest.raises(ValueError, match=f"HeNormal: dtype='{dtype}'; accepted are float32"):
        make("HeNormal")((6, 4), dtype)


def check_integers_are_exact_and_what_a_dtype_does_not_hold_is_refused():
    assert keras.ops.convert_to_numpy(init.Constant(2**31 - 1)((2,), "int32")).tolist() == [2**31 - 1] * 2
    assert init.Constant(2**60 + 1).get_config() == {"value": 2**60 + 1}
    large = init.Constant([[2**63 + 1, 1.0]])._recipe((2, 2))  # where JAX may have no integers of 64 bits
    assert Drawn(large, (2, 2), np.dtype("u8")).array().tolist() == [[2**63 + 1, 1]] * 2
    for ragged in ([[1], [1, 2]], [1, "2"]):
        with pytest.raises(TypeError, match="value must be a number"):
            init.Constant(ragged)
    for dtype, value in (("int8", 128), ("uint8", -1), ("int32", 0.5), ("bool", 2), ("float8_e4m3fn", 500.0)):
        for wrong in (init.Constant(value), init.Constant([0, value]), init.Constant(np.array([value, 1]))):
            with pytest.raises(ValueError, match=rf"value=.*{value}.*({dtype})"):
                wrong((3, 2), dtype)
    with pytest.raises(TypeError, match="numbers that float32 can hold"):
        init.Constant(np.array([1j]))((2,))


def check_complex_numbers_are_taken_as_they_are():
    for number in (1 + 2j, np.complex64(1 + 2j)):
        assert keras.ops.convert_to_numpy(init.Constant(number)((2,), "complex64")).tolist() == [1 + 2j] * 2
        assert keras.ops.convert_to_numpy(init.Identity(number)((1, 2), "complex64")).tolist() == [[1 + 2j, 0]]


def check_a_bool_is_a_constant_of_bools_alone():
    for value in (
        True,
        np.True_,
        np.array(True),
        keras.ops.convert_to_tensor(True),
        [True, True],
        np.array([True] * 2),
    ):
        initialiser = init.Constant(value)
        assert keras.ops.convert_to_numpy(initialiser((2,), "bool")).tolist() == [True] * 2
        for dtype in ("float32", "int8", "complex64"):
            with pytest.raises(TypeError, match="value must be a number, not bool"):
                initialiser((2,), dtype)
    with pytest.raises(TypeError, match="gain must be a number, not bool"):
        init.Identity(True)((2, 2))
    with pytest.raises(TypeError, match="value must be a number, not bool"):
        init.Constant([True, 2.0])((2,), "float32")


COMPLEX = {
    "RandomNormal": ((), "normal", (0.0, 0.05), {}),
    "RandomNormal of a complex mean": ((1 - 2j, 0.5), "normal", (1 - 2j, 0.5), {}),
    "VarianceScaling": (
        (2.0, "fan_out", "untruncated_normal"),
        "variance_scaling",
        (2.0, "fan_out", "untruncated_normal"),
        KERAS,
    ),
}


@pytest.mark.parametrize("case", COMPLEX)
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype complex128:UserWarning")  # JAX's own
def check_normals_that_are_not_truncated_draw_complex_numbers(case, dtype):
    arguments, scheme, expected, keywords = COMPLEX[case]
    initialiser = getattr(init, case.partition(" ")[0])(*arguments, seed=7, stream="w")
    taken = keras.backend.standardize_dtype(keras.ops.zeros((1,), dtype).dtype)  # JAX may have no complex128
    wanted = np.empty((48, 30), taken)
    getattr(fastinit.Generator(7), scheme)(wanted, *expected, **keywords, stream="w")
    assert same(initialiser((48, 30), dtype), wanted)
    if BACKEND == "jax":
        assert same(jax.jit(lambda: initialiser((48, 30), dtype))(), wanted)
    else:
        with keras.device("meta"):
            assert initialiser((48, 30), dtype).is_meta


@on_jax
def check_complex_weights_are_distributed(layout):
    values = init.RandomNormal(1j, seed=7, stream="w")((48, 30), "complex64", layout=layout)
    assert values.sharding.shard_shape((48, 30)) == (24, 30)
    assert same(values, fastinit.Generator(7).normal(np.empty((48, 30), np.complex64), 1j, 0.05, stream="w"))


@pytest.mark.parametrize("name", [name for name in RANDOM if name != "RandomNormal"])
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def check_other_draws_refuse_complex_numbers_and_say_what_draws_them(name, dtype):
    accepted = "accepted are float32, float64, float16, bfloat16; complex numbers are drawn by RandomNormal and by Var"
    with pytest.raises(ValueError, match=f"{name}: dtype='{dtype}'; {accepted}"):
        make(name)((6, 4), dtype)


def check_an_array_that_changes_later_does_not_change_the_initialiser():
    value = np.array([1.0, 2.0])
    initialiser = init.Constant(value)
    value[0] = 9
    assert keras.ops.convert_to_numpy(initialiser((2,))).tolist() == [1, 2]
    assert keras.initializers.deserialize(keras.initializers.serialize(initialiser)).value.tolist() == [1, 2]


ARRAYS = {
    "an array": np.arange(6.0).reshape(2, 3),
    "a row": np.array([0.5, 1.0, -2.0], np.float32),
    "a column of integers": np.array([[3], [4]]),
    "bfloat16": np.array([0.5, 1.0, -2.0], ml_dtypes.bfloat16),
    "a list": [[1, 2.5, 3], [4, 5, 6]],
    "a number": np.array(0.1),
}


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def check_a_constant_may_be_an_array_as_in_keras(kind, dtype):
    value = ARRAYS[kind]
    expected = np.broadcast_to(np.asarray(value).astype(dtype), (2, 3))
    initialiser = init.Constant(value)
    assert same(initialiser((2, 3), dtype), expected)
    if kind != "bfloat16" or BACKEND == "jax":  # on PyTorch Keras returns float32 then
        assert same(keras.initializers.Constant(value)((2, 3), dtype), expected)
    tensor = value if kind == "bfloat16" else keras.ops.convert_to_tensor(value)
    assert same(init.Constant(tensor)((2, 3), dtype), expected)
    for copy in (keras.initializers.deserialize(keras.initializers.serialize(initialiser)), initialiser.clone()):
        assert same(copy((2, 3), dtype), expected)


def check_an_array_fills_a_layer_and_a_model_saves_it(tmp_path):
    table = np.arange(60, dtype=np.float32).reshape(10, 6)
    layer = keras.layers.Embedding(10, 6, embeddings_initializer=init.Constant(table))
    model = keras.Sequential([keras.Input((3,), dtype="int32"), layer])
    assert same(layer.embeddings.value, table)
    model.save(tmp_path / "model.keras")
    assert same(keras.saving.load_model(tmp_path / "model.keras").layers[0].embeddings_initializer((10, 6)), table)


@on_jax
def check_an_array_is_distributed_and_traced(layout):
    table = np.arange(60).reshape(10, 6)
    values = init.Constant(table)((10, 6), layout=layout)
    assert values.sharding.shard_shape((10, 6)) == (5, 6)
    assert same(values, table.astype(np.float32))
    for dtype in ("int8", "float32", "uint8", "complex64"):
        assert same(jax.jit(lambda dtype=dtype: init.Constant(table)((10, 6), dtype))(), table.astype(dtype))
    assert same(jax.jit(lambda: init.Zeros()((3, 4), "bool"))(), np.zeros((3, 4), bool))


@on_torch
@pytest.mark.parametrize("name", SAME)
def check_the_storage_of_a_tensor_can_be_resized(name):
    for dtype in ("float32", "bfloat16"):
        for shape in ((6, 5), (0, 5)):
            tensor = make(name)(shape, dtype)
            before = tensor.clone()
            tensor.resize_(40)
            assert (tensor[: before.numel()].view(shape) == before).all()
            tensor.untyped_storage().resize_(0)
            assert tensor.untyped_storage().nbytes() == 0


@on_torch
def check_float64_is_filled_in_float64():
    assert same(make("HeNormal")((48, 30), dtype="float64"), filled("HeNormal", (48, 30), np.float64))


@on_jax
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype float64:UserWarning")  # JAX's own
def check_without_float64_in_jax_the_values_are_float32s():
    assert same(make("HeNormal")((48, 30), dtype="float64"), filled("HeNormal", (48, 30)))


def check_the_dtype_is_keras_default():
    keras.config.set_floatx("float16")
    try:
        assert same(make("HeNormal")((48, 30)), filled("HeNormal", (48, 30), np.float16))
    finally:
        keras.config.set_floatx("float32")


@pytest.mark.parametrize("name", SCALED)
def check_the_spread_is_that_of_keras(name):
    shape = (3, 3, 40, 60)
    ours = keras.ops.convert_to_numpy(make(name)(shape))
    theirs = keras.ops.convert_to_numpy(getattr(keras.initializers, name)(*SAME[name][0], seed=7)(shape))
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)  # 21600 draws: 0.7 % at one standard deviation
    assert abs(ours).max() == pytest.approx(abs(theirs).max(), rel=0.01)


@pytest.mark.parametrize("name", ["RandomNormal", "RandomUniform", "TruncatedNormal"])
def check_the_defaults_are_those_of_keras(name):
    shape = (200, 100)
    ours = keras.ops.convert_to_numpy(getattr(init, name)(seed=7)(shape))
    theirs = keras.ops.convert_to_numpy(getattr(keras.initializers, name)(seed=7)(shape))
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    if name != "RandomNormal":
        assert abs(ours).max() == pytest.approx(abs(theirs).max(), rel=0.01)


def check_fans_may_be_products_of_other_axes():
    axes = {"input_axes": [0, 1], "output_axes": [2]}
    tensor = init.HeNormal(seed=7, stream="w", **axes)((4, 5, 6))
    expected = fastinit.Generator(7).he_normal(np.empty((4, 5, 6), np.float32), 20, truncated=True, stream="w")
    assert same(tensor, expected)
    with pytest.raises(ValueError, match=r"output_axes=\[3\]"):
        init.HeNormal(seed=7, input_axes=[0], output_axes=[3])((4, 5, 6))


def check_empty_tensors_are_made():
    for name in ("GlorotUniform", "Zeros", "Orthogonal"):
        assert tuple(make(name)((0, 4)).shape) == (0, 4)


# ---- Seeds and streams -----------------------------------------------------------------------------------------------


def check_an_integer_gives_the_same_values_at_each_call():
    initialiser = make("HeNormal")
    assert same(initialiser((48, 30)), filled("HeNormal", (48, 30)))
    assert same(initialiser((48, 30)), filled("HeNormal", (48, 30)))


def check_a_seed_generator_gives_other_values_at_each_call():
    initialiser = make("HeNormal", seed=keras.random.SeedGenerator(7))
    for call in range(3):
        assert same(initialiser((48, 30)), filled("HeNormal", (48, 30), seed=7 + call * 2**32))


@on_torch
def check_the_words_of_a_seed_generator_are_unsigned():
    initialiser = make("HeNormal", seed=keras.random.SeedGenerator(-1))
    assert same(initialiser((48, 30)), filled("HeNormal", (48, 30), seed=2**32 - 1))


def check_seeds_have_64_bits():
    seed = 2**64 - 2**33 + 5
    assert same(make("HeNormal", seed=seed)((48, 30)), filled("HeNormal", (48, 30), seed=seed))


def check_without_a_seed_keras_governs():
    def values():
        keras.utils.set_random_seed(3)
        return [keras.ops.convert_to_numpy(init.HeNormal()((5, 4))) for _ in range(2)]

    (first, second), again = values(), values()
    assert np.array_equal([first, second], again)
    assert not np.array_equal(first, second)


def check_weights_of_one_seed_and_one_stream_share_numbers_and_of_others_do_not():
    first, other = make("HeNormal")((48, 30)), make("HeNormal", stream="fc2/kernel")((48, 30))
    assert np.array_equal(first, make("HeNormal")((48, 30)))
    assert not np.isin(keras.ops.convert_to_numpy(first), keras.ops.convert_to_numpy(other)).all()
    assert same(make("HeNormal", stream=np.int64(4))((48, 30)), filled("HeNormal", (48, 30), stream=4))
    number = fastinit.stream_number("fc1/kernel")
    assert np.array_equal(first, make("HeNormal", stream=number)((48, 30)))


# ---- In layers and models --------------------------------------------------------------------------------------------


def model():
    normal = init.HeNormal(seed=7, stream="conv/kernel")
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, kernel_initializer=normal, bias_initializer=init.Constant(0.5)),
            keras.layers.Flatten(),
            keras.layers.Dense(
                5, kernel_initializer=init.Orthogonal(0.5, seed=keras.random.SeedGenerator(7), stream=1)
            ),
        ]
    )


def weights_of(model):
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def check_layers_start_from_the_generators_values():
    kernel, bias, dense, _ = weights_of(model())
    assert same(kernel, filled("HeNormal", (3, 3, 3, 4), stream="conv/kernel"))
    assert same(bias, np.full(4, 0.5, np.float32))
    assert same(dense, filled("Orthogonal", (144, 5), stream=1))
    embedding = keras.layers.Embedding(10, 6, embeddings_initializer=init.RandomUniform(-1.0, 3.0, seed=7, stream=2))
    embedding.build()
    assert same(embedding.embeddings, filled("RandomUniform", (10, 6), stream=2))


def check_a_layer_has_the_dtype_of_its_policy():
    for policy, dtype in (("mixed_bfloat16", np.float32), ("bfloat16", ml_dtypes.bfloat16)):
        layer = keras.layers.Dense(5, kernel_initializer=make("HeNormal"), dtype=policy)
        layer.build((None, 4))
        assert same(layer.kernel.value, filled("HeNormal", (4, 5), dtype))


@pytest.mark.parametrize("name", SAME)
def check_a_config_makes_the_same_initialiser(name):
    initialiser = make(name)
    config = keras.initializers.serialize(initialiser)
    assert config["registered_name"] == f"fastinit>{name}"
    for copy in (keras.initializers.deserialize(config), initialiser.clone(), keras.initializers.get(config)):
        assert type(copy) is type(initialiser)
        assert same(copy((6, 5)), filled(name, (6, 5)))


def check_a_seed_generator_is_in_the_config():
    copy = keras.initializers.deserialize(
        keras.initializers.serialize(make("HeNormal", seed=keras.random.SeedGenerator(7)))
    )
    copy((6, 5))
    assert same(copy((6, 5)), filled("HeNormal", (6, 5), seed=7 + 2**32))


def check_a_saved_model_loads_and_its_copies_start_anew(tmp_path):
    first = model()
    first.layers[0].kernel.assign(keras.ops.zeros((3, 3, 3, 4)))
    first.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert all(map(np.array_equal, weights_of(loaded), weights_of(first)))
    assert loaded.layers[0].kernel_initializer.stream == "conv/kernel"
    assert all(map(np.array_equal, weights_of(keras.models.clone_model(loaded)), weights_of(model())))


# ---- Traced ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def fills(monkeypatch):
    """The schemes of all fills."""
    recipes = []

    fill = Drawn.fill
    monkeypatch.setattr(Drawn, "fill", lambda drawn, *where: recipes.append(drawn.recipe.scheme) or fill(drawn, *where))
    return recipes


@on_jax
@pytest.mark.parametrize("name", SAME)
def check_under_jit_the_values_are_the_same_and_tracing_fills_nothing(name, fills):
    traced = jax.jit(lambda: make(name)((48, 30), "bfloat16"))
    lowered = traced.lower()
    assert not fills
    assert "cpu_callback" in lowered.as_text() or "xla_ffi_python" in lowered.as_text()
    assert same(traced(), filled(name, (48, 30), ml_dtypes.bfloat16))


@on_jax
def check_a_seed_generator_under_jit_gives_other_values_at_each_run():
    generator = keras.random.SeedGenerator(7)
    initialiser = make("HeNormal", seed=generator)

    @jax.jit
    def draw(state):
        with keras.StatelessScope([(generator.state, state)]) as scope:
            values = initialiser((48, 30))
        return values, scope.get_current_value(generator.state)

    state = generator.state.value
    for call in range(3):
        values, state = draw(state)
        assert same(values, filled("HeNormal", (48, 30), seed=7 + call * 2**32))


def check_asking_for_a_shape_fills_nothing(fills):
    class Product(keras.layers.Layer):
        def call(self, x):
            return keras.ops.matmul(x, make("HeNormal")((30, 5)))

    assert Product()(keras.KerasTensor((None, 30))).shape == (None, 5)
    assert not fills


@on_jax
@pytest.mark.parametrize(
    ("name", "make_traced"),
    [
        ("value", lambda x: init.Constant(x)((3,))),
        ("value", lambda x: init.Constant(x[None])((3,))),
        ("gain", lambda x: init.Identity(x)((3, 3))),
        ("mean", lambda x: init.RandomNormal(x)((3,))),
        ("stddev", lambda x: init.TruncatedNormal(0.0, stddev=x)((3,))),
        ("maxval", lambda x: init.RandomUniform(maxval=x)((3,))),
        ("scale", lambda x: init.VarianceScaling(x)((3,))),
        ("gain", lambda x: init.Orthogonal(x)((3, 3))),
        ("seed", lambda x: init.HeNormal(x)((3, 3))),
        ("input_axes", lambda x: init.HeNormal(7, [x], [1])((3, 3))),
        ("stream", lambda x: init.HeNormal(7, stream=x)((3, 3))),
        ("shape", lambda x: init.HeNormal(7)((3, x))),
    ],
)
def check_a_traced_argument_is_refused_with_the_reason(name, make_traced):
    with pytest.raises(TypeError, match=rf"{name}\b.*JAX traces it.*static_argnums"):
        jax.jit(make_traced)(1)


# ---- Distributed -----------------------------------------------------------------------------------------------------


@pytest.fixture
def mesh():
    mesh = keras.distribution.DeviceMesh((2, 2), ("batch", "model"), keras.distribution.list_devices())
    layouts = keras.distribution.LayoutMap(mesh)
    layouts[".*kernel"] = ("batch", "model")
    layouts[".*bias"] = ("model",)
    keras.distribution.set_distribution(keras.distribution.ModelParallel(layout_map=layouts, batch_dim_name="batch"))
    yield mesh
    keras.distribution.set_distribution(None)


@pytest.fixture
def layout(mesh):
    return keras.distribution.TensorLayout(("model", None), mesh)


@on_jax
@pytest.mark.parametrize("name", SAME)
def check_distributed_weights_are_filled_block_by_block_with_the_same_values(name, mesh, monkeypatch):
    blocks, fill = [], Drawn.fill
    monkeypatch.setattr(Drawn, "fill", lambda drawn, out, *where: blocks.append(out.shape) or fill(drawn, out, *where))
    layer = keras.layers.Dense(32, kernel_initializer=make(name))
    layer.build((None, 48))
    assert layer.kernel.value.sharding.shard_shape((48, 32)) == (24, 16)
    assert blocks == ([(48, 32)] if name == "Orthogonal" else [(24, 16)] * 4)
    assert same(layer.kernel.value, filled(name, (48, 32)))


@on_jax
def check_a_seed_generator_distributes_too(mesh):
    initialiser = make("HeNormal", seed=keras.random.SeedGenerator(7))
    for call in range(2):
        layer = keras.layers.Dense(32, kernel_initializer=initialiser)
        layer.build((None, 48))
        assert same(layer.kernel.value, filled("HeNormal", (48, 32), seed=7 + call * 2**32))


@on_jax
def check_layouts_are_taken_outside_layers_and_under_jit(layout):
    for draw in (make("HeNormal"), jax.jit(make("HeNormal").__call__, static_argnums=(0, 1, 2))):
        values = draw((48, 30), "float32", layout.backend_layout)
        assert values.sharding.shard_shape((48, 30)) == (24, 30)
        assert same(values, filled("HeNormal", (48, 30)))
    assert make("HeNormal")((48, 30), layout=layout).sharding.shard_shape((48, 30)) == (24, 30)


@on_jax
def check_a_jitted_initialiser_may_be_told_the_sharding_of_its_result(mesh):
    layout = keras.distribution.TensorLayout(("model", None), mesh).backend_layout
    draw = jax.jit(make("HeNormal").__call__, out_shardings=layout, static_argnames=["shape", "dtype"])
    values = draw(shape=(48, 30), dtype="float32")
    assert values.sharding.shard_shape((48, 30)) == (24, 30)
    assert same(values, filled("HeNormal", (48, 30)))


# ---- Bad input -------------------------------------------------------------------------------------------------------

BAD = {
    "an integer dtype": (
        ValueError,
        "HeNormal: dtype='int32'; accepted are",
        lambda: make("HeNormal")((3, 4), "int32"),
    ),
    "a boolean dtype": (ValueError, "HeNormal: dtype='bool'", lambda: make("HeNormal")((3, 4), "bool")),
    "strings": ((TypeError, ValueError), "string", lambda: init.Zeros()((3, 4), "string")),
    "a list of strings": (TypeError, "value must be a number, not str", lambda: init.Constant(["a", "b"])),
    "an array of objects": (TypeError, "not an array of dtype object", lambda: init.Constant(np.array([{}, {}]))),
    "an array of another shape": (
        ValueError,
        r"value is an array of shape=\(2,\), which does not broadcast to shape=\(3, 4\)",
        lambda: init.Constant([1, 2])((3, 4)),
    ),
    "an array of more axes": (ValueError, "does not broadcast", lambda: init.Constant([[1, 2, 3]])((3,))),
    "no dtype of Keras": (ValueError, "Invalid dtype", lambda: init.Zeros()((3, 4), "float31")),
    "a shape of fractions": (TypeError, "shape=.*integer", lambda: init.Zeros()((3, 4.5))),
    "a negative shape": (ValueError, "shape=", lambda: init.Zeros()((3, -4))),
    "no shape": (TypeError, "shape=None", lambda: init.Zeros()(None)),
    "a negative spread": (ValueError, "std=-1", lambda: init.RandomNormal(0.0, -1.0)((3, 4))),
    "a range that ends before it begins": (ValueError, "low=1.0, high=0.0", lambda: init.RandomUniform(1, 0)((3, 4))),
    "a range that float16 has not": (ValueError, "float16", lambda: init.RandomUniform(0, 1e5)((3, 4), "float16")),
    "a value that is none": (TypeError, "value must be a number", lambda: init.Constant("a")),
    "a gain of zero": (ValueError, "gain=0", lambda: init.Orthogonal(0)),
    "a gain that is none": (ValueError, "gain=nan", lambda: init.Identity(np.nan)),
    "a scale of zero": (ValueError, "scale", lambda: init.VarianceScaling(0.0)),
    "an unknown mode": (ValueError, "mode", lambda: init.VarianceScaling(mode="fan")),
    "a matrix of one axis": (ValueError, "two axes", lambda: init.Orthogonal()((3,))),
    "an identity of three axes": (ValueError, "2 axes", lambda: init.Identity()((3, 3, 3))),
    "a seed that is a name": (ValueError, "seed", lambda: init.HeNormal("fc1")),
    "a seed that is true": (TypeError, "seed=True; a bool is not accepted", lambda: init.HeNormal(True)),
    "a mean that is true": (TypeError, "mean=True; a bool is not accepted", lambda: init.RandomNormal(True)),
    "a spread that is true": (TypeError, "stddev=", lambda: init.TruncatedNormal(0.0, np.True_)),
    "a bound that is false": (TypeError, "minval=False; a bool is not accepted", lambda: init.RandomUniform(False)),
    "a scale that is true": (TypeError, "scale=True; a bool is not accepted", lambda: init.VarianceScaling(True)),
    "a gain that is true": (TypeError, "gain must be a number, not bool", lambda: init.Orthogonal(True)),
    "an axis that is true": (
        TypeError,
        r"output_axes=\(True,\); a bool is not accepted",
        lambda: init.HeNormal(7, (0,), (True,)),
    ),
    "a stream that is true": (TypeError, "stream must be .* not bool", lambda: init.HeNormal(7, stream=True)),
    "a shape of bools": (TypeError, r"shape=\(True, 2\)", lambda: init.HeNormal(7)((True, 2))),
    "a complex mean of real numbers": (TypeError, "mean must be a number", lambda: init.RandomNormal(1j)((3,))),
    "a seed sequence, which Keras does not take": (
        ValueError,
        "seed",
        lambda: init.HeNormal(np.random.SeedSequence(7)),
    ),
    "a negative seed": (ValueError, "seed=-1", lambda: init.HeNormal(-1)),
    "a negative stream": (ValueError, "stream=-1", lambda: init.HeNormal(stream=-1)),
    "a stream that is a fraction": (TypeError, "stream must be", lambda: init.HeNormal(stream=0.5)),
    "streams of rows": (TypeError, "keyword argument 'streams'", lambda: init.HeNormal(7, streams=range(3))),
    "no stream": (TypeError, "without stream", lambda: init.HeNormal(stream=None)),
}


@pytest.mark.parametrize("case", BAD)
def check_bad_arguments_are_refused(case):
    kind, message, call = BAD[case]
    with pytest.raises(kind, match=message):
        call()


# ---- What is shown ---------------------------------------------------------------------------------------------------


def check_every_initialiser_of_keras_is_there_with_its_arguments():
    theirs = {
        name for name, value in vars(keras.initializers).items() if inspect.isclass(value) and name[0].isupper()
    } - {"Initializer", "STFT", "STFTInitializer"}
    assert theirs == set(init.__all__)
    for name in theirs:
        ours, keras_own = (inspect.signature(getattr(module, name)).parameters for module in (init, keras.initializers))
        assert [(p.name, p.default) for p in ours.values() if p.name != "stream"] == [
            (p.name, p.default) for p in keras_own.values()
        ]
        assert issubclass(getattr(init, name), getattr(keras.initializers, name))


@pytest.mark.parametrize("name", [*SAME, "__doc__"])
def check_examples_print_what_they_show(name):
    text = init.__doc__ if name == "__doc__" else getattr(init, name).__doc__
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    failures, tried = doctest.DocTestRunner().run(example, out=lambda text: None)
    assert tried
    assert not failures
    if name in SAME:
        parameters = inspect.signature(getattr(init, name)).parameters
        documented = [line.strip().partition(" : ")[0] for line in text.splitlines() if " : " in line]
        assert sorted(each for names in documented for each in names.split(", ")) == sorted(parameters)


def check_a_scheme_that_keras_has_not_is_a_class_like_those_that_it_has():
    class Halved(functions.Named, functions.OfRule):
        rule = 0.5, "fan_out", "uniform"

    initialiser = Halved(7, (0,), (1,), stream="w")
    assert isinstance(initialiser, keras.initializers.VarianceScaling)
    assert initialiser.get_config() == init.HeNormal(7, (0,), (1,), stream="w").get_config()
    expected = init.VarianceScaling(*Halved.rule, 7, (0,), (1,), stream="w")((48, 30))
    for each in (initialiser, initialiser.clone()):
        assert same(each((48, 30)), keras.ops.convert_to_numpy(expected))
    with pytest.raises(TypeError, match="seed=True; a bool is not accepted"):
        Halved(True)


# ---- The checks in a process for each backend ------------------------------------------------------------------------


@functools.cache
def outcomes(backend, folder):
    """For each check what became of its cases: None, or what pytest says of one that failed or was skipped."""
    report = folder / f"{backend}.xml"
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend}, a backend of Keras, is not installed")
    devices = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    checks = ("-o", "python_functions=check_*", "-q", "-p", "no:cacheprovider", f"--junitxml={report}")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", __file__, *checks],
        env={**os.environ, "KERAS_BACKEND": backend, "FASTINIT_TEST_KERAS": backend, "XLA_FLAGS": devices},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode in (0, 1), run.stdout + run.stderr
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        problem = next((each for each in case if each.tag in ("failure", "error", "skipped")), None)
        found.setdefault(case.get("name").partition("[")[0], []).append(problem)
    return found


CHECKS = {name: each for name, each in globals().items() if name.startswith("check_")}
OF_ANOTHER = {"jax": on_torch.mark, "torch": on_jax.mark}
CASES = [
    (backend, name)
    for backend, of_another in OF_ANOTHER.items()
    for name, each in CHECKS.items()
    if of_another not in getattr(each, "pytestmark", ())
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("keras")


@pytest.mark.parametrize(("backend", "check"), CASES)
def test_on_each_backend(backend, check, folder):
    cases = outcomes(backend, folder)[check]
    failures = [each for each in cases if each is not None and each.tag != "skipped"]
    assert not failures, "\n".join(each.text for each in failures)
    assert None in cases, "every case was skipped"
