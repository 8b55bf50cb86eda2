"""Paper: the experiment at its real size, ColBERT's reading of texts, and what a run would cost."""
