"""Public corpora and encoders that come as packages: fetched when a script asks for one, and only read."""
