"""The words that every other room shares: frozen values, no I/O."""
