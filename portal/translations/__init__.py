"""English beside the French of the source. `python -m portal.translations` brings the catalogue up to date."""
