"""Bench: ours and its peers, measured side by side in one run; ``runner`` names the benchmarks."""
