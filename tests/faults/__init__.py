"""Faults at single system calls: each one of a small build that changes something is killed or fails, in turn."""
