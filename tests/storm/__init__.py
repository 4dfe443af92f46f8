"""A storm over one tree: random edits, damage, commands and kills, and in the end what a clean build makes."""
