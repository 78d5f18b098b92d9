"""What the portal does by itself, by the clock."""
