"""Reading the log: found by filters, named, put together (`failures`, `lately`), exported in chunks, archived."""
