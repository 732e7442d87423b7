"""A fake of WooCommerce on 127.0.0.1: the part of its REST API for coupons and refunds, its checkout, and its signed deliveries.
tests/it/shop_codes has one that also misbehaves."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fake import FakeShop

SECRET = "a-webhook-secret-of-the-tests-01"
KEY, KEY_SECRET = "ck_1", "cs_1"
BASIC = "Basic " + base64.b64encode(f"{KEY}:{KEY_SECRET}".encode()).decode()
API = "/wp-json/wc/v3"


def signed(payload: Any) -> tuple[bytes, dict[str, str]]:
    """The body and headers of a delivery."""
    sent = json.dumps(payload).encode()
    digest = hmac.new(SECRET.encode(), sent, hashlib.sha256).digest()
    signature = base64.b64encode(digest).decode()
    return sent, {"x-wc-webhook-topic": "order.updated", "x-wc-webhook-signature": signature}


def order(number: int, customer: int, amount: str, at: str, codes: list[str]) -> dict[str, Any]:
    """A paid order of one line; customer 0 is nobody."""
    return {
        "id": number,
        "status": "processing",
        "currency": "EUR",
        "prices_include_tax": False,
        "date_created_gmt": at,
        "date_modified_gmt": at,
        "date_paid_gmt": at,
        "customer_id": customer,
        "billing": {},
        "line_items": [{"id": 1, "name": "Cup", "sku": "CUP", "quantity": 1, "total": amount, "total_tax": "0.00"}],
        "coupon_lines": [{"id": 2, "code": code, "discount": "5.00"} for code in codes],
        "refunds": [],
    }


class FakeWoocommerce(FakeShop):
    """The shop, for as long as the block runs."""

    def __init__(self) -> None:
        super().__init__()
        # By upper-case code.
        self.coupons: dict[str, dict[str, Any]] = {}
        # By the number of the order.
        self.refunds: dict[int, list[Any]] = {}

    def works(self, code: str) -> bool:
        return code in self.coupons and not self.coupons[code].get("date_expires")

    def refund(self, paid: dict[str, Any], number: int, at: str) -> dict[str, Any]:
        """Refunds the one line of an order; returns the order as it is now."""
        total = paid["line_items"][0]["total"]
        line = {"id": 3, "quantity": -1, "total": f"-{total}", "total_tax": "0.00"}
        line["meta_data"] = [{"key": "_refunded_item_id", "value": "1"}]
        self.refunds[paid["id"]] = [{"id": number, "date_created_gmt": at, "amount": total, "line_items": [line]}]
        return paid | {"date_modified_gmt": at, "refunds": [{"id": number, "total": f"-{total}"}]}

    def respond(self, path: str, headers: Mapping[str, str], asked: Any) -> tuple[int, Any]:
        if headers.get("Authorization") != BASIC:
            return 401, {"code": "woocommerce_rest_cannot_view"}
        found = urlsplit(path)
        match found.path.removeprefix(API).split("/")[1:]:
            case ["coupons", "batch"]:
                return 200, self._batch(asked)
            case ["coupons"]:
                ids = parse_qs(found.query).get("include", [""])[0].split(",")
                return 200, [coupon for coupon in self.coupons.values() if str(coupon["id"]) in ids]
            case ["orders", number, "refunds"]:
                return 200, self.refunds.get(int(number), [])
            # The hourly poll.
            case ["orders"] | ["webhooks"]:
                return 200, []
            case _:
                self.violations.append(path)
                return 404, {"code": "rest_no_route"}

    def _batch(self, asked: Any) -> Any:
        if not 1 <= sum(map(len, asked.values())) <= 100:
            self.violations.append(f"a batch of {asked.keys()}")
        change = {"create": self._create, "update": self._update, "delete": self._delete}
        return {how: [change[how](each) for each in coupons] for how, coupons in asked.items()}

    def _create(self, given: Any) -> Any:
        code = given["code"].upper()
        if code in self.coupons:
            taken = {"code": "woocommerce_rest_coupon_code_already_exists", "message": "The coupon code already exists"}
            return {"id": 0, "error": taken}
        if given["usage_limit"] != 1 or not given["amount"]:
            self.violations.append(f"coupon {given}")
        self.numbers += 1
        # WooCommerce stores codes in small letters.
        self.coupons[code] = given | {"id": self.numbers, "code": code.lower()}
        return self.coupons[code]

    def _update(self, given: Any) -> Any:
        coupon = next(coupon for coupon in self.coupons.values() if coupon["id"] == given["id"])
        coupon.update(given)
        return coupon

    def _delete(self, number: int) -> Any:
        code = next(code for code, coupon in self.coupons.items() if coupon["id"] == number)
        return self.coupons.pop(code)
