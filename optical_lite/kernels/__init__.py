"""Kernels: the fast or long-winded forms of what the method states plainly.

Transport in several ways, EM over a large bitext, a forward pass without padding, MaxSim in blocks:
each has a plain twin that tests compare it with. Beside them, tokenizers that learn words, and
tensors that stay in their files.
"""
