"""Reading the log: found by filters (`finding`), named (`naming`), exported in chunks, archived to a file."""
