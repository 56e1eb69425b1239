"""Ansible's linear strategy over one Python process per host; docs/decisions/0007-mitogen.md."""

from ansible_mitogen.plugins.strategy.mitogen_linear import StrategyModule

__all__ = ["StrategyModule"]
