"""Average precision, ROC area, F1, ranks and rank correlation at sweep scale (numpy and numba, no torch)."""
