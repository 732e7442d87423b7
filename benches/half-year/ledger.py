"""The reports of a program, added up from its exported ledger alone."""

import base64
import struct
from collections import Counter, defaultdict
from datetime import date, datetime, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

MEMBERS = {"p", "a", "r", "d"}  # the buckets whose sum is a balance
VALUE = Decimal("0.01")


def decode(data):
    """One value of CBOR (RFC 8949)."""
    value, end = item(memoryview(data), 0)
    assert end == len(data)
    return value


def item(data, at):
    major, small = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        if small in (20, 21, 22):
            return {20: False, 21: True, 22: None}[small], at
        size, code = {25: (2, ">e"), 26: (4, ">f"), 27: (8, ">d")}[small]
        return struct.unpack(code, data[at : at + size])[0], at + size
    if small < 24:
        number = small
    elif small < 28:
        size = 1 << (small - 24)
        number, at = int.from_bytes(data[at : at + size], "big"), at + size
    else:
        number = None  # indefinite length
    if major in (0, 1):
        return (number if major == 0 else -1 - number), at
    if major in (2, 3):
        raw = bytes(data[at : at + number])
        return (raw if major == 2 else raw.decode()), at + number
    values = []
    while number is None or len(values) < number * (2 if major == 5 else 1):
        if number is None and data[at] == 0xFF:
            at += 1
            break
        value, at = item(data, at)
        values.append(value)
    return (dict(zip(values[::2], values[1::2])) if major == 5 else values), at


def money(points):
    return str((points * VALUE).quantize(Decimal("0.01"), ROUND_HALF_EVEN))


def amount(points):
    return {"points": points, "money": money(points)}


def ratio(part, whole):
    """Four decimals, without zeros at the end."""
    return None if whole == 0 else str((Decimal(part) / whole).quantize(Decimal("0.0001"), ROUND_HALF_EVEN))


class Ledger:
    def __init__(self, entries, members, zone, _version):
        self.zone = ZoneInfo(zone)
        self.entries = sorted((self.entry(line) for line in entries), key=lambda entry: (entry["member"], entry["v"]))
        self.members = {entry["member"] for entry in self.entries}
        self.accounts = [line for line in members if "lots" in line]

    def entry(self, line):
        entry = decode(base64.b64decode(line["item"]["b"]["B"]))
        entry["member"] = line["member"]
        entry["day"] = datetime.fromtimestamp(entry["n"] / 1000, timezone.utc).astimezone(self.zone).date()
        entry["postings"] = [
            (movement["t"], came, went, points)
            for movement in entry.get("m", [])
            for came, went, qualifying, points in movement.get("p", [])
            if not qualifying
        ]
        return entry

    def reports(self, period):
        first, end = map(date.fromisoformat, period)
        inside = [entry for entry in self.entries if first <= entry["day"] < end]
        before = [entry for entry in self.entries if entry["day"] < first]
        upto = before + inside
        flows, opening = columns(inside), net(before)
        closing = opening + net(inside)
        imported = sum(p for e in inside for kind, came, _, p in e["postings"] if kind == "import" and came == "i")
        earned, redeemed = flows["issued"] - imported, flows["redeemed"] - flows["restored"]
        return {
            "overview": {
                "active_members": self.active(inside),
                "points_earned": earned,
                "points_redeemed": redeemed,
                "redemption_rate": ratio(redeemed, earned),
                "repeat_purchase_rate": self.repeat(inside),
                **self.sales(inside),
                **self.people(upto, before),
                "points_imported": imported,
                "points_unredeemed": closing,
                "points_pending": sum(p * ((went == "p") - (came == "p")) for e in upto for _, came, went, p in e["postings"]),
                "points_expired": flows["expired"],
                "points_reversed": flows["reversed"],
                "referral": {"advocates": 0, "clicks": 0, "friends": 0, "qualified": 0},
            },
            "top_rules": self.top_rules(inside),
            "top_rewards": self.top_rewards(inside),
            "liability": {
                "roll_forward": {
                    "opening": amount(opening),
                    **{name: amount(flows[name]) for name in FLOWS},
                    "closing": amount(closing),
                },
                "forecast": self.forecast(),
                "breakage": self.breakage(),
            },
        }

    def active(self, entries):
        acts = [e for e in entries if e.get("w", "member") == "member" and "j" not in e and is_act(e["c"])]
        return len({e["member"] for e in acts})

    def repeat(self, entries):
        bought = Counter(e["member"] for e in entries if kind_of(e["c"]) == "R" and "j" not in e)
        return ratio(sum(count > 1 for count in bought.values()), len(bought))

    def sales(self, entries):
        member, other, coupon = [], [], []
        for entry in entries:
            if kind_of(entry["c"]) == "R" and "a" in entry:
                total = entry["a"].get("x", entry["a"]["a"])
                (member if entry.get("w", "member") == "member" else other).append(total)
                coupon += [total] if entry.get("u") else []
        pounds = lambda cents: str((Decimal(cents) / 100).quantize(Decimal("0.01"), ROUND_HALF_EVEN))
        average = lambda totals: pounds(Decimal(sum(totals)) / len(totals)) if totals else None
        return {"loyalty_revenue": pounds(sum(coupon)), "average_order_value": {"member": average(member), "other": average(other)}}

    def people(self, upto, before):
        latest = {entry["member"]: entry for entry in upto}
        earlier = {entry["member"]: entry.get("w", "member") for entry in before}
        status = {member: entry.get("w", "member") for member, entry in latest.items()}
        tiers = Counter(tier_after(entry) for member, entry in latest.items() if status[member] == "member")
        return {
            "members": sum(one == "member" for one in status.values()),
            "visitors": sum(one in ("visitor", "pending") for one in status.values()),
            "new_members": sum(one == "member" and earlier.get(m) != "member" for m, one in status.items()),
            "tiers": dict(tiers),
        }

    def top_rules(self, entries):
        points, firings = Counter(), Counter()
        for outcome in (outcome for entry in entries for outcome in entry.get("o", [])):
            credit = sum(both(outcome.get(name)) for name in "fum")
            points[outcome["r"]] += credit - both(outcome.get("d")) - both(outcome.get("z"))
            firings[outcome["r"]] += outcome.get("n", 1)
        ranked = sorted(points, key=lambda rule: (-points[rule], rule))
        return [{"rule": rule, "points": points[rule], "firings": firings[rule]} for rule in ranked[:10]]

    def top_rewards(self, entries):
        points, bought = Counter(), Counter()
        for entry in entries:
            coupon = entry["c"].get("coupon") if isinstance(entry["c"], dict) else None
            if coupon:
                spent = sum(p * ((went == "s") - (came == "s")) for _, came, went, p in entry["postings"])
                points[coupon["reward"]] += spent
                action = coupon["action"]
                bought[coupon["reward"]] += action in ("redeem", "commit")
                bought[coupon["reward"]] -= action == "cancel" and spent < 0
        ranked = sorted(points, key=lambda reward: (-bought[reward], reward))
        return [{"reward": reward, "redemptions": bought[reward], "points": points[reward]} for reward in ranked[:10]]

    def forecast(self):
        """From the lots of the accounts, not from the ledger."""
        months = Counter()
        for account in self.accounts:
            for lot in account["lots"]:
                if lot["expires"]:
                    months[lot["expires"][:7]] += lot["points"]
        return [{"month": month, **amount(points)} for month, points in sorted(months.items())]

    def breakage(self):
        """What is open and what expired, by the month of issue of each change of a lot."""
        opened, expired, months = Counter(), Counter(), set()
        for entry in self.entries:
            changes = [(movement["t"], change) for movement in entry.get("m", []) for change in movement.get("l", [])]
            changes += [("", change) for change in entry.get("x", [])]
            for kind, (issued, _, points) in changes:
                months.add(issued)
                opened[issued] += points
                expired[issued] -= points if kind == "expire" else 0
        return {month_name(month): {"open": opened[month], "expired": expired[month]} for month in sorted(months)}


