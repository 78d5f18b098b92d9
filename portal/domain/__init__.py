"""The product's rules, in its own words; no HTTP, no ambient user, no commit."""
