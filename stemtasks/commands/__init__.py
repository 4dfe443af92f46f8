"""What a person types and sees: the commands of doit and of stemtasks, and what they print."""
