"""Kernels: the fast or long-winded forms of what the method states plainly.

Each has a plain twin that tests compare it with. Beside them, tokenizers that learn words, and
tensors that stay in their files.
"""
