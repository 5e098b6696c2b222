"""`make bench`: tokens a second against bare Flask, on the same server, in one interleaved run."""
