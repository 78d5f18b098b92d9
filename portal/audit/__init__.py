"""The two audit books: what is written, by whom, and what never reaches a row."""
