"""Training: one loop for whatever trains, distillation at speed, a run's folder, stored vectors.

:mod:`.teacher` tunes a teacher for late interaction.
"""
