"""Heat maps, annotated video, plots and reports."""
