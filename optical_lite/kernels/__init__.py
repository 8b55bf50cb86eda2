"""Kernels: the fast forms of what the method states plainly. Tensors in, tensors out; nothing here knows of text.

Transport in the log domain and by stabilised scaling, a forward pass without padding, MaxSim in blocks; each has a
plain twin that tests compare it with. Beside them, tensors that stay in their files.
"""
