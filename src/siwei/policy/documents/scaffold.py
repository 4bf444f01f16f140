"""A new programme to start from: every required field with what it is for, right as it stands, and a draft."""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from siwei.city.attributes import Attribute
from siwei.errors import Conflict, InputError, Problem, Said
from siwei.policy.files.file_words import of_file

IDENTIFIER = re.compile(r"[a-z][a-z0-9-]{0,62}")
TEMPLATE = """\
# {id}: started by `siwei policy new` on {day}; replace what says TODO. Every field: docs/reference/programme.md
id: {id}                      # the same as the file's name
version: "1"                  # of this file; a later version is {id}@2.yaml
state: draft                  # draft → rehearsed → in_force → ended; only what is in force releases money
title: {{zh: 待填写, en: TODO}}
kind: grant                   # grant, voucher, or tax_saving (a computed benefit, never added to money paid)
issuer: {{zh: 待填写, en: TODO}}
source:                       # where the rules are published
  document: TODO              # its title; add `number:` and `url:` where they are known, and invent none
  as_of: {day}           # the day on which somebody looked
  verified: false             # true once this file was compared with the published text
  note: {{zh: 尚未录入来源, en: The source has not been entered yet}}
period: {{}}                    # {{start: 2026-01-01, end: 2026-12-31}}: the days in force, both included
applies_to: organisation      # organisation, claim, project or person
parameters:                   # figures by date, read as p.<name>; without `citation:` the programme stays a draft
  amount:
    unit: fen                 # money is whole fen: 1000000 is 10,000 CNY
    words: {{zh: 金额 1 万元（待填写）, en: "Amount of 10,000 CNY (TODO)"}}
    values: [{{value: 1000000}}]
clauses:                      # all must hold; `siwei policy schema` lists the facts that may be read
  - id: first
    expr: {condition}
    words: {{zh: 待填写（示例条件）, en: TODO (an example)}}
    # citation: {{document: …, locator: …}}   # the article or page; without it the programme stays a draft
    requires: declared        # declared, documented or verified: the proof asked of every fact the clause reads
award:
  expr: p.amount              # in fen
  cap: p.amount               # the most it can be; leave out where there is none
  words: {{zh: 待填写, en: TODO}}
rounding: {{mode: down, to: fen}}
"""
CONDITIONS = {
    "int": "{name} > 0",
    "bool": "{name}",
    "string": "{name} != ''",
    "date": "{name} <= as_of",
}


def check_identifier(identifier: str) -> None:
    """Raises InputError where it cannot be a programme's id."""
    if not IDENTIFIER.fullmatch(identifier):
        message = Said(f"{identifier!r} cannot be an id", f"{identifier!r} 不能作为 id")
        fix = Said(
            "a small letter, then small letters, digits and hyphens, 63 at most",
            "以小写字母开头，其后为小写字母、数字和连字符，至多 63 个",
        )
        raise InputError([Problem(message, fix)])


def scaffold(identifier: str, attributes: Mapping[str, Attribute], day: date) -> str:
    """The text of a programme's file. Raises InputError where the id cannot be one, or the pack declares no fact of
    an organisation."""
    check_identifier(identifier)
    facts = [each for each in attributes.values() if each.subject == "organisation" and each.type in CONDITIONS]
    if not facts:
        message = Said("the pack declares no fact of an organisation", "政策包没有声明机构的任何事实")
        fix = Said("declare one in attributes.csv first", "请先在 attributes.csv 中声明一项")
        raise InputError([Problem(message, fix, "attributes.csv")])
    # A fact the applicant can change makes the better example.
    fact = next((each for each in facts if each.changeable and each.type == "int"), facts[0])
    return TEMPLATE.format(id=identifier, day=day, condition=CONDITIONS[fact.type].format(name=fact.id))


ATTRIBUTES = """\
id,subject,type,unit,name_zh,name_en,public,changeable,period,meaning_zh,meaning_en,source,as_of,verified
founded_on,organisation,date,,成立日期,Date founded,true,false,,营业执照载明的成立日期,Date of establishment on the business licence,,{day},false
district,organisation,string,,所在区,District,true,true,,注册地址所在行政区,District of the registered address,,{day},false
legal_form,organisation,string,,法律地位,Legal form,true,false,,如 firm、institute、university,"Such as firm, institute, university",,{day},false
employees,organisation,int,people,从业人员,Employees,false,true,,年末从业人员数,Persons employed at the end of the year,,{day},false
revenue,organisation,int,fen,营业收入,Revenue,false,true,year,上一会计年度营业收入,Revenue of the last financial year,,{day},false
"""  # noqa: E501  (a row of a table is a line)
"""The facts a pack starts with; their definitions are general, so none names a source."""


def start_pack(directory: Path, day: date) -> Path | None:
    """Write attributes.csv into a folder that is there and empty, and give its path; None for any other place."""
    if not directory.is_dir() or any(directory.iterdir()):
        return None
    path = directory / "attributes.csv"
    try:
        path.write_text(ATTRIBUTES.format(day=day), encoding="utf-8")
    except OSError as error:
        path.unlink(missing_ok=True)
        raise InputError([Problem(*of_file("unwritten", why=error.strerror or error), str(path))]) from None
    return path


def write_scaffold(directory: Path, identifier: str, attributes: Mapping[str, Attribute], day: date) -> Path:
    """Write `<id>.yaml`, whole or not at all; raises Conflict where it exists, InputError as `scaffold` does and where
    it cannot be written."""
    text = scaffold(identifier, attributes, day)
    path = directory / f"{identifier}.yaml"
    begun = False
    try:
        directory.mkdir(exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            begun = True
            file.write(text)
    except OSError as error:
        if begun:
            path.unlink()
        elif path.exists() or path.is_symlink():
            raise Conflict(
                f"{path} exists already → choose another id, or write {identifier}@<version>.yaml",
                f"{path} 已存在 → 请另取 id，或写 {identifier}@<version>.yaml",
            ) from None
        raise InputError([Problem(*of_file("unwritten", why=error.strerror or error), str(path))]) from None
    return path