FLOWS = {
    "issued": ("i", 1), "forgiven": ("f", 1), "redeemed": ("s", -1), "restored": ("s", 1),
    "expired": ("x", -1), "reversed": ("v", -1), "removed": ("o", -1),
}


def columns(entries):
    """Points into the balances from each bucket, and out of them to each."""
    sums = defaultdict(int)
    for _, came, went, points in (posting for entry in entries for posting in entry["postings"]):
        if went in MEMBERS and came not in MEMBERS:
            sums[came, 1] += points
        if came in MEMBERS and went not in MEMBERS:
            sums[went, -1] += points
    found = {name: sums[key] for name, key in FLOWS.items()}
    # What a rule removed and a return gave back counts against the removals.
    found["removed"] -= sums["o", 1]
    return found


def net(entries):
    return sum(p * ((went in MEMBERS) - (came in MEMBERS)) for entry in entries for _, came, went, p in entry["postings"])


def both(packed):
    """The redeemable points of a pair, stored as a list or as a map."""
    if packed is None:
        return 0
    return packed[0] if isinstance(packed, list) else packed.get("redeemable", 0)


def kind_of(cause):
    """The letter of the fact: R receipt, F refund, I interaction, …"""
    fact = cause.get("f") if isinstance(cause, dict) else None
    return fact[0] if isinstance(fact, list) else (fact or "?")[:1] if isinstance(fact, str) else "?"


def is_act(cause):
    coupon = cause.get("coupon") if isinstance(cause, dict) else None
    return kind_of(cause) in ("R", "I") or bool(coupon and coupon["action"] in ("redeem", "reserve"))


def tier_after(entry):
    tiers = entry.get("r") or [None]
    return tiers[1] if len(tiers) > 1 else tiers[0]


def month_name(month):
    return month if isinstance(month, str) else f"{month // 12:04}-{month % 12 + 1:02}"
