"""Who gets in, for how long, and what a guess costs: sign-in, sessions, second factors, passwords, accounts."""
