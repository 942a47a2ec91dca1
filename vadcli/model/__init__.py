"""The autoencoder, the prototype unit, their losses and checkpoint files."""
