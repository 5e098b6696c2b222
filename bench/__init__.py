"""`make bench`: tokens a second against bare Flask and against peers, in interleaved rounds on one machine."""
