"""Sentences with personal data marked in them, all invented, and sentences that only look like it.

`{kind|value}` marks a piece. Numbers that have check digits have right ones where they are marked, for without them
they are nobody's.
"""

import re

_MARKED = re.compile(r"\{(\w+)\|([^}]+)\}")

MARKED = (
    "Please write to {email|anna.lindqvist@example.org} about the gate.",
    "The desk is {email|depot-7@quorvex.internal}, not {email|info@quorvex.example}.",
    "Send the form to {email|o'brien+forms@mail.example.co.uk} by Friday.",
    "Contact: {email|J.SMITH@EXAMPLE.COM}; copy {email|hr_team@sub.example.net}.",
    "My address is {email|müller@beispiel.example}, does that work?",
    "Call {phone|+49 30 901820} before noon.",
    "You reach the depot at {phone|(415) 555-2671} or {phone|+1 212-555-0198}.",
    "Ring {phone|020 7946 0018} and ask for the night shift.",
    "Her mobile is {phone|+33 6 12 34 56 78}.",
    "Fax: {phone|+39 06 6982 0000}, phone {phone|+34 912 345 678}.",
    "Text me on {phone|07911 123456} when the gate opens.",
    "The hotline {phone|0800 330 1000} is free of charge.",
    "Our office in Pune: {phone|+91 20 2567 1234}.",
    "Refund it to {iban|DE89 3704 0044 0532 0130 00}.",
    "The account is {iban|GB29NWBK60161331926819}.",
    "IBAN {iban|FR14 2004 1010 0505 0001 3M02 606}, please.",
    "Rent goes to {iban|NL91ABNA0417164300} every month.",
    "Old account: {iban|ES9121000418450200051332}.",
    "I paid with {card|4111 1111 1111 1111} on Monday.",
    "Card {card|5500-0000-0000-0004} was declined.",
    "Charge {card|378282246310005} instead.",
    "The number on it is {card|6011111111111117}.",
    "My card number is {card|4012888888881881}, valid until May.",
    "My social security number is {national_id|536-90-4399}.",
    "National insurance number: {national_id|AB123456C}.",
    "NHS number {national_id|943 476 5919} is on the letter.",
    "Her DNI is {national_id|12345678Z}.",
    "NIE {national_id|X1234567L} belongs to the new driver.",
    "Codice fiscale {national_id|RSSMRA85T10A562S}.",
    "PESEL: {national_id|44051401359}.",
    "Personal identity code {national_id|131052-308T} was entered twice.",
    "Personnummer {national_id|811218-9876} is missing from the list.",
    "NRIC {national_id|S1234567D} was shown at the gate.",
    "Steuer-ID {national_id|86095742719} of the new colleague.",
    "PAN card {national_id|ABCPE1234F} has to be renewed.",
    "She logged in from {ip|10.20.30.40} at nine.",
    "Blocked: {ip|203.0.113.77} and {ip|2001:db8::ff00:42:8329}.",
    "The printer has {ip|192.168.178.20}; the camera has {ip|fe80::1ff:fe23:4567:890a}.",
    "Why is {ip|198.51.100.7} refused by the firewall?",
    "Write {email|eva@example.org} or call {phone|+43 1 234567} from {ip|172.16.5.9}.",
)
"""With something to take out."""

PLAIN = (
    "The gate closes at 19:00 and opens at 06:30.",
    "The depot was built in 1987 and holds 12,000 litres.",
    "See section 3.4.2 of ISO 9001:2015.",
    "Order 48213 was sent on 2024-05-06.",
    "What does error E-4012 mean?",
    "The part 4012-8888-1882 is out of stock.",
    "Torque 45 Nm, pressure 2.5 bar, 1,200 rpm.",
    "Use @mention to call a colleague in the chat.",
    "Version 4.10.2 replaces 4.9.",
    "The budget is 1 250 000 euros over 36 months.",
    "Coordinates 52.5200, 13.4050 mark the entrance.",
    "Room 3.14, building 27, floor 2.",
    "ISBN 978-3-16-148410-0 is the manual.",
    "A sample of 8,461 patients was followed for 24 weeks (p < 0.001).",
    "The mix is 5:3:2, stirred for 90 s.",
    "Is paragraph 12(3) still in force?",
    "Ticket 2024-000123 is closed.",
    "The serial number is SN-20231107-0042.",
    "Flight LH 2034 leaves at 12:45 from gate B22.",
    "MAC addresses such as 00:1B:44:11:3A:B7 are printed on the back.",
    "Dose: 500 mg every 8 hours, at most 3 g a day.",
    "The commit 9fceb02d0ae598e95dc970b74767f19372d61af8 broke it.",
    "Invoice number 100200300 of the third quarter.",
    "Postcode 10115, district 7.",
    "The GTIN 4006381333931 is on the box.",
)
"""With nothing to take out."""


def read(marked: str) -> tuple[str, list[tuple[str, int, int]]]:
    """The sentence without its marks, and kind and half-open range of each piece."""
    text, pieces, place = "", [], 0
    for mark in _MARKED.finditer(marked):
        text += marked[place : mark.start()]
        pieces.append((mark[1], len(text), len(text) + len(mark[2])))
        text, place = text + mark[2], mark.end()
    return text + marked[place:], pieces
