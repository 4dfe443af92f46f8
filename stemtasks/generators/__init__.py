"""One generator of a stem a file; the file's name is what a spec calls it."""
