"""Files and blocks: reading, writing, filtering, measuring; the sound of the stages.

``from stemtasks.audio import Blocks, Stream`` is the short address for parts, as it was in 0.1.0.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stemtasks.audio.blocks import Block, Blocks, Stream

__all__ = ["Block", "Blocks", "Stream"]


def __getattr__(name: str) -> Any:
    """Return a name of ``blocks.py``, which needs numpy, when it is asked for; in keys that module counts."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from stemtasks.audio import blocks  # noqa: PLC0415

    return getattr(blocks, name)
