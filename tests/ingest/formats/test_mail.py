"""E-mails: subject, head, body; what is attached is given out."""

import pytest
from compound import msg_bytes
from office import eml_bytes
from readings import exact

from ingest.formats import Options, Reading, mail, outlook


def read(content: bytes) -> Reading:
    return exact(mail.read(content, Options()))


def test_an_email_has_its_subject_as_title_a_short_head_and_its_body() -> None:
    found = read(eml_bytes("Dear Bob,\n\nthe tide turns at noon.", subject="Tides & café"))
    assert found.title == "Tides & café"
    assert found.text == (
        "# Tides & café\n\nFrom: Ann Lee <ann@example.com>\nTo: bob@example.com, Cy <cy@example.com>\n"
        "Date: Mon, 02 Nov 2026 09:30:00 +0000\n\nDear Bob,\n\nthe tide turns at noon."
    )


def test_of_two_bodies_the_plain_one_is_read_and_a_page_alone_becomes_markdown() -> None:
    both = read(eml_bytes("plain words", html="<p>other words</p>"))
    assert "plain words" in both.text
    assert "other words" not in both.text
    page = b"Subject: x\nFrom: a@example.com\nContent-Type: text/html; charset=iso-8859-1\n\n<h2>Head</h2><p>caf\xe9"
    found = read(page)
    assert found.text.endswith("## Head\n\ncafé")
    assert [heading.title for heading in found.headings] == ["x", "Head"]


def test_attachments_are_given_out_with_their_bytes_and_inner_emails_too() -> None:
    inner = eml_bytes("inner body", subject="Inner")
    outer = eml_bytes("outer", attachments=[("a.bin", "application/octet-stream", bytes(range(256)))])
    found = read(outer)
    assert found.attachments == [("a.bin", bytes(range(256)))]
    forwarded = b"Subject: Fwd\nFrom: a@example.com\nContent-Type: message/rfc822\n\n" + inner
    ((name, content),) = read(forwarded).attachments
    assert name.endswith(".eml")
    assert b"inner body" in content
    assert "inner body" not in read(forwarded).text


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        (b"koi8-r", "прилив".encode("koi8-r"), "прилив"),
        (b"nonsense", "café".encode(), "café"),
        (b"utf-8", b"caf\xe9", "café"),
        (b"hex", b"6566", "6566"),
    ],
)
def test_a_body_is_read_whatever_it_says_of_its_letters(charset: bytes, body: bytes, text: str) -> None:
    found = read(
        b"Subject: x\nFrom: a@b.example\nContent-Type: text/plain; charset=" + charset + b"\n\n" + body
    )
    assert found.text.endswith(text)


def test_an_outlook_message_gives_the_same() -> None:
    fields = {"0037": "Tides", "0C1A": "Ann Lee", "0E04": "Bob", "1000": "The tide turns at noon."}
    content = msg_bytes(fields, {"heights.csv": b"a,b\n" * 2_000})
    found = exact(outlook.read(content, Options()))
    assert found.title == "Tides"
    assert found.text == "# Tides\n\nFrom: Ann Lee\nTo: Bob\n\nThe tide turns at noon."
    assert found.attachments == [("heights.csv", b"a,b\n" * 2_000)]
