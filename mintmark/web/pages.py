"""All pages of the site, in one list; the token endpoint comes after them, for fixed routes win."""

from importlib import import_module

from flask import Flask

PAGES = (
    "signin",
    "jwt_signin",
    "oidc",
    "setup",
    "home",
    "help",
    "account",
    "own_sessions",
    "own_password",
    "own_identities",
    "access_tokens",
    "password_link",
    "preview",
    "inspect",
    "launch",
    "admin.dashboard",
    "admin.assets",
    "admin.asset",
    "admin.asset_form",
    "admin.asset_secret",
    "admin.asset_moves",
    "admin.asset_trash",
    "admin.revisions",
    "admin.awkward",
    "admin.preview_other",
    "admin.presets",
    "admin.delivery",
    "admin.verifying",
    "admin.matrix_import",
    "admin.keys",
    "admin.key_form",
    "admin.key",
    "admin.issuers",
    "admin.why_refused",
    "admin.issuer",
    "admin.providers",
    "admin.people",
    "admin.person",
    "admin.person_identities",
    "admin.groups",
    "admin.attributes",
    "admin.records",
    "wellknown",
    "metrics",
    "probes",
    "nothing",
)


def init_app(app: Flask) -> None:
    """Register every page."""
    for name in PAGES:
        app.register_blueprint(import_module(f"mintmark.web.{name}").bp)
