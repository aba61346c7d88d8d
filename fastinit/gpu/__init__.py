"""Fills of arrays on CUDA devices, with the CPU's bits; nothing of it is imported before such an array is filled."""
