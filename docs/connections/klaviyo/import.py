#!/usr/bin/env python3
"""Brings the mails and flows of this folder to a Klaviyo account. Never run against the vendor.

    KLAVIYO_API_KEY=pk_... ./import.py --language it --shop https://shop.example/ --until "31 marzo" \\
        --from-email hello@shop.example --from-label "Club Ada"

The key needs the scopes templates:write, flows:write and metrics:read. Flows come as drafts: nothing is sent before somebody
turns them live. A metric exists once the first event of its name was sent; its flow is skipped until then, and named.
"""

import argparse
import json
import os
import pathlib
import sys
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).parent
REVISION = "2026-07-15"


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
    """The value with what its placeholders stand for."""
    if isinstance(value, dict):
        return {name: filled(inner, known) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, known) for inner in value]
    return known.get(value, value) if isinstance(value, str) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", required=True, choices=["en", "it", "ro", "ru"])
    parser.add_argument("--shop", required=True, help="where the buttons of the shop lead")
    parser.add_argument("--until", default="", help="the last day of double points")
    parser.add_argument("--prefix", default="Loyalty ", help="the prefix of the profile properties, as in the settings")
    parser.add_argument("--metrics", default="{}", help="other names of metrics, as in the settings: JSON")
    parser.add_argument("--from-email", required=True)
    parser.add_argument("--from-label", required=True)
    parser.add_argument("--host", default="https://a.klaviyo.com")
    options = parser.parse_args()
    account = Account(options.host, os.environ["KLAVIYO_API_KEY"])
    texts = json.loads((HERE / "texts" / f"{options.language}.json").read_text(encoding="utf-8"))
    mails = json.loads((HERE / "mails.json").read_text(encoding="utf-8"))["mails"]
    names = json.loads(options.metrics)

    def own(text: str) -> str:
        """A text with what the merchant gave."""
        text = text.replace("lookup:'Loyalty ", f"lookup:'{options.prefix}")
        text = text.replace("https://REPLACE-SHOP.example/", options.shop)
        return text.replace("REPLACE-DATE", options.until).replace("{until}", options.until)

    known = {"REPLACE-FROM": options.from_email, "REPLACE-LABEL": options.from_label}
    for mail in mails:
        name = mail["id"]
        if name == "double-points" and not options.until:
            print(f"{name}: left out, as --until is missing")
            continue
        html = (HERE / "templates" / options.language / f"{name}.html").read_text(encoding="utf-8")
        attributes = {"name": f"Tessera: {name} ({options.language})", "editor_type": "CODE", "html": own(html)}
        made = account.request("/api/templates", {"data": {"type": "template", "attributes": attributes}})
        known[f"TEMPLATE:{name}"] = made["data"]["id"]
        for field in ("subject", "preview"):
            known[f"TEXT:{name}:{field}"] = own(texts[name][field])
        print(f"{name}: template {made['data']['id']}")
    ids = account.metrics()
    for mail in mails:
        if "metric" not in mail:
            continue
        metric = names.get(mail["metric"], mail["metric"])
        if metric not in ids:
            print(f"{mail['id']}: no flow yet, as there is no metric {metric!r}")
            continue
        known[f"METRIC:{mail['metric']}"] = ids[metric]
        flow = json.loads((HERE / "flows" / f"{mail['id']}.json").read_text(encoding="utf-8"))
        made = account.request("/api/flows", filled(flow, known))
        print(f"{mail['id']}: flow {made['data']['id']}, a draft")


if __name__ == "__main__":
    main()
