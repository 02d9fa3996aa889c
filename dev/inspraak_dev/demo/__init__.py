"""`make demo`: a government with polls to look at and to vote in, and a real election cast through the gateway."""
