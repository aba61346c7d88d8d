"""The source of the C core keeps its own rules: it is C++17 where it says so."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("compiler", ["c++", "g++", "clang++"])
def test_the_kernels_compile_as_cxx_too(compiler):
    if shutil.which(compiler) is None or shutil.which("bash") is None:
        pytest.skip(f"there is no {compiler}, or no bash to run the check")
    run = subprocess.run(
        ["bash", ROOT / "tests/c/check_cxx.sh", compiler], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
