"""Stores of finished work: the local one, the shared one, what lies behind it, and their upkeep."""
