"""A coherent ninety days to look at: `flask --app wsgi demo seed`."""
