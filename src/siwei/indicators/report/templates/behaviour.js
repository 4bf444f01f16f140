"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const chinese = document.documentElement.dataset.chinese;
  const language = () => (document.getElementById("show-en").checked ? "en" : "zh");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const shown = (value, scale) => (value / scale).toLocaleString(
    "en", scale === 1 ? {} : { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const words = (pair) => (language() === "en" ? pair.en : pair.zh);
  const escaped = (text) => { const holder = document.createElement("i"); holder.textContent = text; return holder.innerHTML; };

  function drawPlain(place, chart) {
    const most = Math.max(...chart.bars.map((bar) => bar.values.reduce((sum, value) => sum + value, 0)));
    place.replaceChildren(...chart.bars.flatMap((bar) => {
      const label = document.createElement("div");
      label.className = "plain-label";
      label.textContent = words(bar.label);
      const line = document.createElement("div");
      line.className = "plain-bar";
      bar.values.forEach((value, index) => {
        const part = document.createElement("i");
        part.style.width = `${most ? (100 * value) / most : 0}%`;
        part.style.background = `var(${chart.colours[index]})`;
        line.append(part);
      });
      return [label, line];
    }));
  }

  function drawWithLibrary(place, chart) {
    place.style.height = `${chart.bars.length * 34 + 40}px`;
    const drawing = echarts.getInstanceByDom(place) || echarts.init(place, null, { renderer: "svg" });
    const narrow = place.clientWidth < 480;
    drawing.setOption({
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colour("--ink") },
      grid: { left: 4, right: 24, top: 4, bottom: 4, containLabel: true },
      tooltip: {
        trigger: "item", confine: true, backgroundColor: colour("--page"), borderColor: colour("--line"),
        textStyle: { color: colour("--ink") },
        formatter: (item) => `${escaped(item.name)}<br>${escaped(item.seriesName)} <b>${shown(item.value, chart.scale)}</b>`,
      },
      xAxis: {
        type: "value", splitNumber: narrow ? 3 : 5, axisLabel: { color: colour("--soft"), hideOverlap: true,
          formatter: (value) => (value / chart.scale).toLocaleString("en") },
        splitLine: { lineStyle: { color: colour("--line") } },
      },
      yAxis: {
        type: "category", inverse: true, data: chart.bars.map((bar) => words(bar.label)), axisTick: { show: false },
        axisLine: { lineStyle: { color: colour("--line") } },
        axisLabel: { color: colour("--ink"), width: narrow ? 110 : 190, overflow: "break", fontSize: narrow ? 11 : 12 },
      },
      series: chart.series.map((name, index) => ({
        type: "bar", stack: "all", name: words(name), barMaxWidth: 18, cursor: "pointer",
        itemStyle: { color: colour(chart.colours[index]) },
        data: chart.bars.map((bar) => bar.values[index]),
      })),
    }, true);
    drawing.off("click");
    drawing.on("click", (item) => { location.hash = chart.bars[item.dataIndex].anchors[item.seriesIndex]; });
    drawing.resize();
    // With a view box the drawing shrinks with the paper when printed.
    const image = place.querySelector("svg");
    if (image) image.setAttribute("viewBox", `0 0 ${image.clientWidth} ${image.clientHeight}`);
  }

  function draw() {
    document.documentElement.lang = language() === "en" ? "en" : chinese;
    for (const chart of data.charts) {
      const place = document.querySelector(`[data-chart="${chart.id}"]`);
      if (place) (window.echarts ? drawWithLibrary : drawPlain)(place, chart);
    }
  }

  const tiles = new Map([...document.querySelectorAll(".tile")].map((tile) => [tile.dataset.segment, tile]));
  const map = document.querySelector(".map");
  const edges = document.querySelector(".edges");
  const centre = (tile) => {
    const frame = map.getBoundingClientRect();
    const circle = tile.querySelector("svg").getBoundingClientRect();
    return [circle.left + circle.width / 2 - frame.left, circle.top + circle.height / 2 - frame.top];
  };
  function connect(from, to, way) {
    const [x1, y1] = centre(from);
    const [x2, y2] = centre(to);
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("class", way);
    path.setAttribute("d", `M${x1} ${y1} Q${(x1 + x2) / 2 + (y2 - y1) / 8} ${(y1 + y2) / 2 - (x2 - x1) / 8} ${x2} ${y2}`);
    edges.append(path);
  }
  function clear() {
    edges.replaceChildren();
    for (const tile of tiles.values()) tile.classList.remove("up", "down");
  }
  function point(event) {
    const tile = event.target.closest(".tile");
    clear();
    if (!tile) return;
    for (const [supplier, customer] of data.supplies) {
      const other = supplier === tile.dataset.segment ? customer : customer === tile.dataset.segment ? supplier : null;
      if (other === null || !tiles.has(other)) continue;
      const way = other === customer ? "down" : "up";
      tiles.get(other).classList.add(way);
      connect(tile, tiles.get(other), way);
    }
  }
  map.addEventListener("mouseover", point);
  map.addEventListener("focusin", point);
  map.addEventListener("mouseleave", clear);
  map.addEventListener("focusout", clear);

  for (const choice of document.querySelectorAll("[name=language]")) choice.addEventListener("change", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let pending = 0;
  addEventListener("resize", () => { cancelAnimationFrame(pending); pending = requestAnimationFrame(draw); });
  addEventListener("beforeprint", draw);
  draw();
})();
