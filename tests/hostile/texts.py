"""Texts that mean harm: depth, width, encodings, and files that are not what they say."""

from collections.abc import Mapping

_MANY = 100_000
_PAGE = "<!doctype html><html><body><p>The tide turns at noon.</p>"


def files() -> Mapping[str, bytes]:
    """JSON, HTML, Markdown, CSV, plain text, polyglots, lies."""
    texts = {**_json(), **_html(), **_markdown(), **_csv(), **_plain()}
    return {**{name: text.encode() for name, text in texts.items()}, **_bytes(), **_lies()}


def _json() -> dict[str, str]:
    return {
        "deep-lists.json": "[" * _MANY + "]" * _MANY,
        "deep-objects.json": '{"a":' * _MANY + "1" + "}" * _MANY,
        "deep-unclosed.json": "[" * 1_000_000,
        "nine-hundred-deep.json": '{"key":' * 900 + "1" + "}" * 900,
        "long-number.json": "[" + "9" * 1_000_000 + "]",
        "huge-exponent.json": "[1e999999999, -1e999999999, NaN]",
        "many-keys.json": "{" + ",".join(f'"k{n}":{n}' for n in range(_MANY)) + "}",
        "same-key.json": "{" + ",".join(['"a":1'] * _MANY) + "}",
        "surrogates.json": '["\\ud800", "\\udfff\\ud800", "\\u0000"]',
        "deep-lines.jsonl": "\n".join("[" * 10_000 + "]" * 10_000 for _ in range(20)),
        "broken-lines.jsonl": '{"a": 1}\n{"a": \n' * 10_000,
    }


def _html() -> dict[str, str]:
    return {
        "deep-div.html": _PAGE + "<div>" * _MANY + "x",
        "deep-bold.html": _PAGE + "<b>" * _MANY + "x",
        "deep-lists.html": _PAGE + "<ul><li>" * _MANY + "x",
        "deep-tables.html": _PAGE + "<table><tr><td>" * 20_000 + "x",
        "deep-classes.html": _PAGE + '<div class="menu x">' * 2_000 + "x " * 50_000,
        "many-classes.html": _PAGE + '<div class="sidebar"><a>x</a></div>' * 50_000,
        "many-links.html": _PAGE + '<a href="http://127.0.0.1:9/">x</a>' * 50_000,
        "open-comments.html": _PAGE + "<!--" * _MANY,
        "open-cdata.html": _PAGE + "<![CDATA[" * _MANY,
        "open-script.html": _PAGE + "<script>" * _MANY,
        "open-tags.html": _PAGE + "<" * _MANY * 5,
        "many-attributes.html": _PAGE + "<p " + " ".join(f"a{n}=1" for n in range(_MANY)) + ">x",
        "long-attribute.html": _PAGE + f'<p title="{"x" * 1_000_000}">x',
        "huge-spans.html": _PAGE + "<table><tr><td colspan=1000000000 rowspan=1000000000>x</td></tr></table>",
        "many-cells.html": _PAGE + "<table>" + "<tr>" + "<td>x" * 50_000 + "</table>",
        "entities.html": _PAGE + "&#0;&#1114112;&#xd800;&#x110000000;&unknown;" * 10_000,
        "many-headings.html": _PAGE + "<h1>x</h1>" * 20_000,
        "fetches.html": _PAGE
        + '<base href="http://127.0.0.1:9/"><meta http-equiv=refresh content="0;url=http://127.0.0.1:9/">'
        '<iframe src="file:///etc/passwd"></iframe><img src="http://127.0.0.1:9/x.png"><link rel=import href="file:///etc/passwd">'
        '<object data="file:///etc/passwd"></object>',
        "frames.html": "<html><frameset>" * 10_000,
        "plaintext.html": _PAGE + "<plaintext></p></body>" + "<b>" * 1_000,
        "utf7.html": '<html><head><meta charset="utf-7"></head><body>+ADw-script+AD4-alert(1)+ADw-/script+AD4-</body></html>',
        "punycode.html": '<html><head><meta charset="punycode"></head><body>' + "a-" * 50_000,
    }


