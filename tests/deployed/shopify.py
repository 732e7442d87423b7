"""A fake of Shopify on 127.0.0.1: the part of its GraphQL Admin API that creates codes, its checkout, and its signed
deliveries. tests/it/shop_codes has one that also misbehaves."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from fake import FakeShop

SHOP = "ada.myshopify.com"
SECRET = "a-client-secret-of-the-tests-01"
API = "/admin/api/2026-10/graphql.json"


def signed(topic: str, payload: Any, secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    """The body and headers of a delivery."""
    sent = json.dumps(payload).encode()
    digest = hmac.new(secret.encode(), sent, hashlib.sha256).digest()
    return sent, {
        "x-shopify-topic": topic,
        "x-shopify-shop-domain": SHOP,
        "x-shopify-api-version": "2026-10",
        "x-shopify-hmac-sha256": base64.b64encode(digest).decode(),
    }


def order(number: int, customer: int, amount: str, at: str, codes: list[str]) -> dict[str, Any]:
    """A paid order of one line."""
    line = {
        "id": 1,
        "sku": "CUP",
        "quantity": 1,
        "gift_card": False,
        "price_set": {"shop_money": {"amount": amount, "currency_code": "EUR"}},
        "discount_allocations": [],
    }
    return {
        "id": number,
        "test": False,
        "currency": "EUR",
        "created_at": at,
        "processed_at": at,
        "updated_at": at,
        "financial_status": "paid",
        "customer": {"id": customer, "verified_email": False},
        "line_items": [line],
        "discount_codes": [{"code": code, "amount": "5.00", "type": "fixed_amount"} for code in codes],
        "refunds": [],
    }


def refund(number: int, order_number: int, amount: str, at: str) -> dict[str, Any]:
    """A refund of the one line of an order."""
    line = {"line_item_id": 1, "quantity": 1, "subtotal": float(amount)}
    line["subtotal_set"] = {"shop_money": {"amount": amount, "currency_code": "EUR"}}
    return {"id": number, "order_id": order_number, "created_at": at, "processed_at": at, "refund_line_items": [line]}


class FakeShopify(FakeShop):
    """The shop, for as long as the block runs."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = 0
        # By id: whether it is active.
        self.discounts: dict[str, bool] = {}
        # By upper-case code: the id of the code and of its discount.
        self.codes: dict[str, tuple[str, str]] = {}
        self.jobs: dict[str, list[Any]] = {}
        # By the name in the documents that the functions send.
        self.operations: dict[str, Callable[[Any], Any]] = {
            "CreateDiscount": self._create_discount,
            "AddCodes": self._add_codes,
            "AddingCodes": self._adding_codes,
            "AddedCodes": self._added_codes,
            "DeleteCodes": self._delete_codes,
            "Deactivate": self._deactivate,
        }

    def works(self, code: str) -> bool:
        return code in self.codes and self.discounts[self.codes[code][1]]

    def respond(self, path: str, headers: Mapping[str, str], asked: Any) -> tuple[int, Any]:
        if path == "/admin/oauth/access_token":
            if asked.get("grant_type") != "client_credentials" or asked.get("client_secret") != SECRET:
                return 400, {"error": "invalid_client"}
            self.tokens += 1
            return 200, {"access_token": f"shpat_{self.tokens}", "expires_in": 86_399}
        if path != API:
            self.violations.append(path)
            return 404, {}
        if headers.get("X-Shopify-Access-Token") != f"shpat_{self.tokens}":
            return 401, {"errors": "Invalid API key or access token"}
        named = re.match(r"\w+ (\w+)", asked["query"])
        run = self.operations.get(named[1] if named else "")
        if run is None:
            self.violations.append(asked["query"])
            return 200, {"errors": [{"message": "unknown operation"}]}
        return 200, {"data": run(asked["variables"])}

    def _id(self, kind: str) -> str:
        self.numbers += 1
        return f"gid://shopify/{kind}/{self.numbers}"

    def _add(self, code: str, discount: str) -> dict[str, Any]:
        if code.upper() in self.codes:
            taken = {"message": "Code must be unique.", "code": "TAKEN"}
            return {"code": code, "errors": [taken], "discountRedeemCode": None}
        made = self._id("DiscountRedeemCode")
        self.codes[code.upper()] = (made, discount)
        return {"code": code, "errors": [], "discountRedeemCode": {"id": made, "code": code}}

    def _create_discount(self, given: Any) -> Any:
        discount, made = given["discount"], self._id("DiscountCodeNode")
        if discount["usageLimit"] != 1 or "startsAt" not in discount:
            self.violations.append(f"discount {discount}")
        self.discounts[made] = True
        self._add(discount["code"], made)
        return {"discountCodeBasicCreate": {"codeDiscountNode": {"id": made}, "userErrors": []}}

    def _add_codes(self, given: Any) -> Any:
        if not 1 <= len(given["codes"]) <= 250:
            self.violations.append(f"{len(given['codes'])} codes")
        job = self._id("DiscountRedeemCodeBulkCreation")
        self.jobs[job] = [self._add(each["code"], given["discountId"]) for each in given["codes"]]
        return {"discountRedeemCodeBulkAdd": {"bulkCreation": {"id": job}, "userErrors": []}}

    def _adding_codes(self, given: Any) -> Any:
        return {"discountRedeemCodeBulkCreation": {"id": given["id"], "done": given["id"] in self.jobs}}

    def _added_codes(self, given: Any) -> Any:
        job, begin = self.jobs[given["id"]], int(given["after"] or 0)
        end = begin + int(given["first"])
        page = {"nodes": job[begin:end], "pageInfo": {"hasNextPage": end < len(job), "endCursor": str(end)}}
        return {"discountRedeemCodeBulkCreation": {"codes": page}}

    def _delete_codes(self, given: Any) -> Any:
        gone = [(each, given["discountId"]) for each in given["ids"]]
        self.codes = {code: known for code, known in self.codes.items() if known not in gone}
        job = {"id": self._id("Job"), "done": True}
        return {"discountCodeRedeemCodeBulkDelete": {"job": job, "userErrors": []}}

    def _deactivate(self, given: Any) -> Any:
        self.discounts[given["id"]] = False
        return {"discountCodeDeactivate": {"codeDiscountNode": {"id": given["id"]}, "userErrors": []}}
