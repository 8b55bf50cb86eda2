"""Command line: one file a command, imported when it is called.

``commands`` names them all, with their options, which are the parameters of each one's function
``command``; ``options`` knows what a value must be; ``inputs``, ``run_files`` and
``index_folders`` are shared.
"""
