"""What the kit promises when things go wrong, measured."""
