"""OpenID providers: what an administrator keeps of one, and the code flow with PKCE by which they sign people in."""
