"""Where a ``dodo.py`` written for 0.1.0 finds worker processes; ``stemtasks.graph`` has them now."""

from stemtasks.action.workers import processes

__all__ = ["processes"]
