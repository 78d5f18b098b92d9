"""What `python3 run.py` does, by verb; standard library only, because it runs before anything is installed."""
