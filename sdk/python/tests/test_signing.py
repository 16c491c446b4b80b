import pytest

from dpone_sdk import Outgoing, Signature, Term
from dpone_sdk.term import compute, in_order

SECRETS = {"key": "Jefe", "aws": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}


def test_hmac_of_rfc_4231():
    mac = Term.secret("key").hmac("what do ya want for nothing?").hex()
    assert compute(mac, SECRETS) == b"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_a_key_derived_in_steps():
    # The worked example of Amazon's documentation of signature version 4.
    key = ("AWS4" + Term.secret("aws")).hmac("20150830").hmac("us-east-1").hmac("iam").hmac("aws4_request")
    assert compute(key.hex(), SECRETS) == b"c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"


def test_encodings():
    data = Term.bytes(b"\xfb\xff a~")
    for term, text in [
        (data.hex(), b"fbff20617e"),
        (data.base64(), b"+/8gYX4="),
        (data.base64url(), b"-_8gYX4"),
        (data.percent(), b"%FB%FF%20a~"),
        (Term.text("abc").hashed("sha1").hex(), b"a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("a" + Term.text("b") + b"c", b"abc"),
    ]:
        assert compute(term, {}) == text


def test_parts_come_before_what_uses_them():
    key = Term.secret("key")
    first, second = key.hmac("a"), key.hmac("b")
    order = in_order([first.hex(), second.hex()])
    assert order.count(key) == 1
    for term in order:
        assert all(order.index(part) < order.index(term) for part in term.parts)


def test_a_signature_is_computed_of_secrets():
    signature = Signature(headers={"X-Key": "k1", "X-Sig": Term.secret("key").base64()}, query={"t": Term.text("1")})
    assert signature.compute_for_test(SECRETS) == ({"X-Key": "k1", "X-Sig": "SmVmZQ=="}, {"t": "1"})
    with pytest.raises(KeyError):
        signature.compute_for_test({})


def test_what_is_no_term_is_refused():
    with pytest.raises(TypeError, match="a Term, a string or bytes were expected, not 1"):
        Signature(headers={"x": 1})
    with pytest.raises(ValueError, match="the host knows sha1, sha256, sha512, not 'md5'"):
        Term.text("x").hashed("md5")


def test_an_outgoing_request_is_taken_apart():
    request = Outgoing(url="https://api.example.com:8443/a%20b?x=1&y=2", headers=[("Accept", "a"), ("accept", "b")])
    assert (request.host, request.path, request.query) == ("api.example.com:8443", "/a%20b", "x=1&y=2")
    assert request.header("ACCEPT") == ["a", "b"]
    assert Outgoing(url="https://api.example.com").path == "/"
