"""JSON of the two books and of traces."""
