"""Tests of ``stemtasks watch``."""
