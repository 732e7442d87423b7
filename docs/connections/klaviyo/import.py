#!/usr/bin/env python3
"""Brings the mails and flows of this folder to a Klaviyo account. Never run against the vendor.

    KLAVIYO_API_KEY=pk_... ./import.py --language it --shop https://shop.example/ --until "31 marzo" \\
        --from-email hello@shop.example --from-label "Club Ada"
    ./import.py --language it --shop https://shop.example/ --out mails      # writes the mails as files, and sends nothing

A mail is the layout of all of them with the texts of its language. The key needs the scopes templates:write, flows:write and
metrics:read. Flows come as drafts: nothing is sent before somebody turns them live. A metric exists once the first event of
its name was sent; its flow is skipped until then, and named.
"""

import argparse
import html
import json
import os
import pathlib
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).parent
REVISION = "2026-07-15"
LINE = " " * 16


class Account:
    """Requests to the account of an API key."""

    def __init__(self, host: str, key: str) -> None:
        self.host, self.key = host.rstrip("/"), key

    def request(self, path: str, body: dict | None = None) -> dict:
        """Sends a document, or reads one. Ends the program with the vendor's words when it is refused."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.host + path, data=data, method="GET" if body is None else "POST")
        request.add_header("Authorization", f"Klaviyo-API-Key {self.key}")
        request.add_header("revision", REVISION)
        request.add_header("Accept", "application/vnd.api+json")
        request.add_header("Content-Type", "application/vnd.api+json")
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            sys.exit(f"{path}: {error.code} {error.read().decode(errors='replace')[:500]}")

    def metrics(self) -> dict[str, str]:
        """The ids of the account's metrics, by name."""
        found: dict[str, str] = {}
        path = "/api/metrics"
        while path:
            page = self.request(path)
            found.update((metric["attributes"]["name"], metric["id"]) for metric in page["data"])
            following = (page.get("links") or {}).get("next")
            # Only the query is taken: the key goes to no other host.
            path = f"/api/metrics?{urllib.parse.urlsplit(following).query}" if following else ""
        return found


def filled(value, known: dict[str, str]):
    """A text, or every text of a document, with what its [[places]] stand for."""
    if isinstance(value, dict):
        return {name: filled(inner, known) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, known) for inner in value]
    return re.sub(r"\[\[(\w+)\]\]", lambda place: known[place[1]], value) if isinstance(value, str) else value


def read(name: str):
    """A JSON file of this folder."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))


class Mails:
    """The mails of a shop in a language."""

    def __init__(self, language: str, shop: str, until: str, prefix: str) -> None:
        parts = read("mails.json")
        self.all, self.buttons, self.slots = parts["mails"], parts["buttons"], parts["slots"]
        self.language, self.texts = language, read(f"texts/{language}.json")
        self.layout = (HERE / "layout.html").read_text(encoding="utf-8")
        self.plain = {"shop": shop, "until": until, "prefix": prefix}
        # A property's name stands in a tag of Klaviyo, which reads it as it is.
        self.escaped = {"shop": html.escape(shop), "until": html.escape(until), "prefix": prefix}
        if not until:
            self.all = [mail for mail in self.all if mail["id"] != "double-points"]

    def with_tags(self, text: str) -> str:
        """A text with Klaviyo's tags for its slots."""
        return re.sub(r"\{(\w+)\}", lambda slot: self.slots[slot[1]], text)

    def text(self, mail: dict, field: str) -> str:
        """A text outside HTML: the subject, or the preview."""
        return filled(self.with_tags(self.texts[mail["id"]][field]), self.plain)

    def html(self, mail: dict) -> str:
        """The page of a mail."""
        own = self.texts[mail["id"]]

        def line(text: str) -> str:
            return self.with_tags(html.escape(text, quote=False))

        def paragraph(part) -> str:
            if isinstance(part, str):
                return f'{LINE}<p style="margin:0 0 16px;">{line(part)}</p>'
            condition = self.slots[part["if"]].strip("{} ")
            return f"{LINE}{{% if {condition} %}}\n{paragraph(part['text'])}\n{LINE}{{% endif %}}"

        known = {field: line(own[field]) for field in ("subject", "preview", "heading", "button")}
        known["language"] = self.language
        known["body"] = "\n".join(paragraph(part) for part in own["body"])
        known["href"] = self.buttons[mail["button"]]
        known["unsubscribe"] = self.texts["unsubscribe"].replace("'", "&#39;")
        return filled(filled(self.layout, known), self.escaped)


def write(mails: Mails, folder: pathlib.Path) -> None:
    """Writes every mail into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for mail in mails.all:
        file = folder / f"{mail['id']}.html"
        file.write_text(mails.html(mail), encoding="utf-8")
        print(file)


def send(mails: Mails, account: Account, metrics: dict[str, str], known: dict[str, str]) -> None:
    """Makes every template, and the flow of every metric that the account has."""
    templates: dict[str, str] = {}
    for mail in mails.all:
        name = f"Tessera: {mail['id']} ({mails.language})"
        attributes = {"name": name, "editor_type": "CODE", "html": mails.html(mail)}
        made = account.request("/api/templates", {"data": {"type": "template", "attributes": attributes}})
        templates[mail["id"]] = made["data"]["id"]
        print(f"{mail['id']}: template {made['data']['id']}")
    ids, flow = account.metrics(), read("flow.json")
    for mail in mails.all:
        if "metric" not in mail:
            continue
        metric = metrics.get(mail["metric"], mail["metric"])
        if metric not in ids:
            print(f"{mail['id']}: no flow yet, as there is no metric {metric!r}")
            continue
        own = {"mail": mail["id"], "metric": ids[metric], "template": templates[mail["id"]]}
        texts = {field: mails.text(mail, field) for field in ("subject", "preview")}
        made = account.request("/api/flows", filled(flow, known | own | texts))
        print(f"{mail['id']}: flow {made['data']['id']}, a draft")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", required=True, choices=["en", "it", "ro", "ru"])
    parser.add_argument("--shop", required=True, help="where the buttons of the shop lead")
    parser.add_argument("--until", default="", help="the last day of double points; without it, their mail is left out")
    parser.add_argument("--prefix", default="Loyalty ", help="the prefix of the profile properties, as in the settings")
    parser.add_argument("--metrics", default="{}", help="other names of metrics, as in the settings: JSON")
    parser.add_argument("--from-email")
    parser.add_argument("--from-label")
    parser.add_argument("--host", default="https://a.klaviyo.com")
    parser.add_argument("--out", type=pathlib.Path, help="write the mails into this folder, and send nothing")
    options = parser.parse_args()
    if "'" in options.prefix:
        parser.error("--prefix: Klaviyo's tags take no quote")
    mails = Mails(options.language, options.shop, options.until, options.prefix)
    if options.out:
        write(mails, options.out)
        return
    if not (options.from_email and options.from_label):
        parser.error("--from-email and --from-label are required, unless --out is given")
    account = Account(options.host, os.environ["KLAVIYO_API_KEY"])
    sender = {"from_email": options.from_email, "from_label": options.from_label}
    send(mails, account, json.loads(options.metrics), sender)


if __name__ == "__main__":
    main()
