"""Quietwatch: who has gone silent on public social accounts, for how long, and how we know."""
