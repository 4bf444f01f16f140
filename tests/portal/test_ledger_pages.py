"""Wallet, money board, trace: what stands on them, for whom, and what is taken away."""

import io
import json
import re

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook
from portal_city import City, signed_in

from siwei.exchange import queue
from siwei.exchange.actors import PLATFORM
from siwei.exchange.ledger.seals import seal
from siwei.exchange.models import Account, Seal

POSTGRES = connection.vendor == "postgresql"
WALLET = "/organisations/n-00000000000000aa/wallet"


def text_of(city: City, name: str, address: str) -> str:
    response = signed_in(getattr(city, name)).get(address, headers={"Accept-Language": "en"})
    assert response.status_code == 200, response.content[:400]
    return response.content.decode()


class TestWallet:
    def test_what_may_be_spent_and_every_entry_to_what_led_to_it(self, dealt: City) -> None:
        page = text_of(dealt, "alice", WALLET + "?account=CNY:voucher:voucher")
        left = Account.objects.get(code="CNY:voucher:voucher").available
        assert f'value="{left}"' in page
        assert "2026-12-31" in page
        assert 'href="/agreements/deal"' in page
        assert 'href="/organisations/n-00000000000000aa/programmes/xunli"' in page
        assert "/trace/settle:deal:1:final:voucher:capture" in page

    def test_the_balance_is_proven_from_its_entries(self, dealt: City) -> None:
        code = "CNY:voucher:voucher"
        assert "All entries of this account (4) come to what it stands at now; 0 of them lie" in text_of(
            dealt, "alice", f"{WALLET}?account={code}"
        )
        told = signed_in(dealt.alice).get("/api/ledger/balance", {"account": code}).json()
        assert (told["is_proven"], told["entries"], sorted(told["by_kind"])) == (
            True, 4, ["capture", "hold", "post", "release"]
        )  # fmt: skip
        assert told["from_entries"] == {"balance": told["balance"], "held": told["held"]}
        assert signed_in(dealt.bob).get("/api/ledger/balance", {"account": code}).status_code == 404
        connection.check_constraints()
        with connection.cursor() as cursor:
            guard = "siwei_account_balance ON exchange_account" if POSTGRES else "siwei_account_update"
            cursor.execute(f"DROP TRIGGER {guard}")
        Account.objects.filter(code=code).update(balance=F("balance") + 1)
        assert "do not come to what it stands at" in text_of(dealt, "alice", f"{WALLET}?account={code}")
        assert signed_in(dealt.alice).get("/api/ledger/balance", {"account": code}).json()["is_proven"] is False

    def test_a_period_and_exports(self, dealt: City) -> None:
        address = WALLET + "?account=CNY:voucher:voucher&from={}&to={}"
        assert "No entry in this period." in text_of(dealt, "alice", address.format("2020-01-01", "2020-01-02"))
        client = signed_in(dealt.alice)
        csv = client.get(WALLET + "?account=CNY:voucher:voucher&export=csv").content.decode("utf-8-sig").splitlines()
        kinds = [line.split(",")[4] for line in csv[1:]]
        assert kinds == ["opening", "post", "hold", "capture", "release", "closing"]
        assert csv[0].endswith(",generated")
        assert {line.split(",")[1] for line in csv[1:]} == {"fen"}
        sheet = load_workbook(io.BytesIO(client.get(WALLET + "?account=CNY:voucher:voucher&export=xlsx").content))
        assert sheet.active.max_row == 7
        at = csv[0].split(",").index("at")
        moments = [line.split(",")[at] for line in csv[2:-1]]
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+08:00", each) for each in moments), moments
        assert [row[at].value for row in list(sheet.active.rows)[2:-1]] == moments

    @pytest.mark.parametrize("query", ["from=yesterday", "from=2026-11-24&to=2026-11-23", "export=doc"])
    def test_what_is_wrong_is_said(self, dealt: City, query: str) -> None:
        response = signed_in(dealt.alice).get(f"{WALLET}?{query}")
        assert response.status_code == 400
        assert b"Traceback" not in response.content

    def test_no_account_of_another(self, dealt: City) -> None:
        other = "CNY:receivable:n-00000000000000bb"
        assert Account.objects.filter(code__startswith="CNY:receivable").exists()
        for account in (other, Account.objects.get(code__startswith="CNY:receivable").code, "nothing"):
            assert signed_in(dealt.alice).get(WALLET, {"account": account}).status_code == 404
        assert signed_in(dealt.charlie).get(WALLET).status_code in (403, 404)

    def test_an_empty_wallet_says_what_fills_it(self, city: City) -> None:
        assert "Nothing to spend yet" in text_of(city, "charlie", f"/organisations/{city.outsider.key}/wallet")


