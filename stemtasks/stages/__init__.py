"""One stage a file: what it is made of, making it, what verifying it means, and its line."""
