"""Kernels: the fast forms of what the method states plainly. Tensors in, tensors out; nothing here knows of text.

Transport in the log domain and by stabilised scaling, and a forward pass without padding. Each has a plain twin that
tests compare it with.
"""
