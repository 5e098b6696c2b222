"""Hostile addresses, in classes: what somebody may put where an address of theirs would send others away.

A value may be harmless where it lands; whoever uses them judges that with a second parser of addresses.
"""

import itertools

GOOD = "acme.zendesk.com"
_SLASHES = ["//", "///", "////", "/\\", "\\\\", "\\/", "/\\/", "\\", "/\t/", "/\n/", "\t//", " //"]
CLASSES = {
    "slashes": [f"{slashes}evil.test" for slashes in _SLASHES[:3]] + ["/hc//evil.test", "/hc/..//evil.test", "/" * 60],
    "backslashes": [f"{slashes}evil.test/x" for slashes in _SLASHES[3:8]] + ["/hc\\..\\evil", "https:\\\\evil.test", "https:/\\evil.test"],
    "backslash before @": [f"https://{GOOD}\\@evil.test", f"https://evil.test\\@{GOOD}", f"https://evil.test\\{GOOD}", f"https://{GOOD}\\.evil.test"],
    "no or odd slashes": [f"{scheme}{rest}" for scheme, rest in itertools.product(["https:", "http:"], ["evil.test", "/evil.test", "///evil.test", "////evil.test"])],
    "names before @": [f"https://{GOOD}@evil.test", f"https://{GOOD}:x@evil.test/hc", f"https://a@{GOOD}", f"https://{GOOD}%40evil.test", f"//{GOOD}@evil.test", f"https://@{GOOD}", "/@evil.test/../"],
    "suffixes": [f"https://{GOOD}{rest}" for rest in [".evil.test", "evil.test", "-evil.test", ".", "..", "_.evil.test", "%2eevil.test"]] + [f"https://evil{GOOD}", f"https://x.{GOOD}", "https://zendesk.com"],
    "upper case": ["HTTPS://EVIL.TEST", "https://EVIL.test", "//EVIL.TEST", "JAVASCRIPT:alert(1)", "hTTps:evil.test", f"HTTPS://{GOOD.upper()}.EVIL.TEST"],
    "ports": [f"https://{GOOD}:{port}" for port in ["444", "8443/x", "443@evil.test", "evil.test", "99999", "0443", "-1", "44 3", ":443"]],
    "http and others": [f"{scheme}://{GOOD}/x" for scheme in ["http", "ws", "wss", "ftp", "file", "httpss", "chrome"]] + ["http://evil.test"],
    "schemes that run": ["javascript:alert(1)", f"javascript://{GOOD}/%0aalert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x", "blob:https://evil.test/x", "java\tscript:alert(1)", "view-source:x", "x:y"],
    "white space": [f"{slashes}evil.test" for slashes in _SLASHES[8:]] + [f"https://{GOOD}\n.evil.test", f"https://{GOOD}\t@evil.test", "h\ttps://evil.test", "\x0b//evil.test", "\u00a0//evil.test", " ", "\n"],
    "NUL and controls": ["\x00//evil.test", "/\x00/evil.test", f"https://{GOOD}\x00.evil.test", "/hc\x7f", "/hc\x1b[2J", "/%00/evil.test"],
    "header lines": ["/hc\r\nLocation: //evil.test", "/%0d%0aLocation:%20//evil.test", "/hc%0aSet-Cookie:a=b", f"https://{GOOD}/%0D%0Ax", "/hc?x=%0d%0ay"],
    "unicode": ["https://evil。test", "/／evil.test", "／／evil.test", f"https://{GOOD}／@evil.test", f"https://{GOOD}\u2025evil.test", "/\u2215evil.test", f"https://{GOOD}\u200b.evil.test", f"https://{GOOD}%E3%80%82evil.test", "\ufeff//evil.test", "\u202e//evil.test"],
    "names that look alike": ["https://аcme.zendesk.com", "https://xn--cme-5cd.zendesk.com", "https://acme.zendes\u212a.com", "https://acme.zende\u017fk.com", "https://ａｃｍｅ.zendesk.com"],
    "empty and long": ["https://", "//", "https://?", "/" + "a" * 1000, "//" + "a" * 3000, f"https://{GOOD}/" + "a" * 5000, "https://" + "a." * 600 + "evil.test"],
    "? and #": [f"https://evil.test?https://{GOOD}", f"https://evil.test#{GOOD}", f"https://evil.test/?@{GOOD}/", f"https://{GOOD}#@evil.test", f"https://{GOOD}?@evil.test", "?//evil.test", "#//evil.test", f"https://{GOOD};@evil.test", f"https://{GOOD}&@evil.test", "/hc?u=//evil.test"],
    "encoded": ["%2f%2fevil.test", "/%2fevil.test", "/%5cevil.test", "/%09/evil.test", "https%3a%2f%2fevil.test", "%68ttps://evil.test", f"https://{GOOD}%2f@evil.test", "/%zz", "/%2"],
    "double encoded": ["/%252fevil.test", "/%255cevil.test", "%252f%252fevil.test", "/%252e%252e//evil.test", "https:%252f%252fevil.test", "/%25252fevil.test"],
    "dot segments": ["/../evil.test", "/./x", "/hc/..", "/%2e%2e/x", "/.%2E/x", "/hc/%2e%2e%2fx", "..//evil.test", "./x", "..", "/.//evil.test"],
    "no scheme": ["evil.test", "www.evil.test/x", "@evil.test", ".evil.test", ":443@evil.test", "evil.test:443", "-evil.test"],
    "bare hosts": ["evil.test.", "evil.test~", "evil.test=x", "evil.test,x", "evil.test x", "127.0.0.1", "0x7f.1", "1.1", "xn--evl-kma.test", "EVIL.TEST"],
    "numbers": ["https://2130706433", "//0x7f.1", "https://[::1]", "https://[::ffff:127.0.0.1]/", f"https://[{GOOD}]", "https://0"],
    "quotes and brackets": ['/hc"onclick=x', "/hc<script>", f"https://{GOOD}<.evil.test", "/hc`", "/hc{x}", "/h c", "/hc|x", "/hc^"],
}  # fmt: skip
VALUES = list(dict.fromkeys(itertools.chain.from_iterable(CLASSES.values())))
