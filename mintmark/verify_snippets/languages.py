"""The languages: library, how it is had and run, and what its library cannot do."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SHORT_SECRETS = (
    "This library takes no secret as short as that of this asset. Ask for a longer one, or verify in another language."
)


@dataclass(frozen=True, slots=True)
class Language:
    """A language and its library.

    `install` and `run` are commands, `run` with the token in a file beside it. `is_run`: the slow suite runs the code.
    `lacking` is algorithm → why there is no code for it.
    """

    slug: str
    label: str
    library: str
    install: str
    run: str
    is_run: bool = True
    refuses_short_secrets: bool = False
    note: str = ""
    lacking: Mapping[str, str] = field(default_factory=dict)


LANGUAGES = (
    Language("python", "Python", "PyJWT", "pip install 'pyjwt[crypto]'", "python verify.py < token.txt"),
    Language("node", "Node", "jose", "npm install jose", "node verify.mjs < token.txt"),
    Language(
        "ruby",
        "Ruby",
        "jwt",
        "gem install jwt",
        "ruby verify.rb < token.txt",
        lacking={
            "EdDSA": "The gem `jwt` verifies EdDSA only with the help of another gem: `rbnacl`, or `jwt-eddsa` since"
            " version 3. Let the asset sign with ES256, or verify in another language."
        },
    ),
    Language(
        "go",
        "Go",
        "go-jose",
        "go mod init verify && go get gopkg.in/square/go-jose.v2",
        "go run verify.go < token.txt",
        note="Debian has it as `golang-gopkg-square-go-jose.v2-dev`. Its successor,"
        " `github.com/go-jose/go-jose/v4`, wants the algorithms as a second argument of `ParseSigned`.",
    ),
    Language(
        "php",
        "PHP",
        "firebase/php-jwt",
        "composer require firebase/php-jwt",
        "php verify.php < token.txt",
        is_run=False,
        refuses_short_secrets=True,
        lacking={
            "PS256": "The library `firebase/php-jwt` does not know PS256. Let the asset sign with RS256, or verify in"
            " another language."
        },
    ),
    Language(
        "java",
        "Java",
        "nimbus-jose-jwt",
        "mvn dependency:get -Dartifact=com.nimbusds:nimbus-jose-jwt:10.5",
        "java -cp ~/.m2/repository/com/nimbusds/nimbus-jose-jwt/10.5/nimbus-jose-jwt-10.5.jar Verify.java < token.txt",
        is_run=False,
        refuses_short_secrets=True,
        lacking={
            "EdDSA": "The library `nimbus-jose-jwt` verifies EdDSA only with the help of another, Google’s Tink. Let"
            " the asset sign with ES256, or verify in another language."
        },
    ),
)
