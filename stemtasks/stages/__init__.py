"""One stage a file: paths in, paths out, and what verifying its output means."""
