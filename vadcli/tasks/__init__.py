"""The tasks behind commands and API: each opens files, calls the rooms below and saves."""
