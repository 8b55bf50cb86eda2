"""Formats: how published collections lie in files; what is wrong is refused with file and line.

TREC, MS MARCO, XOR-TyDi, XGLUE, and what ir_datasets names; :mod:`.lines` is what they share.
"""
