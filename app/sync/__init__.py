"""Delta sync: the revision feed of a user's rows, spoken in the protocols of two stock clients."""
