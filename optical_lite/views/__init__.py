"""Views: figures of record, pictures that a page shows by itself, and the explorer of alignments.

A picture gets plans and links, never a model.
"""
