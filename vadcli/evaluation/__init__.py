"""Metrics, protocols, localisation and tables."""
