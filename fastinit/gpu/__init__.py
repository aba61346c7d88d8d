"""
Arrays on CUDA devices, filled with the CPU's bits; the package's own, without public names.

Nothing of it is imported until an array that is none of NumPy's is to be filled, and no framework by it ever.
"""
