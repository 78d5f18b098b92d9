"""Alerts: when one begins and ends, who is told, and what an admin does about it."""
