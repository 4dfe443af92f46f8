"""The report of a song: one HTML page for a person."""
