"""Kernels: the fast or long-winded forms of what the method states plainly.

Tests compare each with a plain twin, or, of solvers that have none (``exact``, ``proximal``,
``unbalanced``, ``partial``), with POT. Beside them, tokenizers that learn words, and tensors that
stay in their files.
"""
