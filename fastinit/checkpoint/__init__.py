"""
Fresh checkpoints in the safetensors format, by rules over names, of models that may be larger than memory.

docs/checkpoints.md says how, on the command line and in Python.
"""

import os
from pathlib import Path
from typing import SupportsIndex

import numpy as np

import fastinit
from fastinit.checkpoint.files import new_files
from fastinit.checkpoint.fills import fill_file
from fastinit.checkpoint.header import Tensor
from fastinit.checkpoint.model import check_targets, read_model
from fastinit.checkpoint.report import BytesProgress, Initialised
from fastinit.checkpoint.rules import RulesSource, choose, read_rules

__all__ = ["Initialised", "Tensor", "init_checkpoint"]


def init_checkpoint(
    like: str | os.PathLike[str],
    rules: RulesSource,
    seed: SupportsIndex | np.random.SeedSequence,
    out: str | os.PathLike[str],
    *,
    dtype: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    progress: bool = False,
) -> list[Initialised]:
    """
    Makes a new checkpoint with the names, shapes and dtypes of another, every tensor drawn anew by a rule for its name.

    Parameters
    ----------
    like : path
        A .safetensors file, of which only the header is read (and values to be copied); an index of several such files
        (.json, with weight_map); or a JSON of shapes, {"name": {"dtype": "F32", "shape": [2, 3]}, "name": [2, 3], ...}.
    rules : path or mapping
        A TOML file, or what it holds:
        ``{"layout": "torch", "rule": [{"name": "*.weight", "scheme": "he_normal"}, ...]}``.
        The first rule whose name, a pattern or a list of them, matches applies. Its other entries are the scheme's
        arguments, or ndim, a number of axes that the tensor must have. The layout gives fans to schemes that need some
        and were given none. The scheme "copy" copies the values from like.
    seed : int or numpy.random.SeedSequence
        Of all tensors, in [0, 2**64).
    out : path
        The new .safetensors file, or the new index, beside which its files get the names that they have in the old one.
    dtype : str, optional
        Of the shapes that come without one in a JSON of shapes.
    force : bool
        Replace what is there.
    dry_run : bool
        Check everything and write nothing.
    progress : bool
        Show a progress bar on standard error, if that is a terminal.

    Returns
    -------
    list of Initialised
        For each tensor, in the order of the files and their data, a named tuple: tensor, with its name, shape and
        dtype, and recipe, None if it was copied.

    Raises
    ------
    ValueError
        If a file is malformed, a rule is wrong or never applies, no rule matches a tensor, or one cannot be filled as
        its rule says; nothing has been written then.
    OSError
        If a file cannot be read or written, or is there already; ImportError: if BF16 tensors are to be filled and
        ml_dtypes is not installed.

    Notes
    -----
    Each tensor takes its name as its stream: what is written equals ``getattr(Generator(seed), scheme)(array,
    **arguments, stream=name)``, whatever the other tensors are. Until all is written the new files have .partial after
    their names; after an error or Ctrl-C they are removed.

    Examples
    --------
    >>> import json, pathlib, tempfile
    >>> from fastinit.checkpoint import init_checkpoint
    >>> rules = {"rule": [{"name": "*.weight", "scheme": "normal", "std": 0.02}, {"name": "*", "scheme": "zeros"}]}
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = pathlib.Path(name)
    ...     _ = (folder / "shapes.json").write_text(json.dumps({"fc.weight": [10, 784], "fc.bias": [10]}))
    ...     done = init_checkpoint(
    ...         folder / "shapes.json", rules, 0, folder / "fresh.safetensors", dtype="float32"
    ...     )
    >>> for tensor, recipe in done:
    ...     print(tensor.name, tensor.shape, recipe)
    fc.weight (10, 784) normal(std=0.02)
    fc.bias (10,) zeros()
    """
    if seed is None:
        raise TypeError("seed=None; a checkpoint needs a seed: an integer in [0, 2**64)")
    generator = fastinit.Generator(seed)
    model = read_model(Path(like), Path(out), dtype)
    recipes = choose(read_rules(rules), model.tensors, model.copied_names)
    check_targets(model, Path(like), force)
    if not dry_run:
        sizes = [part.header.file_size for part in model.parts] + ([len(model.index[1])] if model.index else [])
        with (
            BytesProgress(sum(sizes), visible=progress) as shown,
            new_files(model.targets, sizes) as files,
        ):
            for file, part in zip(files, model.parts, strict=False):
                fill_file(file, part, recipes, generator, shown)
            if model.index:
                files[-1].write(model.index[1])
            shown.show("writing out")
    return [Initialised(tensor, recipes[tensor.name]) for tensor in model.tensors.values()]
