"""The parameters of whole models: GPT-2 and ResNet-50."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

LAYERS, WIDTH = 12, 768
BLOCKS = ((64, 3), (128, 4), (256, 6), (512, 3))  # ResNet-50: width and count


class Parameter(NamedTuple):
    """A name, a shape in PyTorch's layout, and how it is filled: normal (std), he (fan_out), ones or zeros."""

    name: str
    shape: tuple[int, ...]
    kind: str
    std: float = 0.02

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


def gpt2() -> Iterator[Parameter]:
    """Radford et al. 2019; the projections onto the residual stream get 1 / sqrt(2 layers) of the deviation."""
    yield Parameter("wte.weight", (50257, WIDTH), "normal")
    yield Parameter("wpe.weight", (1024, WIDTH), "normal")
    for i in range(LAYERS):
        yield from norm(f"h.{i}.ln_1", WIDTH)
        yield from dense(f"h.{i}.attn.c_attn", 3 * WIDTH, WIDTH)
        yield from dense(f"h.{i}.attn.c_proj", WIDTH, WIDTH, 0.02 / (2 * LAYERS) ** 0.5)
        yield from norm(f"h.{i}.ln_2", WIDTH)
        yield from dense(f"h.{i}.mlp.c_fc", 4 * WIDTH, WIDTH)
        yield from dense(f"h.{i}.mlp.c_proj", WIDTH, 4 * WIDTH, 0.02 / (2 * LAYERS) ** 0.5)
    yield from norm("ln_f", WIDTH)


def dense(name: str, fan_out: int, fan_in: int, std: float = 0.02) -> Iterator[Parameter]:
    """A linear layer."""
    yield Parameter(f"{name}.weight", (fan_out, fan_in), "normal", std)
    yield Parameter(f"{name}.bias", (fan_out,), "zeros")


def norm(name: str, width: int) -> Iterator[Parameter]:
    """A normalisation layer."""
    yield Parameter(f"{name}.weight", (width,), "ones")
    yield Parameter(f"{name}.bias", (width,), "zeros")


def resnet50() -> Iterator[Parameter]:
    """He et al. 2016, as torchvision initialises it: He's normal by the fan_out."""
    yield from convolution("stem", 64, 3, 7)
    channels = 64
    for stage, (width, count) in enumerate(BLOCKS):
        for i in range(count):
            name = f"layer{stage}.{i}"
            yield from convolution(f"{name}.conv1", width, channels, 1)
            yield from convolution(f"{name}.conv2", width, width, 3)
            yield from convolution(f"{name}.conv3", 4 * width, width, 1)
            if i == 0:
                yield from convolution(f"{name}.downsample", 4 * width, channels, 1)
            channels = 4 * width
    yield from dense("fc", 1000, channels)


def convolution(name: str, fan_out: int, fan_in: int, kernel: int) -> Iterator[Parameter]:
    """A convolution and its batch normalisation."""
    yield Parameter(f"{name}.weight", (fan_out, fan_in, kernel, kernel), "he")
    yield from norm(f"{name}.bn", fan_out)


class Model(NamedTuple):
    """The parameters, and the rules by which fastinit.torch.init_module_ fills them so."""

    parameters: Callable[[], Iterator[Parameter]]
    rules: dict[str, Any]


MODELS = {
    "GPT-2, 124 M": Model(
        gpt2,
        {
            "*.c_proj.weight": ("normal", 0.0, 0.02 / (2 * LAYERS) ** 0.5),
            "*.bias": "zeros",
            "*ln_*.weight": "ones",
            "*.weight": ("normal", 0.0, 0.02),
        },
    ),
    "ResNet-50, 26 M": Model(
        resnet50,
        {
            "*.bn.weight": "ones",
            "*.bias": "zeros",
            "fc.weight": ("normal", 0.0, 0.02),
            "*.weight": ("variance_scaling", 2.0, "fan_out", "normal"),
        },
    ),
}
