"""Command line: what each command does with its options; imported when it is called."""
