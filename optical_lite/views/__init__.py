"""Views: figures of record, and the explorer of alignments, in a notebook or as a page."""
