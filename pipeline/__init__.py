"""Photos of people in, a checked submission of 18 classes out: every step reproducible."""
