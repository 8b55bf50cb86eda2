"""Formats: how published collections lie in files, read line by line and refused with file and line.

TREC, MS MARCO, XOR-TyDi, XGLUE, and what ir_datasets names; :mod:`.lines` is what they share.
"""
