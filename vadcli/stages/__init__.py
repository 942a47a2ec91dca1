"""The stages behind the commands: each opens files, calls the rooms below and saves."""
