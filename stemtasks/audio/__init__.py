"""Files and blocks: reading, writing, filtering, measuring and comparing audio."""
