"""Addresses from which nothing may be fetched, in all the ways in which they can be written."""

_HOSTS = """
# loopback: plain, short, decimal, octal, hexadecimal, mixed
127.0.0.1 127.0.0.2 127.255.255.254 127.1 127.0.1 2130706433 017700000001 0177.0.0.1 0177.1 0x7f.1
0x7f.0.0.1 0x7f000001 0x7F.0X0.0.1 127.0.0.0x1 0177.0x0.0.1 00000177.0.0.01 localhost LOCALHOST
localhost. 127.0.0.1. 127.1.
# this network, broadcast, multicast, reserved
0 0.0.0.0 0.0 0x0 00 0.1.2.3 255.255.255.255 4294967295 0xffffffff 224.0.0.1 239.255.255.250 240.0.0.1
# private
10.0.0.1 10.255.255.255 167772161 0xa000001 012.0.0.1 10.1 172.16.0.1 172.31.255.254 2886729729
192.168.0.1 192.168.255.255 3232235521 0xc0a80001 0300.0250.0.1 192.168.1 192.0xa8.1
# link-local and the services of clouds
169.254.169.254 169.254.0.1 2852039166 0xa9fea9fe 0251.0376.0251.0376 0xa9.0xfe.0xa9.0xfe 169.254.43518
169.16689662 0251.254.169.254 169.254.170.2 168.63.129.16 100.100.100.200 192.0.0.192
# shared, benchmarks, documentation, protocols, relays
100.64.0.1 100.127.255.255 1681915905 198.18.0.1 198.19.255.255 192.0.2.1 198.51.100.1 203.0.113.1
192.0.0.1 192.0.0.8 192.88.99.1
# IPv6: loopback, any, mapped, compatible, private, link-local, site-local, multicast, documentation
[::1] [::] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::ffff:127.0.0.1]
[::ffff:7f00:1] [::ffff:10.0.0.1] [::ffff:a9fe:a9fe] [::ffff:169.254.169.254] [::ffff:0:0]
[::ffff:192.168.0.1] [0:0:0:0:0:ffff:7f00:0001] [::127.0.0.1] [::7f00:1] [::169.254.169.254]
[::ffff:0:127.0.0.1] [fc00::1] [fd00::1] [fd00:ec2::254] [fdff:ffff::1] [fe80::1] [fe80::a9fe:a9fe]
[febf::1] [fec0::1] [feff::1] [ff02::1] [ff0e::1] [2001:db8::1] [3fff::1] [100::1] [5f00::1] [4000::1]
# translated and tunnelled IPv4: NAT64, local NAT64, 6to4, Teredo, ISATAP
[64:ff9b::7f00:1] [64:ff9b::127.0.0.1] [64:ff9b::10.0.0.1] [64:ff9b::a9fe:a9fe] [64:ff9b::192.168.0.1]
[64:ff9b:1::1] [64:ff9b:1::a9fe:a9fe] [2002:7f00:1::] [2002:a00:1::1] [2002:a9fe:a9fe::]
[2002:808:808::1] [2001::1] [2001:0:7f00:1::] [2001:0:4136:e378:8000:63bf:80ff:fffe]
[2606:4700::5efe:7f00:1] [2606:4700::200:5efe:a00:1]
# zones
[fe80::1%25eth0] [::1%25lo] [fe80::1%eth0]
# names that lead inside
metadata.google.internal inside.example INSIDE.EXAMPLE. both.example mapped.example unique.example
link.example nat.example empty.example
"""
PRIVATE_HOSTS = [host for line in _HOSTS.splitlines() if not line.startswith("#") for host in line.split()]

STRANGE = [
    # userinfo, fragments, backslashes: what one parser takes for the host, another does not
    "http://example.org@127.0.0.1/",
    "http://example.org:80@127.0.0.1/",
    "http://127.0.0.1@example.org/",
    "http://user:password@example.org/",
    "http://:@example.org/",
    "http://example.org%40127.0.0.1/",
    "http://example.org\\@127.0.0.1/",
    "http://127.0.0.1\\@example.org/",
    "http://127.0.0.1\\.example.org/",
    "http:\\\\127.0.0.1\\",
    "http://example.org/a\\b",
    "http://127.0.0.1#@example.org/",
    "http://127.0.0.1#.example.org/",
    "http://127.0.0.1?@example.org/",
    "http://127.0.0.1;example.org/",
    "http://127.0.0.1%00.example.org/",
    "http://127.0.0.1%23.example.org/",
    "http://127.0.0.1%2f.example.org/",
    "http://127.0.0.1%20/",
    "http://localhost%2e/",
    "http://%31%32%37.0.0.1/",
    "http://%6c%6f%63%61%6c%68%6f%73%74/",
    "http://exam ple.org/",
    " http://example.org/",
    "http://example.org/\r\nHost: 127.0.0.1",
    "http://example.org/\n",
    "http://example.org/\x00",
    "http://example.org\t/",
    "http://[::1/",
    "http://::1/",
    "http://[127.0.0.1]/",
    "http://[example.org]/",
    "http://example..org/",
    "http://.example.org/",
    "http://example.org../",
    "http://-example.org/",
    "http://" + "a" * 64 + ".org/",
    "http://" + "a." * 130 + "org/",
    "http://example.org/" + "a" * 2_000,
    # letters that become digits, dots or ASCII
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://127．0．0．1/",
    "http://127｡0｡0｡1/",
    "http://１２７.0.0.1/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "http://ｌocalhost/",
    "http://locªlhost/",
    "http://loc\u200balhost/",
    "http://loc\u00adalhost/",
    "http://169。254。169。254/latest/meta-data/",
    # other schemes, and none
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "file://localhost/etc/passwd#page.html",
    "FILE:///etc/passwd",
    "file:/etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "gopher://example.org/",
    "ftp://example.org/",
    "ftps://example.org/",
    "sftp://example.org/",
    "dict://127.0.0.1:11211/stat",
    "ldap://127.0.0.1/",
    "tftp://127.0.0.1/",
    "jar:http://127.0.0.1!/",
    "data:text/html,hello",
    "javascript:alert(1)",
    "ws://example.org/",
    "wss://example.org/",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "netdoc:///etc/passwd",
    "view-source:http://127.0.0.1/",
    "http:example.org",
    "http:/example.org",
    "http:///example.org",
    "http://",
    "http:",
    "//example.org/",
    "example.org",
    "/etc/passwd",
    "",
    # ports
    "http://example.org:22/",
    "http://example.org:6379/",
    "http://example.org:8080/",
    "http://example.org:0/",
    "http://example.org:65536/",
    "http://example.org:-1/",
    "http://example.org:80a/",
    "http://example.org:８０８０/",
    "https://example.org:8443/",
    "http://127.0.0.1:8000/",
    "http://[::1]:6333/",
    # what nobody resolves
    "http://nowhere.example/",
    "http://169.254.169.254.nip.example/",
    "http://0x7f000001.example/",
]

PRIVATE = [f"http://{host}/" for host in PRIVATE_HOSTS] + [f"https://{host}/" for host in PRIVATE_HOSTS[::8]]
HOSTILE = [*PRIVATE, *STRANGE]
