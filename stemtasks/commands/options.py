"""What a command line asks of the build that its command loads: doit's commands set it, the build reads it."""

from typing import Any

writes = False
"""Whether the command may write to the tree, and so takes its lock."""
builds = False
"""Whether it makes files, which need room."""
waits = True
"""Whether it waits while another build has the lock."""
always = False
"""Whether tasks are to be run whatever is known of them."""
audited_fraction = 0.0
"""How much of what is up to date or restored is to be made once more and compared, 0 to 1."""
quiet = False
"""Whether only failures and the last line are to be said."""
junit = ""
"""The file that is to have the results in JUnit's form, or nothing."""
summary: Any = None
"""The ``Page`` that is to have the results in Markdown, or None."""
goes_on = False
"""Whether a failure is not to keep other tasks from being run: one song's mistake is that song's."""
errors: int | None = None
"""How many tasks ended in a way that is no user's mistake, once the build is over."""
reporter: Any = None
"""In place of the build's own reporter: that of who started this process, such as ``stemtasks watch``."""
