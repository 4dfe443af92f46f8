"""Make-style incremental builds for audio: a song in TOML becomes verified stems, a master and an archive."""

import os

__version__ = "0.1.0"

# Tasks run side by side, so one that takes all cores only waits for the others; and a matrix product
# cut up among a machine's cores would not give the same bytes on a machine with more of them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
