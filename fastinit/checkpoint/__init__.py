"""
Fresh checkpoints in the safetensors format, by rules over names, of models that may be larger than memory.

docs/checkpoints.md says how, on the command line and in Python.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import SupportsIndex, TypeAlias

import numpy as np

import fastinit
from fastinit.checkpoint.files import FileWritten, Growing, reserve
from fastinit.checkpoint.fills import write_file
from fastinit.checkpoint.header import Tensor
from fastinit.checkpoint.model import check_targets, path_of, read_model
from fastinit.checkpoint.report import BytesProgress, Initialised, Written
from fastinit.checkpoint.rules import SPELLINGS, choose
from fastinit.files import check_folder, new_files
from fastinit.recipe import Recipe
from fastinit.rules import RulesSource, read_rules

__all__ = ["Initialised", "Tensor", "init_checkpoint"]

_Path: TypeAlias = str | os.PathLike[str]
_Seed: TypeAlias = SupportsIndex | np.random.SeedSequence


def init_checkpoint(
    like: _Path,
    rules: RulesSource,
    seed: _Seed,
    out: _Path,
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
        (.json, with weight_map); the folder that holds either; or a JSON of shapes, such as
        {"name": {"dtype": "F32", "shape": [2, 3]}, "name": [2, 3], ...}.
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
    **arguments, stream=name)``, whatever the other tensors are. Until all is written the new files have other names,
    which end in .partial; after an error or Ctrl-C they are removed.

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
    return write_checkpoint(like, rules, seed, out, dtype, force, dry_run, progress, hashes=False).tensors


def write_checkpoint(
    like: _Path,
    rules: RulesSource,
    seed: _Seed,
    out: _Path,
    dtype: str | None,
    force: bool,
    dry_run: bool,
    progress: bool,
    hashes: bool,
) -> Written:
    """init_checkpoint, which also tells of the files and, as they are written, computes their hashes."""
    if seed is None:
        raise TypeError("seed=None; a checkpoint needs a seed: an integer in [0, 2**64)")
    generator = fastinit.Generator(seed)
    like, out = path_of("like", like), path_of("out", out)
    if not isinstance(rules, Mapping):
        rules = path_of("rules", rules)
    model = read_model(like, out, dtype)
    chosen = choose(read_rules(rules, SPELLINGS), model.tensors, model.copied_names)
    check_targets(model, rules if isinstance(rules, Path) else getattr(rules, "status", None), force)
    sizes = [plan.header.file_size for plan in model.files] + ([len(model.index[1])] if model.index else [])
    written = [FileWritten(target, size, None) for target, size in zip(model.targets, sizes, strict=True)]
    if dry_run:
        check_folder(out)
    else:
        choices = {name: choice for name, (_, choice) in chosen.items()}
        with (
            BytesProgress(sum(sizes), visible=progress) as shown,
            new_files(model.targets, replace=force) as new,
        ):
            reserved = reserve(new, sizes)
            # One file at a time is open: a model may have more parts than a process may have open files.
            for i, target in enumerate(model.targets):
                with new[i].open() as file:
                    growing = Growing(file, sizes[i] if reserved else 0, hashes)
                    if i < len(model.files):
                        write_file(growing, model.files[i], choices, generator, shown)
                    elif model.index:
                        growing.append(model.index[1])
                new[i].size = growing.size
                written[i] = FileWritten(target, growing.size, growing.sha256)
            shown.show("writing out")
    return Written(
        generator.seed,
        [
            Initialised(tensor, choice if isinstance(choice := chosen[tensor.name][1], Recipe) else None)
            for tensor in model.tensors.values()
        ],
        {name: rule.number for name, (rule, _) in chosen.items()},
        {tensor.name: plan.target for plan in model.files for tensor in plan.header.tensors},
        written,
    )
