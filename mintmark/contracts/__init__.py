"""Contracts: what a relying party accepts, in a small vocabulary of our own.

Rule: pure, and plain data all the way: never an expression of anybody's, never an address that is fetched
(a schema language runs both). A contract is read once (`vocabulary`), held against a definition where it
is saved (`foreseeing`) and against the claims and header of every token before it is signed (`checking`).

    contract = read_contract({"claims": {"email": {"required": True, "format": "email"}}})   # raises FieldError
    breach = find_breach(contract, claims, header)
"""

from .checking import Breach, find_breach, find_header_breach, is_equal, key_breach
from .foreseeing import certain_breaches
from .formats import FORMATS
from .vocabulary import MAX_CONTRACT_CHARACTERS, TYPE_WORDS, TYPES, Contract, kinds_of, read_contract, with_answers

__all__ = [
    "FORMATS",
    "MAX_CONTRACT_CHARACTERS",
    "TYPES",
    "TYPE_WORDS",
    "Breach",
    "Contract",
    "certain_breaches",
    "find_breach",
    "find_header_breach",
    "is_equal",
    "key_breach",
    "kinds_of",
    "read_contract",
    "with_answers",
]
