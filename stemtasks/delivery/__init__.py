"""The formats that are handed over, one a file."""
