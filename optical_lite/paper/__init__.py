"""Paper: the experiment at its real size, ColBERT's way of reading texts, and what a run would cost."""
