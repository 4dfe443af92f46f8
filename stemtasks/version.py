"""The version of this package. No key has it: a new version builds again only what it makes differently."""

__version__ = "0.2.0.dev0"
