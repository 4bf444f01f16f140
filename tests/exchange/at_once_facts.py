"""Two at once at what is known: imports, merges undone, proofs and declarations. test_races.py runs this."""

import io
import json
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from at_once import at_once
from django.core.management import call_command
from django.db.models import Count
from exchange_cast import NOW, make_organisation, make_person

from siwei.city.attributes import load_attributes
from siwei.city.home import PACKS, resolve_pack
from siwei.city.pack import load_pack
from siwei.exchange.actors import PLATFORM
from siwei.exchange.facts.declared import Declaration, declare_facts
from siwei.exchange.facts.import_review import undo_merge
from siwei.exchange.facts.imports import import_firms
from siwei.exchange.facts.person_facts import declare_person_facts
from siwei.exchange.facts.person_files import attach_person_file
from siwei.exchange.facts.person_proofs import ask_for_proof, decide_proof, take_back_proof
from siwei.exchange.facts.proofs import prove_facts
from siwei.exchange.models import Fact, FactStatus, ImportFile, Merge, Organisation, PersonFact, PersonFile, PersonProof
from siwei.exchange.people.consents import PERSON_FACTS, PERSON_PROOF, give_consent, withdraw_consent

Told = dict[str, dict[str, Any]]
NAME, CODE = "深圳市并行智能科技有限公司", "Y1440300000000035B"
DAY = date(2026, 11, 1)


def imports(told: Told, folder: Path) -> None:
    pack = load_pack(PACKS / "shenzhen")
    rows = {"coded": f"name,code\n{NAME},{CODE}\n", "named": f"name\n{NAME}\n"}
    for name, text in rows.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")

    def run(name: str) -> Any:
        return import_firms([folder / f"{name}.csv"], actor=PLATFORM, now=NOW, pack=pack)

    told["two files of one firm"] = at_once(lambda: run("coded"), lambda: run("named"))
    told["two files of one firm"]["is"] = Organisation.objects.filter(name_normalised__contains="并行").count()
    many = "".join(f"深圳市第{number}智能科技有限公司\n" for number in ("一", "二"))
    (folder / "first.csv").write_text(f"name\n{many}", encoding="utf-8")
    (folder / "second.csv").write_text(
        f"name,district\n{many.replace(chr(10), ',nanshan' + chr(10))}", encoding="utf-8"
    )
    told["one file twice"] = at_once(lambda: run("first"), lambda: run("first"))
    told["one file twice"]["is"] = ImportFile.objects.filter(name="first.csv").count()
    run("second")

    def undo(row: int) -> Organisation:
        return undo_merge("second.csv", row, actor=PLATFORM, now=NOW)

    merged = list(Merge.objects.filter(file__name="second.csv").order_by("row").values_list("row", flat=True))
    told["two merges undone"] = at_once(lambda: undo(merged[0]), lambda: undo(merged[1]))
    told["two merges undone"]["counts"] = list(
        ImportFile.objects.filter(name="second.csv").values_list("read", "created", "merged").get()
    )


def words(told: Told) -> None:
    attributes = load_attributes(resolve_pack("shenzhen"))
    firm = make_organisation("n-firm", "甲")
    alice, olive = make_person("alice", firm).as_actor(), make_person("olive", is_operator=True).as_actor()
    given: dict[str, Any] = {"attributes": attributes, "valid_from": DAY, "now": NOW}

    def declare(people: str) -> Any:
        values = {"employees": Declaration(people, "社保清单")}
        return declare_facts("n-firm", values, actor=alice, idempotency_key=people, **given)

    def prove(people: str) -> Any:
        values = {"employees": Declaration(people, "社保清单")}
        return prove_facts(firm, values, FactStatus.VERIFIED, actor=olive, idempotency_key=people, **given)

    told["two declarations"] = at_once(lambda: declare("10"), lambda: declare("11"))
    told["two proofs"] = at_once(lambda: prove("10"), lambda: prove("11"))
    told["two proofs"]["again"] = [
        [fact.value for fact in act(each)] for act in (declare, prove) for each in ("10", "11")
    ]
    same = Fact.objects.values("organisation", "attribute", "source", "source_ref").annotate(n=Count("pk"))
    told["two proofs"]["alike"] = same.filter(n__gt=1).count()


def persons(told: Told) -> None:
    attributes = load_attributes(resolve_pack("shenzhen"))
    olive = make_person("otto", is_operator=True).as_actor()
    people = {name: make_person(name).as_actor() for name in ("ada", "ben", "cyn", "dee", "eve")}

    def ready(name: str) -> Any:
        for purpose in (PERSON_FACTS, PERSON_PROOF):
            give_consent(purpose, actor=people[name], now=NOW)
        values = {"person_income_tax": Declaration("300000", "完税证明")}
        given: dict[str, Any] = {
            "attributes": attributes,
            "valid_from": DAY,
            "now": NOW,
            "idempotency_key": f"{name}-d",
        }
        return declare_person_facts(values, actor=people[name], **given)

    def ask(name: str, key: str) -> PersonProof:
        return ask_for_proof("person_income_tax", actor=people[name], now=NOW, idempotency_key=f"{name}{key}")

    def decide(proof: PersonProof, outcome: str) -> PersonProof:
        return decide_proof(
            proof.pk, outcome, "税务局网站", today=DAY, actor=olive, now=NOW, idempotency_key=f"{proof.pk}{outcome}"
        )

    def attach(name: str, key: str) -> PersonFile:
        return attach_person_file(
            "person_income_tax",
            io.BytesIO(b"same"),
            "a.txt",
            actor=people[name],
            now=NOW,
            idempotency_key=f"{name}{key}",
        )

    def take_back(name: str) -> Any:
        return withdraw_consent(PERSON_FACTS, actor=people[name], now=NOW)

    for name in people:
        ready(name)
    told["asked twice"] = at_once(lambda: ask("ada", "1"), lambda: ask("ada", "2"))
    proof = PersonProof.objects.get(person__username="ada")
    told["decided twice"] = at_once(lambda: decide(proof, "verified"), lambda: decide(proof, "refused"))
    told["decided twice"]["facts"] = PersonFact.objects.filter(person__username="ada").count()
    waiting = ask("ben", "1")
    told["taken back, then decided"] = at_once(
        lambda: take_back_proof(waiting.pk, actor=people["ben"], now=NOW), lambda: decide(waiting, "verified")
    )
    other = ask("cyn", "1")
    told["decided, then erased"] = at_once(lambda: decide(other, "verified"), lambda: take_back("cyn"))
    told["erased, then a file"] = at_once(lambda: take_back("dee"), lambda: attach("dee", "1"))
    told["one file twice over"] = at_once(lambda: attach("eve", "1"), lambda: attach("eve", "2"))
    told["one file twice over"]["files"] = PersonFile.objects.count()
    told["decided, then erased"]["left"] = PersonFact.objects.filter(person__username__in=("cyn", "dee")).count()


def main() -> None:
    call_command("migrate", verbosity=0)
    told: Told = {}
    with tempfile.TemporaryDirectory() as folder:
        imports(told, Path(folder))
    words(told)
    persons(told)
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
