"""The mistakes a user can make: each is one line that says where, what was found and what to do."""

from __future__ import annotations


class StemtasksError(Exception):
    """A mistake outside the code: its text is one line, shown without a traceback."""


class SpecError(StemtasksError):
    """A song's TOML file says something that cannot be built."""


class AudioError(StemtasksError):
    """An audio file cannot be read, or is not what it claims to be."""


class CommandError(StemtasksError):
    """An external renderer failed, or left no usable file."""


class VerificationError(StemtasksError):
    """A file was made, measured, and is outside its limits."""


class CacheError(StemtasksError):
    """The store or the records in ``build/`` cannot be used."""


class WorkerError(StemtasksError):
    """The process or machine that ran a job was lost."""
