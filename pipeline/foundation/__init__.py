"""What everything stands on: errors, files, hashes, the terminal; nothing that could change a result."""