class TestBoard:
    def test_pots_trial_balance_and_verification(self, dealt: City) -> None:
        seal(actor=PLATFORM, now=dealt.deal.now)
        page = text_of(dealt, "olive", "/ledger")
        assert "adds up" in page
        assert "does not add up" not in page
        assert Seal.objects.get().sha256 in page
        assert 'href="/trace/xunli:2026"' in page
        assert signed_in(dealt.ann).get("/ledger?export=csv").content.decode("utf-8-sig").startswith("unit,account")

    def test_a_worker_verifies(self, dealt: City) -> None:
        ann, state = signed_in(dealt.ann), "/ledger/verification"
        assert "Not verified yet." in text_of(dealt, "ann", state)
        assert ann.post("/ledger/verify").headers["Location"] == "/ledger#verification"
        assert ann.post("/ledger/verify").status_code == 302
        assert "Waiting for a worker since" in text_of(dealt, "olive", "/ledger")
        assert 'hx-trigger="every 2s"' in text_of(dealt, "ann", state)
        taken = queue.claim("worker", timezone.now())
        assert taken is not None
        assert "Being verified" in text_of(dealt, "ann", state)
        assert ann.get("/api/ledger/verification").json()["is_running"] is True
        assert queue.run(taken, timezone.now) == queue.SUCCESSFUL
        assert queue.claim("worker", timezone.now()) is None  # asked for twice, done once
        page = text_of(dealt, "olive", "/ledger")
        assert "Whole: balances and holds" in page
        assert "Last verified at" in page
        assert "hx-trigger" not in text_of(dealt, "ann", state)

    def test_what_it_found_is_said_in_both_languages(self, dealt: City) -> None:
        with connection.cursor() as cursor:
            trigger = "siwei_seal_update" + (" ON exchange_seal" if connection.vendor == "postgresql" else "")
            cursor.execute(f"DROP TRIGGER {trigger}")
        told = signed_in(dealt.olive).post("/api/ledger/verification").json()
        assert (told["result"], told["is_running"], told["reason"]) == (None, False, "")
        assert told["asked_at"]
        taken = queue.claim("worker", timezone.now())
        assert taken is not None
        queue.run(taken, timezone.now)
        told = signed_in(dealt.ann).get("/api/ledger/verification").json()
        assert told["result"]["is_whole"] is False
        assert [finding["what_zh"] for finding in told["result"]["findings"]] == ["触发器不在，或与安装时不同"]
        assert "guard siwei_seal_update</b> the trigger is not there" in text_of(dealt, "ann", "/ledger")
        chinese = signed_in(dealt.ann).get("/ledger", headers={"Accept-Language": "zh-hans"}).content.decode()
        assert "触发器 siwei_seal_update</b> 触发器不在" in chinese

    @pytest.mark.parametrize("who", ["alice", "bob", "charlie"])
    def test_nobody_else_asks_for_it(self, dealt: City, who: str) -> None:
        client = signed_in(getattr(dealt, who))
        assert client.post("/ledger/verify").status_code in (403, 404)
        assert client.post("/api/ledger/verification").status_code in (403, 404)
        assert Client().post("/ledger/verify").headers["Location"].startswith("/accounts/login")
        assert queue.claim("worker", timezone.now()) is None

    def test_heads_are_anybodys(self, dealt: City, client) -> None:
        seal(actor=PLATFORM, now=dealt.deal.now)
        told = b"".join(client.get("/ledger/block-heads.jsonl").streaming_content)
        assert json.loads(told)["sha256"] == Seal.objects.get().sha256
        assert client.get("/api/ledger/heads").json()[0]["sha256"] == Seal.objects.get().sha256
        assert client.get("/api/ledger/heads?after=1").json() == []


class TestTrace:
    def test_from_the_pot_to_the_job_and_back(self, dealt: City) -> None:
        page = text_of(dealt, "olive", "/trace/xunli:2026")
        assert 'href="/jobs/job"' in page
        assert "adds up" in page
        back = text_of(dealt, "alice", "/trace/job")
        assert 'href="/trace/xunli:2026"' in back
        paid = dealt.deal.settle()
        told = re.findall(r'data-label="Paid this way">¥([\d,]+)\.(\d\d)<', back)
        assert sum(int(yuan.replace(",", "")) * 100 + int(rest) for yuan, rest in told) == paid.gross_fen

    def test_by_the_api(self, dealt: City) -> None:
        told = signed_in(dealt.olive).get("/api/ledger/trace?subject=xunli:2026").json()
        assert (told["money"]["adds_up"], told["fen"], told["rows"][0]["job"]) == (
            True, told["money"]["captured"], "job",
        )  # fmt: skip
        assert signed_in(dealt.alice).get("/api/ledger/trace?subject=xunli:2026").json()["money"] is None
        assert signed_in(dealt.charlie).get("/api/ledger/trace?subject=xunli:2026").json()["rows"] == []
        statement = signed_in(dealt.alice).get("/api/ledger/statement?account=CNY:voucher:voucher").json()
        assert [entry["kind"] for entry in statement["entries"]] == ["post", "hold", "capture", "release"]
        assert statement["closing"]["balance"] == statement["entries"][-1]["balance"]
        boards = signed_in(dealt.ann).get("/api/ledger/pots").json()
        assert [each["programme"] for each in boards] == ["xunli"]
        units = signed_in(dealt.ann).get("/api/ledger/trial-balance").json()["units"]
        assert all(unit["balance"] == 0 for unit in units)
