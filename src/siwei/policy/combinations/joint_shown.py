"""What a joint limit leaves of the awards of one organisation, its contracts and its projects, as it is shown: who
takes how much of it, in words and in figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from siwei.policy.explanation import yuan
from siwei.policy.programmes import Citation, Text
from siwei.policy.stacking import JointLimit

MOST_NAMED = 5
KIND_WORDS = {"organisation": Text("机构本身", "the organisation itself"), "claim": Text("合同", "contract"),
              "project": Text("项目", "project")}  # fmt: skip


def whose(kind: str, name: Text) -> Text:
    """A subject as it is told of; of the organisation itself without its name."""
    words = KIND_WORDS[kind]
    return words if kind == "organisation" else Text(f"{words.zh} {name.zh}", f"{words.en} {name.en}")


@dataclass(frozen=True, slots=True)
class JointAward:
    """One award. `alone_fen` is what the subject's own best combination keeps of it, `kept_fen` what the best of all
    together does; null where it cannot be told. `counted_fen` is what joint limits count of what is kept. `whose` and
    `title` are what the subject and the programme are called."""

    kind: str
    id: str
    whose: Text
    programme: str
    title: Text
    alone_fen: int | None
    kept_fen: int | None
    held_fen: int
    counted_fen: int | None


@dataclass(frozen=True, slots=True)
class JointShown:
    """A limit and all awards under it. `limit_fen` is null where it is not known. `counted_fen` is what the awards come
    to before the limit, `kept_fen` after it, null where it cannot be told, `held_fen` what is held of it already and
    `left_fen` what nobody takes. `not_told`: what is not counted, since it cannot be told."""

    id: str
    words: Text
    citation: Citation | None
    programmes: tuple[str, ...]
    limit_fen: int | None
    held_fen: int
    counted_fen: int
    kept_fen: int | None
    left_fen: int | None
    awards: tuple[JointAward, ...]
    sentence: Text

    @property
    def is_open(self) -> bool:
        """Whether it is not known what it leaves."""
        return self.limit_fen is None or self.kept_fen is None

    def of_others(self, kind: str, id: str) -> tuple[JointAward, ...]:
        """The awards of the organisation's other subjects, what takes most first."""
        others = [each for each in self.awards if (each.kind, each.id) != (kind, id)]
        return tuple(sorted(others, key=lambda each: -(each.counted_fen or 0)))


@dataclass(frozen=True, slots=True)
class Within:
    """The joint limits over one subject's awards, and the best of all together. `chosen`: its awards as its own rules
    leave them in that best, before joint limits; `earlier`: what is held and joint limits do not count; `untold`: the
    awards of which nothing can be told; `total_fen`: what all the organisation's subjects have of awards that bear on
    one another, null where one cannot be told."""

    kind: str
    id: str
    limits: tuple[JointLimit, ...]
    shown: Mapping[str, JointShown]
    chosen: Mapping[str, int]
    earlier: Mapping[str, int]
    untold: frozenset[str]
    total_fen: int | None
    taken: Mapping[str, int]

    def bearing(self, programmes: Sequence[str]) -> tuple[JointLimit, ...]:
        return tuple(each for each in self.limits if each.id in self.shown and {*each.programmes} & {*programmes})

    def counted(self, programme: str, kept_fen: int) -> int:
        return kept_fen - self.earlier.get(programme, 0) if kept_fen else 0

    def is_told(self, kept_fen: Mapping[str, int]) -> bool:
        """Whether nothing of a choice counts under a limit of which it is not known what it leaves."""
        doubted = (limit for limit in self.limits if self.shown[limit.id].is_open)
        return not any(self.counted(name, kept_fen.get(name, 0)) for limit in doubted for name in limit.programmes)

    def room(self, limit: JointLimit, programmes: Sequence[str]) -> int:
        """What the limit, of which that is known, leaves these awards of this subject beside all others."""
        shown = self.shown[limit.id]
        assert shown.limit_fen is not None
        assert shown.kept_fen is not None
        # Not looked for among all awards of the organisation: this is asked for every choice of every subject of it.
        mine = sum(self.taken.get(name, 0) for name in programmes if name in limit.programmes)
        return max(shown.limit_fen, shown.held_fen) - (shown.kept_fen - mine)


