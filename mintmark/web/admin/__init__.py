"""The rooms of administrators and editors: one module for each page, or for the acts on one thing."""
