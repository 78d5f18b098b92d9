"""Two usual ways to show a table to admins, on the same rows: what the explorer is compared with."""
