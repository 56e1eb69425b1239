"""Characters: who a player is in a game of fantasy, with abilities, belongings and a portrait."""
