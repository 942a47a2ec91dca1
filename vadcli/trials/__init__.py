"""A model on labelled footage: shots, draws, support, controls, the paper's tables and figures."""