def shown_limit(
    limit: JointLimit, limit_fen: int | None, held_fen: int, counted_fen: int, kept_fen: int | None,
    awards: Sequence[JointAward],
) -> JointShown:  # fmt: skip
    mine = tuple(each for each in awards if each.programme in limit.programmes)
    left = None if limit_fen is None or kept_fen is None else max(limit_fen - kept_fen, 0)
    sentence = _sentence(limit, limit_fen, held_fen, counted_fen, kept_fen, mine)
    return JointShown(
        limit.id, limit.words, limit.citation, limit.programmes, limit_fen, held_fen, counted_fen, kept_fen, left, mine,
        sentence,
    )  # fmt: skip


def _sentence(
    limit: JointLimit, limit_fen: int | None, held_fen: int, counted_fen: int, kept_fen: int | None,
    awards: Sequence[JointAward],
) -> Text:  # fmt: skip
    zh, en = f"{limit.words.zh}：", f"{limit.words.en}: "
    if limit_fen is None:
        return Text(zh + "上限所需的事实未知，尚不能判定。", en + "a fact that the limit needs is not known yet.")
    zh, en = f"{zh}合计最多 {yuan(limit_fen)} 元", f"{en}at most {yuan(limit_fen)} CNY together"
    if kept_fen is None:
        return Text(
            f"{zh}；组合过多或另一上限未知，尚不能判定。",
            f"{en}; what it leaves cannot be told: too many choices, or another limit is not known.",
        )
    if held_fen:
        zh, en = f"{zh}，其中已持有 {yuan(held_fen)} 元", f"{en}, {yuan(held_fen)} CNY of it held already"
    if kept_fen < counted_fen:
        zh += f"；由 {yuan(counted_fen)} 元减为 {yuan(kept_fen)} 元"
        en += f"; cut from {yuan(counted_fen)} to {yuan(kept_fen)} CNY"
    left = max(limit_fen - kept_fen, 0)
    zh, en = (
        f"{zh}；已用 {yuan(kept_fen)} 元，尚余 {yuan(left)} 元",
        f"{en}; {yuan(kept_fen)} CNY taken, {yuan(left)} left",
    )
    if any(each.kept_fen is None for each in awards):
        open_ = sum(each.kept_fen is None for each in awards)
        zh, en = (
            f"{zh}；另有 {open_} 项尚不能判定，未计入",
            f"{en}; {open_} more cannot be told yet and are not counted",
        )
    return Text(zh + "。", en + ".")


def taken_by_others(shown: JointShown, kind: str, id: str) -> Text:
    """What the organisation's other subjects take of a limit, those that take most by name."""
    others = [each for each in shown.of_others(kind, id) if each.counted_fen]
    held_beside = shown.kept_fen is not None and shown.kept_fen - sum(each.counted_fen or 0 for each in shown.awards)
    total = sum(each.counted_fen or 0 for each in others) + (held_beside or 0)
    if not total:
        return Text("同一机构的其他扶持未占用此上限", "nothing else of the same organisation takes any of it")
    zh, en = [], []
    for each in others[:MOST_NAMED]:
        whose, title, fen = each.whose, each.title, yuan(each.counted_fen or 0)
        zh.append(f"{whose.zh}《{title.zh}》{fen} 元")
        en.append(f"{title.en} of {whose.en} {fen} CNY")
    if more := others[MOST_NAMED:]:
        fen = yuan(sum(each.counted_fen or 0 for each in more))
        zh.append(f"另 {len(more)} 项 {fen} 元")
        en.append(f"{len(more)} more {fen} CNY")
    if held_beside:
        zh.append(f"已持有、不再判定的 {yuan(held_beside)} 元")
        en.append(f"held of what is not decided any more {yuan(held_beside)} CNY")
    return Text(
        f"同一机构的其他扶持占用 {yuan(total)} 元（{'、'.join(zh)}）",
        f"the rest of the same organisation takes {yuan(total)} CNY ({', '.join(en)})",
    )
