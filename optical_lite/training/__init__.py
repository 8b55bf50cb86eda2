"""Training: one loop for whatever trains, distillation at speed, the run's folder, stored teacher vectors.

:mod:`.teacher` tunes a teacher for late interaction.
"""
