"""Readers, the frame cache, benchmark layouts, windows, episodes and synthetic scenes."""
