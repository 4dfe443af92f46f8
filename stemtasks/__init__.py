"""Make-style incremental builds for audio: a song in TOML becomes verified stems, a master and an archive."""

__version__ = "0.1.0"
