"""Commands around the stages, a file a command."""
