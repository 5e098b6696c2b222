"""Mintmark mints JSON Web Tokens for signed-in people."""
