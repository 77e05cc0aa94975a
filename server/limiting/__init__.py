"""How much a key and its tenant may ask for in a minute, and at a time."""
