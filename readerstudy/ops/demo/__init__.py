"""The demo: the whole chain on phantoms, from two thousand drawn radiographs to a study to read."""
