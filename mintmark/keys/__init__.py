"""Signing keys: their life, how they follow each other, who may share one, and how they are published."""
