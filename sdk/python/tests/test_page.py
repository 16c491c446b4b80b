import pytest

from dpone_sdk import Kind, Page, raw

BODY = ' {"data": {"items": [{"id": 1}, {"id" : 2.50}], "a.b": "x\\ny", "e": []}, "one": {}, "n": null} '


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("data.items.1.id", "2.50"),
        ("data.items.1", '{"id" : 2.50}'),
        ("data.a\\.b", '"x\\ny"'),
        ("data.none", None),
        ("data.items.2", None),
        ("data.items.x", None),
        ("data.items.-1", None),
        ("one", "{}"),
        ("n", "null"),
        ("n.x", None),
        ("", BODY.strip()),
        (".", BODY.strip()),
    ],
)
def test_pages_answer_like_the_host(path, text):
    assert Page.for_test(BODY).get(path) == text


def test_values_of_a_page():
    page = Page.for_test(BODY)
    assert page.get_str("data.a\\.b") == "x\ny"
    assert page.value("data.none").kind is Kind.MISSING
    assert page.json("data.items") == [{"id": 1}, {"id": page.value("data.items.1.id").as_decimal()}]
    assert page.json("data.none") is None
    assert [page.count(path) for path in ("data.items", "one", "data.a\\.b", "data.e", "none")] == [2, 1, None, 0, None]
    assert [page.last(path) for path in ("data.items", "data.e", "one")] == ['{"id" : 2.50}', None, None]


def test_a_page_that_is_no_json():
    page = Page.for_test(b"id|name\n1|a\n", status=206, headers=[("Link", "<a>"), ("link", "<b>")], url="https://x/")
    assert (page.status, page.url, page.body()) == (206, "https://x/", b"id|name\n1|a\n")
    assert page.header("LINK") == ["<a>", "<b>"]
    with pytest.raises(ValueError):
        page.get("id")


@pytest.mark.parametrize("text", ["{", '{"a"', '{"a":1', '{"a":1,}', '{"a" 1}', "{1:2}", "[1", "[1,]", "[1 2]"])
def test_raw_texts_of_what_is_not_json(text):
    with pytest.raises(ValueError):
        raw.members(text) if text.startswith("{") else raw.elements(text)


def test_raw_texts():
    assert raw.members(' { "a\\n" : [ 1 ] , "b":1.0} ') == {"a\n": "[ 1 ]", "b": "1.0"}
    assert raw.elements(' [ 1.0 , {"a" : 2} ] ') == ["1.0", '{"a" : 2}']
    assert (raw.members("[]"), raw.elements("{}"), raw.members(" { } "), raw.elements("[ ]")) == (None, None, {}, [])