def _markdown() -> dict[str, str]:
    return {
        "deep-quotes.md": ">" * _MANY + " x",
        "deep-lists.md": "- " * _MANY + "x",
        "deep-brackets.md": "[" * _MANY + "](x)" * 1_000,
        "stairs.md": "".join("  " * n + "- a\n" for n in range(1_500)),
        "many-items.md": "1. a\n" * 20_000,
        "many-stars.md": "# " + "*a _" * _MANY,
        "many-ticks.md": "`" * _MANY + "\n" + " ` `` ```" * 30_000,
        "many-references.md": "[a]: b\n" * 50_000,
        "many-headings.md": "# a\n" * 30_000,
        "wide-table.md": "|" + "a|" * _MANY + "\n|" + "-|" * _MANY + "\n|" + "b|" * _MANY,
        "long-table.md": "| a | b |\n| - | - |\n" + "| 1 | 2 |\n" * _MANY,
        "many-fences.md": "```\n" * _MANY,
        "half-tags.md": "<a " * _MANY,
        "mixed-quotes.md": "".join(">" * (n % 20) + " a\n" for n in range(20_000)),
    }


def _csv() -> dict[str, str]:
    return {
        "million-columns.csv": ",".join(["a"] * 1_000_000),
        "million-columns-many-rows.csv": ",".join(["a"] * 1_000_000) + "\n" + "1,2\n" * _MANY,
        "open-quote.csv": 'a,b\n1,"' + "x,\n" * 1_000_000,
        "many-quotes.csv": '"' * 1_000_000,
        "formulas.csv": '=cmd|"/C calc"!A0,@SUM(1)\n+1,-1\n',
        "one-cell.csv": "x" * 5_000_000,
        "only-commas.csv": "," * 1_000_000,
    }


def _plain() -> dict[str, str]:
    return {
        "one-token.txt": "x" * 1_000_000,
        "combining.txt": "a" + "\u0301" * _MANY,
        "overrides.txt": "\u202e\u2066\u2069\u200b\u200d" * 20_000 + "x",
        "empty-lines.txt": "\n" * 1_000_000 + "x",
        "carriage-returns.txt": "a\r" * 300_000,
        "separators.txt": "a\u2028b\u2029c\x85" * _MANY,
        "noncharacters.txt": "\ufffe\uffff\U0010ffff" * 10_000,
        "braces.rtf": "{\\rtf1 " + "{" * _MANY,
        "binary.rtf": "{\\rtf1 \\bin2147483647 x}",
        "unicode.rtf": "{\\rtf1 " + "\\u-1000000?" * 10_000 + "}",
        "million.py": "x = " + "(" * 1_000_000,
    }


def _bytes() -> dict[str, bytes]:
    return {
        "nul.txt": b"The tide\x00turns.",
        "only-mark.txt": b"\xef\xbb\xbf",
        "utf16-no-mark.txt": "The tide turns.".encode("utf-16-le"),
        "utf16-half.txt": "\ufeffThe tide".encode("utf-16-le")[:-1],
        "utf16-surrogates.txt": b"\xff\xfe" + b"\x00\xd8" * 1_000,
        "utf16-script.html": "\ufeff<html><script>x</script><p>y</p></html>".encode("utf-16-le"),
        "utf32-beyond.txt": b"\xff\xfe\x00\x00" + b"\xff\xff\xff\x7f" * 100,
        "overlong.txt": b"\xc0\xaf\xe0\x80\xaf" * 100,
        "surrogate.txt": b"\xed\xa0\x80\xed\xbf\xbf",
        "escapes.txt": b"\x1b]0;title\x07\x1b[2J" * 1_000,
        "utf7.txt": b"+AGgAdAB0AHA-" * 1_000,
        "noise.txt": bytes((n * n * 31 + n // 7) % 256 for n in range(100_000)),
        "half-character.txt": "ä".encode()[:1],
    }


def _lies() -> dict[str, bytes]:
    png = b"\x89PNG\r\n\x1a\n" + bytes(100)
    return {
        "picture.docx": png,
        "program.pdf": b"MZ\x90\x00" + bytes(500),
        "program.txt": b"\x7fELF" + bytes(500),
        "text.xlsx": b"only text",
        "page.pdf": _PAGE.encode(),
        "zip.pdf": b"PK\x03\x04" + bytes(30) + b"%PDF-1.7\n" + bytes(100),
        "gif-script.gif": b"GIF89a/*" + bytes(20) + b"*/=alert(1)",
        "pdf-page.html": b"<html><!-- %PDF-1.7 --><p>x",
        "page-in-png.html": png + b"<html><p>x",
        "gzip.csv": b"\x1f\x8b\x08" + bytes(100),
        "zstd.json": b"\x28\xb5\x2f\xfd" + bytes(100),
        "bzip.md": b"BZh9" + bytes(100),
        "xz.md": b"\xfd7zXZ\x00" + b"\xff" * 100,
        "sqlite.txt": b"SQLite format 3\x00" + bytes(100),
    }
