"""繁體 is derived from 简体 in what people read, and nowhere else."""

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from portal_city import City, signed_in

from siwei.portal.languages import HUMAN_ATTRIBUTES, PARTS, chinese_marked, traditional_html


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>产业链</p>", "<p>產業鏈</p>"),
        ('<a href="/机构?q=产业" title="产业">产业</a>', '<a href="/机构?q=产业" title="產業">產業</a>'),
        (
            '<input value="产业" placeholder="产业" aria-label="产业">',
            '<input value="产业" placeholder="產業" aria-label="產業">',
        ),
        ("<script>var a = '产业' < 1;</script>产", "<script>var a = '产业' < 1;</script>產"),
        (
            "<textarea>产业</textarea><pre>产业</pre><code>产业</code>",
            "<textarea>产业</textarea><pre>产业</pre><code>产业</code>",
        ),
        ('<b lang="zh" translate="no" title="产">产业</b>业', '<b lang="zh" translate="no" title="产">产业</b>業'),
        (
            '<textarea name="业" aria-label="产">业</textarea><pre title="产">业</pre>',
            '<textarea name="业" aria-label="產">业</textarea><pre title="產">业</pre>',
        ),
        ("<!-- 产业 <p>产业</p> -->产", "<!-- 产业 <p>产业</p> -->產"),
        ('<p title="产 > 业" data-id="产">产</p>', '<p title="產 > 業" data-id="产">產</p>'),
    ],
)
def test_only_human_text_is_converted(html: str, expected: str) -> None:
    assert traditional_html(html) == expected


@given(st.text(alphabet="<>\"'/= 产业pre-!a", max_size=60))
def test_tags_stay_as_they_are(html: str) -> None:
    """Whatever the markup, only text and human attributes change: the skeleton of tags is the same."""

    def skeleton(text: str) -> list[str]:
        return [HUMAN_ATTRIBUTES.sub(r"\1", match.group(0)) for match in PARTS.finditer(text)]

    assert skeleton(traditional_html(html)) == skeleton(html)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "html_language", "word"),
    [("zh-hans", "zh-Hans", "产业链图谱"), ("zh-hant", "zh-Hant", "產業鏈圖譜"), ("en", "en", "Chain map")],
)
def test_each_language_has_its_page(client: Client, city: City, language: str, html_language: str, word: str) -> None:
    client.cookies["siwei_language"] = language
    response = client.get("/chain")
    text = response.content.decode()
    assert (f'<html lang="{html_language}">' in text, f"<h1>{word}</h1>" in text) == (True, True)


@pytest.mark.django_db
def test_the_switch_keeps_the_language_in_a_cookie(client: Client, city: City) -> None:
    response = client.post("/languages/setlang/", {"language": "zh-hant", "next": "/chain"})
    assert (response.status_code, response.headers["Location"], response.cookies["siwei_language"].value) == (
        302,
        "/chain",
        "zh-hant",
    )


@pytest.mark.django_db
def test_the_switch_goes_nowhere_else(client: Client, city: City) -> None:
    response = client.post("/languages/setlang/", {"language": "en", "next": "https://elsewhere.example/"})
    assert response.headers["Location"] == "/"


@pytest.mark.django_db
def test_form_values_come_back_unchanged_in_traditional(city: City) -> None:
    client = signed_in(city.olive)
    client.cookies["siwei_language"] = "zh-hant"
    assert 'value="产业"' in client.get("/organisations", {"q": "产业"}).content.decode()


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="/x">甲公司</a>', '<a lang="zh" href="/x">甲公司</a>'),
        ("<td>Paid to 甲公司 today</td>", '<td>Paid to <span lang="zh">甲公司</span> today</td>'),
        ("<td>甲公司 · 1</td>", '<td><span lang="zh">甲公司</span> · 1</td>'),
        ("<td>深圳A100集群。 x</td>", '<td><span lang="zh">深圳A100集群。</span> x</td>'),
        ("<option>甲 (a)</option>", "<option>甲 (a)</option>"),
        ("<option>甲</option>", '<option lang="zh">甲</option>'),
        ("<title>四维 · City</title>", "<title>四维 · City</title>"),
        ("<title>\n四维\n</title>", '<title lang="zh">\n四维\n</title>'),
        ("<td>by 「甲」 (b)</td>", '<td>by <span lang="zh">「甲」</span> (b)</td>'),
        ("<td>《办法》（试行） x</td>", '<td><span lang="zh">《办法》（试行）</span> x</td>'),
        ("<td>x 甲（ABC） 1</td>", '<td>x <span lang="zh">甲（ABC）</span> 1</td>'),
        ("<td>x （A甲B）。 1</td>", '<td>x <span lang="zh">（A甲B）。</span> 1</td>'),
        ("<td>（ABC） 甲（ b）</td>", '<td>（ABC） <span lang="zh">甲</span>（ b）</td>'),
        ("<td>「甲」</td>", '<td lang="zh">「甲」</td>'),
        ('<b lang="zh-Hant">甲</b>', '<b lang="zh-Hant">甲</b>'),
        ('<b translate="no">甲</b>乙', '<b translate="no">甲</b><span lang="zh">乙</span>'),
        ('<p><b translate="no">甲</b>乙</p>', '<p><b translate="no">甲</b><span lang="zh">乙</span></p>'),
        ("<p>A<br>甲</p>", '<p>A<br><span lang="zh">甲</span></p>'),
        ("<br>甲<br>", '<br><span lang="zh">甲</span><br>'),
        ('<input value="甲">', '<input value="甲">'),
        ("<script>'甲'</script><textarea>甲</textarea>", "<script>'甲'</script><textarea>甲</textarea>"),
        ("<p>&lt;script&gt;甲&lt;/script&gt;</p>", '<p>&lt;script&gt;<span lang="zh">甲</span>&lt;/script&gt;</p>'),
        ('<p title="a > 甲">甲</p>', '<p lang="zh" title="a > 甲">甲</p>'),
        ("<p>Nothing here</p>", "<p>Nothing here</p>"),
    ],
)
def test_chinese_on_an_english_page_is_marked(html: str, expected: str) -> None:
    assert chinese_marked(html) == expected


@given(st.text(alphabet="<>\"'/= 产业pre-!a&;", max_size=60))
def test_marking_adds_marks_alone(html: str) -> None:
    marked = chinese_marked(html)
    assert marked.replace('<span lang="zh">', "").replace("</span>", "").replace(' lang="zh"', "") == html.replace(
        "</span>", ""
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("language", "marks"), [("en", True), ("zh-hans", False), ("zh-hant", False)])
def test_a_firms_name_is_chinese_on_its_english_page_alone(
    client: Client, city: City, language: str, marks: bool
) -> None:
    client.cookies["siwei_language"] = language
    text = client.get(f"/organisations/{city.firm.key}").content.decode()
    assert ('lang="zh">深圳市甲视觉科技有限公司' in text) == marks
