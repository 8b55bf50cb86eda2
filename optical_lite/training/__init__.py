"""Training: the fast loop of distillation, what trains, the run's folder, and stored teacher vectors.

:mod:`.teacher` tunes a teacher for late interaction.
"""
