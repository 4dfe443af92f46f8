"""Keys, chords, patterns and rows: notes without sound."""
