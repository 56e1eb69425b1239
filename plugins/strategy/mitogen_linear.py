"""Ansible's linear strategy over one Python process per host; docs/decisions/0007-mitogen.md."""

from ansible_mitogen import affinity
from ansible_mitogen.plugins.strategy.mitogen_linear import StrategyModule

__all__ = ["StrategyModule"]

# Its own policy pins processes: of two processors it leaves one to all workers and what they start.
affinity.policy = affinity.Policy()
