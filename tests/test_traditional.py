"""繁體: what OpenCC reads over the borders of words is put right, and what it reads rightly stays."""

import pytest

from siwei.traditional import traditional


@pytest.mark.parametrize(
    ("simplified", "written"),
    [
        ("用于已签协议；各方签齐之前；已签署", "用於已簽協議；各方簽齊之前；已簽署"),
        ("新抽签种子，电子标签，电子价签", "新抽籤種子，電子標籤，電子價籤"),
        ("2,140 家机构上链；产业链", "2,140 家機構上鏈；產業鏈"),
        ("请先发布需求；公开发布的规则；已发布", "請先發佈需求；公開發佈的規則；已發佈"),
        ("半导体制造设备、手机制造、由您制单、重新制作", "半導體製造設備、手機製造、由您製單、重新製作"),
        ("该机制造成浪费，机制作用有限，限制", "該機制造成浪費，機制作用有限，限制"),
        ("舆情系统、呼叫中心系统、联系方式", "輿情系統、呼叫中心系統、聯繫方式"),
        ("待核准，请校准", "待核准，請校準"),
        ("12 天后开始；赤湾天后宫", "12 天後開始；赤灣天后宮"),
        ("文件声明了文档类型；已明了", "文件聲明了文檔類型；已明瞭"),
        ("已销毁；冲正、冲回；衝突", "已銷毀；沖正、沖回；衝突"),
        ("Siwei 42 %", "Siwei 42 %"),
    ],
)
def test_words_of_the_platform_are_written_as_they_are_meant(simplified: str, written: str) -> None:
    assert traditional(simplified) == written
