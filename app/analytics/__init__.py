"""Figures for administrators and analysts: how many people use what, and never who."""
