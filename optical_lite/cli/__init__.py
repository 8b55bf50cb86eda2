"""Command line: one file a command, imported when it is called.

Each has ``options(parser)`` beside ``command``, whose parameters are those options; its docstring
is what ``--help`` says. ``main`` names them all, ``options`` knows what a value must be, ``inputs``
and ``run_files`` are shared.
"""
