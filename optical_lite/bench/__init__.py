"""Bench: ours and its peers, measured side by side in one run; one file a benchmark."""
