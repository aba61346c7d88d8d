"""
Builds both modules with what is installed: fastinit, Cython and setuptools 77 or newer.

    pip install --no-index --no-build-isolation .

`python setup.py build_ext --inplace` leaves them in this folder. Without both options pip fetches what pyproject.toml
lists from the package index, which has fastinit-weights from its first release on.
"""

from Cython.Build import cythonize
from setuptools import Extension, setup

import fastinit

include = [fastinit.get_include()]
setup(
    ext_modules=[
        *cythonize([Extension("noise", ["noise.pyx"], include_dirs=include)], include_path=include),
        Extension("projection", ["projection.c"], include_dirs=include),
    ]
)
