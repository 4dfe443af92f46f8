"""What a command line asks of the build that its command loads: doit's commands set it, the build reads it."""

writes = False
"""Whether the command may write to the tree, and so takes its lock."""
waits = True
"""Whether it waits while another build has the lock."""
audited_fraction = 0.0
"""How much of what is up to date or restored is to be made once more and compared, 0 to 1."""
