"""Readers, the frame cache, benchmark layouts, windows and episodes."""
