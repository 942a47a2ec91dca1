"""From windows to errors, calibrated scores, events and records."""
