"""Figures: matplotlib only, one function per figure, a frame in and a Figure out, no global state."""
