"""One way to fit a stem to the target's duration a file; the file's name is what a spec calls it."""
