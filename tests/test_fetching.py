"""Fetching from others: which addresses, over which connections, how long and how much (CWE-918; ASVS 5.0 1.3.6, 13.2.4)."""

import gzip
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mintmark.errors import FieldError
from mintmark.outbound import fetching
from mintmark.outbound.fetching import NotFetched, fetch_json, see_address, send
from mintmark.outbound.targets import is_global, read_target
from tests.elsewhere import BAD, authority_file, certificate_for, elsewhere, json_answer, silent_site

NONE = frozenset()


@pytest.fixture(scope="module")
def site():
    with elsewhere() as site:
        yield site


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture
def names(monkeypatch):
    """Names of the test: name → addresses, and how often each was looked up. What stands for the name server is not ours."""
    table, asked, real = {}, [], socket.getaddrinfo

    def look_up(host, port, *arguments, **options):
        asked.append(host)
        found = table.get(host)
        if found is None:
            return real(host, port, *arguments, **options)
        if callable(found):
            found = found()
        family = {False: socket.AF_INET, True: socket.AF_INET6}
        return [(family[":" in each], socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    table["asked"] = asked
    return table


@pytest.fixture
def connected(monkeypatch):
    """Where somebody tried to connect to; nothing leaves this machine."""
    tried = []

    class Recording(socket.socket):
        def connect(self, address):
            tried.append(address)
            raise ConnectionRefusedError

    monkeypatch.setattr(socket, "socket", Recording)
    return tried


def problem_of(url, fetch_also, **options):
    with pytest.raises(NotFetched) as refused:
        fetch_json(url, fetch_also=fetch_also, **options)
    return str(refused.value)


def test_a_listed_origin_may_be_private_and_plain_http(site):
    site.answers["/jwks"] = {"keys": []}
    site.asked.clear()

    assert fetch_json(site.url(), fetch_also=site.listed) == {"keys": []}

    [(method, path, headers, body)] = site.asked
    assert (method, path, body) == ("GET", "/jwks", b"")
    assert headers == {"Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close",
                       "Host": f"127.0.0.1:{site.port}", "User-Agent": "Mintmark"}  # fmt: skip


def test_a_request_of_ours_goes_out_as_it_is_and_every_status_but_a_redirect_comes_back(site):
    site.answers["/token?x=1"] = b"HTTP/1.1 400 No\r\nContent-Type: application/json\r\nSet-Cookie: a=b\r\n\r\n{}"
    site.asked.clear()
    given = {"Authorization": "Basic eA==", "host": "evil.test", "accept-encoding": "gzip", "user-agent": "x"}

    for _ in range(2):
        answer = send("POST", site.url("/token?x=1"), given, b"code=1", fetch_also=site.listed)

    assert (answer.status, answer.body, answer.headers["content-type"]) == (400, b"{}", "application/json")
    assert "{}" not in repr(answer)
    _, (method, path, headers, body) = site.asked
    assert (method, path, body, headers["Authorization"]) == ("POST", "/token?x=1", b"code=1", "Basic eA==")
    assert headers["Host"] == f"127.0.0.1:{site.port}" and "Cookie" not in headers
    assert {name.lower() for name in headers} - {name.lower() for name in given} == {"connection", "content-length"}


def test_nothing_is_asked_of_a_proxy_of_the_environment(site, monkeypatch):
    site.answers["/jwks"] = {"keys": []}
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert fetch_json(site.url(), fetch_also=site.listed) == {"keys": []}


def test_a_private_address_is_refused_before_anything_is_sent(site, names, connected):
    site.asked.clear()
    names["mixed.test"] = ["93.184.216.34", "10.0.0.1"]
    names["metadata.test"] = ["169.254.169.254"]
    names["mapped.test"] = ["::ffff:127.0.0.1"]
    others = frozenset({f"https://other.test:{site.port}", f"http://127.0.0.1:{site.port}", "https://127.0.0.1:1"})

    for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:7f00:1]", "mixed.test", "metadata.test", "mapped.test"):
        assert "private network" in problem_of(f"https://{host}:{site.port}/jwks", others), host

    assert (connected, site.asked) == ([], [])


def test_a_name_is_resolved_once_and_what_was_looked_at_is_connected_to(site, names, connected, monkeypatch):
    # DNS rebinding: the second answer of the name server leads into the private network.
    answers = iter([["93.184.216.34"], ["127.0.0.1"], ["127.0.0.1"]])
    names["rebound.test"] = lambda: next(answers)

    assert problem_of("https://rebound.test/jwks", NONE) == "It cannot be reached, or it hung up."

    assert connected == [("93.184.216.34", 443)]
    assert names["asked"] == ["rebound.test"]


def test_every_address_of_a_name_has_its_turn(site, names):
    site.answers["/jwks"] = {"keys": []}
    names["keys.test"] = ["127.0.0.2", "127.0.0.1"]  # Nobody listens at the first.

    assert fetch_json(site.url(host="keys.test"), fetch_also=site.listed) == {"keys": []}


def test_which_network_addresses_are_everybodys():
    for address in ("8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001:81b::200e", "64:ff9b::808:808"):
        assert is_global(address), address
    for address in ("127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
                    "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
                    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1",
                    "64:ff9b::10.0.0.1", "64:ff9b:1::808:808", "2002:7f00:1::", "2002:808:808::1", "2001::1",
                    "2001:db8::1", "3fff::1", "100::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
                    "2606:4700::1%1", "fec0::1", "ff02::1", "ff0e::1", "", "host"):  # fmt: skip
        assert not is_global(address), address


def test_how_an_address_may_be_written():
    listed = frozenset({"http://localhost:8001", "http://[::1]:80"})
    for text, netloc, path in [
        ("https://keys.test", "keys.test", "/"),
        ("https://Keys.Test:443/a/b?c=d&e=%2F", "keys.test", "/a/b?c=d&e=%2F"),
        ("https://keys.test:8443?x", "keys.test:8443", "/?x"),
        ("https://192.0.2.7/jwks", "192.0.2.7", "/jwks"),
        ("https://[2001:DB8:0::1]:8443/", "[2001:db8::1]:8443", "/"),
        ("http://localhost:8001/jwks", "localhost:8001", "/jwks"),
        ("http://[::1]/jwks", "[::1]", "/jwks"),
    ]:
        target = read_target(text, fetch_also=listed)
        assert (target.netloc, target.path) == (netloc, path)

    for text in ("", "keys.test", "//keys.test", "ftp://keys.test/", "file:///etc/passwd", "https:/keys.test",
                 "http://keys.test/", "http://localhost/", "http://localhost:8002/", "http://localhost:8001@keys.test/",
                 "https://user@keys.test/", "https://user:word@keys.test/", "https://keys.test/#a", "https://keys.test\\@b/",
                 "https://keys.test/a b", " https://keys.test/", "https://keys.test/\n", "https://keys.test/\r\nHost: b",
                 "https://keys.test:0/", "https://keys.test:65536/", "https://keys.test:08/", "https://keys.test:/",
                 "https://127.1/", "https://0x7f000001/", "https://0x7f.1/", "https://2130706433/", "https://127.0.0.01/",
                 "https://256.1.1.1/", "https://keys..test/", "https://.test/", "https://-a.test/", "https://keys.test./",
                 "https://a_b.test/", "https://keys%2etest/", "https://kéys.test/", "https://keys。test/",
                 "https://keys.tesT/é", "https://[::1/", "https://[::g]/", "https://[fe80::1%25lo]/", "https://[127.0.0.1]/",
                 f"https://{'a' * 64}.test/", f"https://{'a.' * 127}test/", "https://keys.test/" + "a" * 1_000,
                 "https://keys.test/\x00", None, 7, ["https://keys.test/"]):  # fmt: skip
        with pytest.raises(FieldError):
            read_target(text, fetch_also=listed)
        with pytest.raises(NotFetched):
            fetch_json(text, fetch_also=listed)


def test_what_an_administrator_enters_is_looked_at_and_they_are_told_what_to_do(names):
    names["inside.test"] = ["10.0.0.1"]
    names["outside.test"] = ["93.184.216.34"]
    names["nowhere.test"] = []

    see_address("https://outside.test/jwks", fetch_also=NONE)
    see_address("https://nowhere.test/jwks", fetch_also=NONE)  # It may be there tomorrow.
    see_address("http://inside.test:8080/jwks", fetch_also=frozenset({"http://inside.test:8080"}))
    for address in ("https://inside.test/jwks", "http://outside.test/jwks"):
        with pytest.raises(FieldError, match="MINTMARK_FETCH_ALSO must list its origin") as refused:
            see_address(address, fetch_also=NONE, field="start_url")
        assert refused.value.field == "start_url"


def test_an_answer_that_is_not_what_was_asked_for_is_refused_in_words_of_ours(site):
    def location(status):
        return b"HTTP/1.1 %d Canary\r\nLocation: /jwks?canary\r\nContent-Length: 0\r\n\r\n" % status

    large = b'{"keys": ["%s"]}' % (b"a" * fetching.MAX_BYTES)
    cases = [
        (location(301), "redirects are not followed"),
        (location(302), "redirects are not followed"),
        (location(307), "redirects are not followed"),
        (b"HTTP/1.1 304 Canary\r\n\r\n", "redirects are not followed"),
        (b"HTTP/1.1 404 Canary\r\nContent-Length: 6\r\n\r\ncanary", "status 404"),
        (b"HTTP/1.1 500 Canary\r\n\r\ncanary", "status 500"),
        (b"HTTP/1.1 204 Canary\r\n\r\n", "status 204"),
        (json_answer(gzip.compress(b"{}"), "Content-Encoding: gzip"), "compressed"),
        (json_answer(large), "larger than 256 KiB"),
        (BAD + b"\r\n" + large, "larger than 256 KiB"),
        (BAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 200_000, "larger than 256 KiB"),
        (b"HTTP/1.1 100 Go on\r\n\r\n" * 40_000, "larger than 256 KiB"),
        (BAD + b"X: canary\r\n" * 101 + b"\r\n{}", "as HTTP wants it"),
        (BAD + b"X: " + b"c" * 70_000 + b"\r\n\r\n{}", "as HTTP wants it"),
        (b"canary canary\r\n\r\n", "as HTTP wants it"),
        (b"", "hung up"),
        (BAD + b"Content-Length: 90\r\n\r\n{}", "cut off"),
        (BAD + b"Transfer-Encoding: chunked\r\n\r\ncanary\r\n{}", "as HTTP wants it"),
        (json_answer(b""), "is not JSON"),
        (json_answer(b"canary"), "is not JSON"),
        (json_answer(b'{"canary": 1,}'), "is not JSON"),
        (json_answer(b"\xef\xbb\xbf{}"), "is not JSON"),
        (json_answer('{"canary": 1}'.encode("utf-16")), "is not UTF-8"),
        (json_answer(b'"canary"'), "is not a JSON object"),
        (json_answer(b'[{"canary": 1}]'), "is not a JSON object"),
        (json_answer(b'{"keys": [], "keys": ["canary"]}'), "same name twice"),
        (json_answer(b'{"canary": NaN}'), "NaN"),
        (json_answer(b'{"canary": 1e999}'), "too large"),
        (json_answer(b'{"canary": %s}' % (b"9" * 5_000)), "more than 20 digits"),
        (json_answer(b'{"canary": "\\ud800"}'), "surrogate"),
        (json_answer(b'{"canary": %s}' % (b"[" * 5_000)), "levels deep"),
    ]  # fmt: skip
    for answer, words in cases:
        site.answers["/jwks"] = answer
        problem = problem_of(site.url(), site.listed)
        assert words in problem, (answer[:80], problem)
        assert "anary" not in problem


def test_an_answer_in_chunks_and_one_that_ends_with_the_connection_are_read(site):
    for answer in (BAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", BAD + b"\r\n{}",
                   b"HTTP/1.1 100 Go on\r\n\r\n" + json_answer(b"{}", "Content-Encoding: identity")):  # fmt: skip
        site.answers["/jwks"] = answer
        assert fetch_json(site.url(), fetch_also=site.listed) == {}


def test_where_nobody_listens_or_a_name_is_unknown_words_say_so(names):
    names["nowhere.test"] = []
    with silent_site() as port:
        pass

    assert "cannot be reached" in problem_of(f"http://127.0.0.1:{port}/", frozenset({f"http://127.0.0.1:{port}"}))
    assert problem_of("https://nowhere.test/", NONE) == "Its name cannot be resolved."


def test_the_certificate_must_be_for_the_name_and_of_a_trusted_authority(certificates, names, monkeypatch):
    names["keys.test"] = ["127.0.0.1"]
    good = certificate_for(certificates, "keys.test", "127.0.0.1")
    with elsewhere(good) as site:
        site.answers["/jwks"] = {"keys": []}
        url = site.url(host="keys.test")
        assert "not of an authority" in problem_of(url, site.listed)

        monkeypatch.setenv("SSL_CERT_FILE", str(authority_file(certificates)))
        assert fetch_json(url, fetch_also=site.listed) == {"keys": []}
        assert fetch_json(site.url(), fetch_also=site.listed) == {"keys": []}
        assert "for another name" in problem_of(site.url(host="localhost"), site.listed)
        assert "private network" in problem_of(url, NONE)
    with elsewhere(certificate_for(certificates, "keys.test", days=-1)) as site:
        assert "expired" in problem_of(site.url(host="keys.test"), site.listed)
    with elsewhere() as site:
        site.scheme = "https"
        assert "secure connection" in problem_of(site.url(), site.listed)


def drip(handler, head, piece):
    """Send a piece of an answer again and again, until whoever asked has hung up."""
    try:
        handler.wfile.write(head)
        while True:
            handler.wfile.write(piece)
            time.sleep(0.02)
    except OSError:
        pass


def slow_cases(site):
    """Yield the addresses of answers that never end, and set them up."""
    site.answers["/status"] = lambda handler: drip(handler, b"", b"H")
    site.answers["/headers"] = lambda handler: drip(handler, BAD, b"x")
    site.answers["/body"] = lambda handler: drip(handler, BAD + b"Content-Length: 9000\r\n\r\n", b" ")
    site.answers["/chunks"] = lambda handler: drip(handler, BAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n")
    site.answers["/goes-on"] = lambda handler: drip(handler, b"", b"HTTP/1.1 100 Go on\r\n\r\n")
    return [site.url(path) for path in ("/status", "/headers", "/body", "/chunks", "/goes-on")]


def seconds_until_refused(url, listed, **options):
    began = time.monotonic()
    assert "in time" in problem_of(url, listed, **options)
    return time.monotonic() - began


def all_slow(names, **options):
    """Ask every slow site at the same time; return how long each took."""
    hangs = threading.Event()
    names["slow.test"] = lambda: hangs.wait(20) and ["127.0.0.1"]
    with elsewhere() as site, silent_site() as port, ThreadPoolExecutor(10) as pool:
        origins = {f"http://127.0.0.1:{port}", f"https://127.0.0.1:{port}", f"https://slow.test:{port}"}
        urls = [*slow_cases(site), *(origin + "/" for origin in origins)]
        listed = site.listed | origins
        tasks = [pool.submit(seconds_until_refused, url, listed, **options) for url in urls]
        took = [task.result() for task in tasks]
        hangs.set()
    return took


def test_who_answers_drop_by_drop_or_not_at_all_is_left(names):
    assert all(0.15 < seconds < 2 for seconds in all_slow(names, seconds=0.2))  # By itself it would be 20.


@pytest.mark.slow
def test_nobody_waits_longer_than_three_seconds(names):
    took = all_slow(names)

    print(f"{len(took)} slow sites, the longest {max(took):.2f} s")
    assert all(2.9 < seconds < 5 for seconds in took), took  # By itself it would be 20.


def test_name_servers_that_hang_do_not_pile_up_threads(names):
    hangs = threading.Event()
    names["slow.test"] = lambda: hangs.wait(20) and ["127.0.0.1"]
    names.update({f"slow-{number}.test": names["slow.test"] for number in range(20)})
    names["quick.test"] = ["10.0.0.1"]
    before = threading.active_count()
    with ThreadPoolExecutor(30) as pool:
        # One name holds two threads; who asks for it then is told at once, and other names have room.
        tasks = [pool.submit(problem_of, "https://slow.test/", NONE, seconds=0.1) for _ in range(30)]
        problems = [task.result() for task in tasks]
        assert sum("in time" in each for each in problems) == 2 and names["asked"].count("slow.test") == 2
        assert sum("looked up already" in each for each in problems) == 28
    assert threading.active_count() - before <= 2
    assert "private network" in problem_of("https://quick.test/", NONE, seconds=0.2)
    with ThreadPoolExecutor(20) as pool:
        tasks = [pool.submit(problem_of, f"https://slow-{each}.test/", NONE, seconds=0.1) for each in range(20)]
        assert all("in time" in task.result() for task in tasks)
    assert threading.active_count() - before <= 16
    hangs.set()
    until = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert "private network" in problem_of("https://quick.test/", NONE, seconds=0.2)
    names["slow.test"] = ["10.0.0.1"]
    assert "private network" in problem_of("https://slow.test/", NONE, seconds=0.2)
