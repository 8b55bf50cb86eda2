"""Training: one loop for whatever trains, distillation at speed, a run's folder, stored vectors.

:func:`.colbert.fit` tunes a teacher for late interaction.
"""
