"""Objectives, training loops, the inner loop and its second-order outer step."""
