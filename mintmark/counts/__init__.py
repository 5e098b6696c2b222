"""Counts of tokens by hour and day: kept up with the log (`rolling`), read for pictures and lists (`reading`)."""

from mintmark.counts.rolling import catch_up, keep_up

__all__ = ["catch_up", "keep_up"]
