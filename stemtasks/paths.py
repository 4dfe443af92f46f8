"""Where things lie in a project, relative to its ``dodo.py``."""

from pathlib import Path

SPEC = Path("spec")
BUILD = Path("build")
STATE = BUILD / ".stemtasks"
