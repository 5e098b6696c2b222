"""Every bound of the template language, in one place.

Rule: a bound is met before the work that it bounds is done, never after.
"""

MAX_TEMPLATE_BYTES = 16_384
MAX_TOKEN_CHARACTERS = 8_192  # held by whoever signs; listed here with the rest
MAX_NAMES = 100  # as written, at every level, in every branch
MAX_LEVELS = 12  # the outermost object is 1
MAX_BLOCK_DEPTH = 10
MAX_LOOP_DEPTH = 2
MAX_EXPRESSION_DEPTH = 20
MAX_DIGITS = 20
MAX_TEXT = 8_192  # characters of any value on its way
MAX_ITEMS = 1_000  # items of any list on its way
MAX_STEPS = 200_000  # of one render
STEPS_PER_ACT = 8  # placeholder, condition, comparison, filter; the length of what it takes comes on top
MAX_TOKENS = 6_000  # in all tags together: no text that people write has more
MAX_UNREADABLE_TAGS = 100  # then the rest is left unread: each costs a new start of the lexer
MAX_SUGGESTIONS = 10  # of one check: looking for the nearest name is slow
MAX_CANDIDATES = 80  # for one suggestion: the names of about that length
