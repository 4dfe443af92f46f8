"""A song as TOML: its tables, their schema, and what an error says."""
