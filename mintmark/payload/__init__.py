"""The template language: a template is checked once, and gives the claims of a person as often as wanted.

Rule: pure. No request, no database, no clock, no file; standard library and Jinja's lexer, parser and nodes
only. No rendered text is ever parsed, so no value of anybody's can add, change or break a claim.

    template = compile(text, {"department": "text"}, params=["room"])    # raises TemplateError
    claims = render(template, {"user": {…}, "asset": {…}, "site": {…}, "now": 1700000000, "params": {}})
"""

from .claims import Claim
from .context import ATTRIBUTE_TYPES, CONTEXT, LOOP
from .facts import NOT_FIXED
from .filters import FILTERS
from .limits import MAX_STEPS, MAX_TEMPLATE_BYTES, MAX_TOKEN_CHARACTERS
from .problems import Problem, TemplateError
from .spots import Source
from .template import Template, check, compile, render

__all__ = [
    "ATTRIBUTE_TYPES",
    "CONTEXT",
    "FILTERS",
    "LOOP",
    "MAX_STEPS",
    "MAX_TEMPLATE_BYTES",
    "MAX_TOKEN_CHARACTERS",
    "NOT_FIXED",
    "Claim",
    "Problem",
    "Source",
    "Template",
    "TemplateError",
    "check",
    "compile",
    "render",
]
