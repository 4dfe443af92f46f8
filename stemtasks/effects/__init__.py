"""One effect a file; the file's name is what a spec calls it."""
