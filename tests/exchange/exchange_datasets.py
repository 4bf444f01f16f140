"""A dataset of the centre's, its description and files, and agreements on it, for tests that take it."""

import hashlib
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from exchange_deal import DAY

from siwei.exchange.models import Agreement, DatasetVersion, TermsAcceptance, Voucher
from siwei.exchange.trading import agreements, dataset_publication, datasets, listings
from siwei.exchange.trading.agreements import PartyTerms

OFFER = {
    "title": "质检影像", "modality": "image", "records": 3, "uses": ["training"], "has_personal_data": False,
    "price_fen_per_licence": 0,
}  # fmt: skip
NEED = {"title": "影像", "modality": "image", "use": "training", "licences": 2}
ROWS = "id,text\n1,焊点\n2,划痕\n".encode()
TERMS = "仅供训练；不得转让。"
CONTEXT = {
    "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/", "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/", "conformsTo": "dct:conformsTo", "citeAs": "cr:citeAs",
    "column": "cr:column", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "extract": "cr:extract", "field": "cr:field",
    "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject", "fileSet": "cr:fileSet", "format": "cr:format",
    "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath", "key": "cr:key",
    "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path", "recordSet": "cr:recordSet",
    "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace",
    "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
    "examples": {"@id": "cr:examples", "@type": "@json"},
}  # fmt: skip


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def described(content: bytes = ROWS, **changes: Any) -> dict[str, Any]:
    """A whole description of one CSV and of a file elsewhere, in Croissant 1.0."""
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "weld-images",
        "description": "焊点质检影像与标注",
        "license": "https://creativecommons.org/licenses/by/4.0/",
        "url": "https://data.example/weld",
        "version": "1.0.0",
        "creator": {"@type": "sc:Organization", "name": "乙算力中心"},
        "datePublished": "2026-11-01",
        "citeAs": "weld-images 1.0",
        "distribution": [
            {
                "@type": "cr:FileObject", "@id": "rows.csv", "name": "rows.csv", "contentUrl": "data/rows.csv",
                "encodingFormat": "text/csv", "sha256": sha256(content),
            },
            {
                "@type": "cr:FileObject", "@id": "images.zip", "name": "images.zip",
                "contentUrl": "https://data.example/images.zip", "encodingFormat": "application/zip",
                "sha256": "a" * 64, "contentSize": "1024 B",
            },
            {
                "@type": "cr:FileSet", "@id": "images", "name": "images", "containedIn": {"@id": "images.zip"},
                "encodingFormat": "image/png", "includes": "*.png",
            },
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet", "@id": "rows", "name": "rows",
                "field": [
                    {
                        "@type": "cr:Field", "@id": "rows/text", "name": "text", "dataType": "sc:Text",
                        "source": {"fileObject": {"@id": "rows.csv"}, "extract": {"column": "text"}},
                    }
                ],
            }
        ],
        **changes,
    }  # fmt: skip


class DatasetDeal:
    """The centre provides, the firm takes. Each step may be taken again under its own key."""

    def __init__(self, cast: Any, now: datetime, directory: Path) -> None:
        self.cast, self.now, self.directory = cast, now, directory
        self.files = directory / "given"

    def offer(self, **body: Any) -> Any:
        return self._listing("offer", self.cast.centre.key, OFFER | body, self.cast.bob, "data-offer")

    def publish(self, number: int = 1, terms: str = TERMS, content: bytes = ROWS, **changes: Any) -> DatasetVersion:
        self.files.mkdir(exist_ok=True)
        path = self.files / f"rows-{number}.csv"
        path.write_bytes(content)
        return dataset_publication.publish_dataset(
            "data-offer", metadata=json.dumps(described(content, **changes)).encode(), terms=terms,
            files={"data/rows.csv": path}, directory=self.directory / "datasets", actor=self.cast.bob, now=self.now,
            idempotency_key=f"weld-{number}",
        )  # fmt: skip

    def accept(self, version: DatasetVersion, who: str = "alice", **changes: Any) -> TermsAcceptance:
        given = {"terms_sha256": version.terms_sha256, "actor": getattr(self.cast, who), "now": self.now} | changes
        return datasets.accept_terms(version.dataset.key, version.number, self.cast.firm.key, **given)

    def have(self, version: DatasetVersion, who: str = "alice", **changes: Any) -> datasets.Handed:
        given = {"actor": getattr(self.cast, who), "now": self.now} | changes
        owner = given.pop("organisation", self.cast.firm.key)
        return datasets.hand_over(version.dataset.key, version.number, given.pop("file", 1), owner, **given)

    def signed(self, voucher: Voucher | None = None) -> Agreement:
        self._listing("need", self.cast.firm.key, NEED, self.cast.alice, "data-need")
        match = listings.match_need("data-need", as_of=DAY, actor=self.cast.alice, now=self.now, voucher=voucher)[0]
        agreements.propose_agreement(
            "dataset",
            [PartyTerms("consumer", self.cast.firm.key), PartyTerms("provider", self.cast.centre.key)],
            ends_at=self.now + timedelta(days=30), actor=self.cast.alice, now=self.now, idempotency_key="data-deal",
            match=match, voucher=voucher, as_of=DAY,
        )  # fmt: skip
        agreements.declare_budget(
            self.cast.firm.key, 10_000_000, actor=self.cast.alice, now=self.now, idempotency_key="data-budget"
        )
        for actor in (self.cast.alice, self.cast.bob):
            made = agreements.sign_agreement("data-deal", actor=actor, now=self.now, as_of=DAY)
        return made

    def _listing(self, side: str, organisation: str, body: dict[str, Any], actor: Any, key: str) -> Any:
        return listings.publish_listing(
            "dataset", side, organisation=organisation, title_zh="质检影像", title_en="Weld images", body=body,
            actor=actor, now=self.now, idempotency_key=key,
        )  # fmt: skip
