"""A folder of recordings, or another program's session, as the spec of a song."""
