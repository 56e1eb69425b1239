"""Nutrition for people who do sport: daily targets, meal plans, and what they cost to buy."""
