"""E-mails and old office files that mean harm."""

from collections.abc import Mapping

_HEAD = b"From: a@example.com\r\nTo: b@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def files() -> Mapping[str, bytes]:
    """Nested and broken MIME; compound files with circles and claims."""
    return {**_mails(), **_compound()}


def _mails() -> dict[str, bytes]:
    nested = _HEAD
    for number in range(10_000):
        nested += b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (number, number)
    within = _HEAD + b"Content-Type: message/rfc822\r\n\r\n"
    mixed = _HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    part = b"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=%s\r\n\r\nevil\r\n"
    names = (
        b'"../../evil.sh"',
        b'"/etc/passwd"',
        b'"CON"',
        b'"a\x00b"',
        b'"C:\\\\evil.exe"',
        b'"%2e%2e%2fevil"',
    )
    return {
        "nested-parts.eml": nested + b"Content-Type: text/plain\r\n\r\nx",
        "nested-mails.eml": within * 1_000 + _HEAD + b"\r\nx",
        "many-parts.eml": mixed + b"".join(part % b"a.txt" for _ in range(10_000)) + b"--b--",
        "names.eml": mixed + b"".join(part % name for name in names) + b"--b--",
        "no-boundary.eml": _HEAD + b"Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\nx",
        "open-boundary.eml": mixed + b"--b\r\nContent-Type: text/plain\r\n\r\nx",
        "same-boundary.eml": mixed + b'--b\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n' * 1_000,
        "long-header.eml": _HEAD + b"X-Long: " + b"x" * 5_000_000 + b"\r\n\r\nx",
        "many-headers.eml": _HEAD + b"X-A: b\r\n" * 100_000 + b"\r\nx",
        "encoded-words.eml": b"Subject: " + b"=?utf-8?q?=c3=a4?= " * 20_000 + b"\r\n" + _HEAD + b"\r\nx",
        "broken-words.eml": b"Subject: =?utf-7?b?" + b"A" * 50_000 + b"\r\n" + _HEAD + b"\r\nx",
        "addresses.eml": b"To: " + b"(((((<" * 5_000 + b"\r\n" + _HEAD + b"\r\nx",
        "unknown-charset.eml": _HEAD + b"Content-Type: text/plain; charset=hex\r\n\r\n6566",
        "utf7-page.eml": _HEAD + b"Content-Type: text/html; charset=utf-7\r\n\r\n+ADw-b+AD4-x",
        "bad-base64.eml": _HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"!!=A=" * 10_000,
        "uuencoded.eml": _HEAD
        + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 ../../evil\r\n"
        + b"M" * 99,
        "continued.eml": _HEAD
        + b"Content-Type: text/plain"
        + b"".join(b";\r\n name*%d*=x" % n for n in range(5_000))
        + b"\r\n\r\nx",
        "deep-page.eml": _HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div>" * 50_000 + b"x",
    }


def _compound() -> dict[str, bytes]:
    word, book = "WordDocument".encode("utf-16-le") + bytes(2), "Workbook".encode("utf-16-le") + bytes(2)
    slides = "PowerPoint Document".encode("utf-16-le") + bytes(2)
    message = "__properties_version1.0".encode("utf-16-le") + bytes(2)
    noise = bytes((n * n * 31 + n // 7) % 256 for n in range(20_000))
    circular = _OLE + bytes(16) + b"\x3e\x00\x03\x00\xfe\xff\x09\x00\x06\x00" + bytes(10)
    circular += b"\x01\x00\x00\x00" + bytes(8) + b"\x00\x10\x00\x00" + b"\x00\x00\x00\x00" * 2
    circular += b"\x00\x00\x00\x00\x01\x00\x00\x00" + b"\x00\x00\x00\x00" * 109
    made = {
        f"noise.{suffix}": _OLE + stream + noise
        for suffix, stream in (("doc", word), ("xls", book), ("ppt", slides), ("msg", message))
    }
    made["circular.msg"] = (
        circular.ljust(512, b"\x00") + b"\x00\x00\x00\x00" * 128 + message.ljust(128, b"\x00") * 4
    )
    made["huge-sectors.msg"] = _OLE + b"\xff" * 504 + message + bytes(2_000)
    made["only-magic.msg"] = _OLE + message
    made["unknown.doc"] = _OLE + noise
    return made
