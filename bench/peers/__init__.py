"""Peers: others that hand signed tokens to signed-in people, each set up as its own documentation says."""
