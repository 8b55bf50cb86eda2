"""Lessons: the checks of the exercises, and questions side by side."""
