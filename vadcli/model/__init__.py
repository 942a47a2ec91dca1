"""The autoencoder, the prototype unit, their losses, the literal oracle and checkpoint files."""
