"""``stemtasks watch``: builds on every save, and serves the reports, whose pages update by themselves."""
