"""Assets: what their fields may be, their secrets, how they are saved, and how they are prepared to issue."""
