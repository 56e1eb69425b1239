"""Tests of the alerts that are too long to be written by hand."""
