"""Make-style incremental builds for audio."""
