"""The predictions of all members as one answer: the vote, what is fitted for it, and how good it is."""
