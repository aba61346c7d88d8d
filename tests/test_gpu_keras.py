"""Keras's initialisers fill on the CUDA device that its backend has chosen, which the CPU pretends to be."""

import importlib.util

import emulator
import pytest
from conftest import fresh_python

if importlib.util.find_spec("keras") is None:
    pytest.skip("Keras is not installed", allow_module_level=True)

CODE = """
import sys
sys.path.insert(0, {tests!r})
import emulator, keras, numpy as np, fastinit, fastinit.keras as init

ON_TORCH = keras.backend.backend() == "torch"
driver = emulator.Driver(emulator.build({folder!r}))
if ON_TORCH:
    from fastinit.torch import tensors
    tensors.is_cuda = lambda tensor: tensor.device.type == "cpu"
    tensors.device_number = lambda tensor: 0
    tensors.current_stream = lambda device: 77
    borrowed, array_of = [], tensors.array_of
    tensors.array_of = lambda tensor: (borrowed.append(tensor.numel()), array_of(tensor))[1]
else:
    from fastinit.draw import Drawn
    from fastinit.jax import devices
    devices.cuda_number = lambda device: 0
    devices.LEAST = 10
    borrowed, array = [], Drawn.array
    Drawn.array = lambda drawn: (borrowed.append(np.prod(drawn.shape)), array(drawn))[1]

def check(made, scheme, *arguments, dtype="float32", forms=("range",), **where):
    expected = getattr(fastinit.Generator(7), scheme)(np.empty((64, 32), np.dtype(dtype)), *arguments, **where)
    assert np.asarray(keras.ops.convert_to_numpy(made)).tobytes() == expected.tobytes(), scheme
    assert driver.forms == list(forms), (scheme, driver.launches)
    assert {{launch[1:3] for launch in driver.launches}} <= {{(0, 77 if ON_TORCH else 1)}}
    assert bool(borrowed) == (not forms), (scheme, borrowed)
    driver.launches.clear()
    borrowed.clear()

w, shape = {{"stream": "w"}}, (64, 32)
with emulator.use(driver):
    check(init.RandomNormal(1.0, 0.5, 7, **w)(shape), "normal", 1.0, 0.5, **w)
    check(init.RandomNormal(seed=7, **w)(shape, "float16"), "normal", 0.0, 0.05, dtype="float16", **w)
    check(init.RandomNormal(seed=7, **w)(shape, "complex64"), "normal", 0.0, 0.05, dtype="complex64", **w)
    check(init.RandomUniform(-1.0, 3.0, 7, **w)(shape), "uniform", -1.0, 3.0, **w)
    check(init.HeNormal(7, **w)(shape), "he_normal", layout="keras", truncated=True, **w)
    for each, scheme in ((init.Zeros(), "zeros"), (init.Ones(), "ones")):
        check(each(shape), scheme, forms=["constant"])
    check(init.Identity()(shape, "int32"), "identity", dtype="int32", forms=["constant"] * 2)
    check(init.Orthogonal(1.0, 7, **w)(shape), "orthogonal", forms=[], **w)
    check(init.Constant(np.full(32, 0.5))(shape), "constant", 0.5, forms=[])
    layer = keras.layers.Dense(32, kernel_initializer=init.GlorotUniform(7, **w), bias_initializer=init.Zeros())
    layer.build((None, 64))
    driver.launches = [launch for launch in driver.launches if launch[0].form != "constant"]
    borrowed.clear()
    check(layer.kernel, "xavier_uniform", layout="keras", **w)
print("all equal")
"""


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_weights_are_filled_on_the_device_of_the_backend(tmp_path_factory, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend}, a backend of Keras, is not installed")
    folder = tmp_path_factory.getbasetemp()
    emulator.build(folder)
    code = CODE.format(tests=str(emulator.ROOT / "tests"), folder=str(folder))
    run = fresh_python(code, timeout=240, KERAS_BACKEND=backend, JAX_PLATFORMS="cpu")
    assert run.stdout.strip() == "all equal", run.stderr
