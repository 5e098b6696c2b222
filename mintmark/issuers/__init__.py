"""Trusted issuers: what is asked of their tokens, the one verifier of foreign tokens, and whom they sign in.

`rules` and `refusals` are the words of it; `checking` verifies, `finding` picks the issuer, `mapping` makes a person's
values of claims, `arriving` signs in; `definition`, `saving`, `keys` are what an administrator does.
"""
