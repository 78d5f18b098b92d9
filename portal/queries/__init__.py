"""What pages read: frozen parameters, a statement, a page. Nothing here changes anything."""
