"""Builds both modules: `pip install .`; `python setup.py build_ext --inplace` where all that it needs is installed."""

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
