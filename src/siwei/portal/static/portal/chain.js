// The chain map: neighbours light up when a segment is pointed at; the edges are drawn on demand.
(() => {
  "use strict";
  const toggle = document.getElementById("chain-toggle");
  const bands = document.getElementById("chain-bands");
  const canvas = document.getElementById("chain-graph");
  if (!toggle || !bands || !canvas) return;
  const segments = [...bands.querySelectorAll("[data-segment]")];
  const bySegment = new Map(segments.map((element) => [element.dataset.segment, element]));
  let edges = null;
  let graph = null;

  const loadEdges = async () => {
    if (edges === null) {
      const answer = await fetch(toggle.dataset.source, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`edges: ${answer.status}`);
      edges = (await answer.json()).edges.filter((edge) => bySegment.has(edge.from) && bySegment.has(edge.to));
    }
    return edges;
  };

  // `uses` points from who uses to what is used; every other edge from supplier to customer.
  const flow = (edge) => (edge.type === "uses" ? [edge.to, edge.from] : [edge.from, edge.to]);

  const light = async (id) => {
    const found = await loadEdges();
    dim();
    for (const edge of found) {
      if (edge.type === "substitutes") continue;
      const [supplier, customer] = flow(edge);
      if (customer === id) bySegment.get(supplier).classList.add("is-upstream");
      if (supplier === id) bySegment.get(customer).classList.add("is-downstream");
    }
  };
  const dim = () => segments.forEach((element) => element.classList.remove("is-upstream", "is-downstream"));

  for (const element of segments) {
    const start = () => light(element.dataset.segment).catch(() => {});
    element.addEventListener("mouseenter", start);
    element.addEventListener("focus", start);
    element.addEventListener("mouseleave", dim);
    element.addEventListener("blur", dim);
  }

  const loadLibrary = () => new Promise((resolve, reject) => {
    if (window.cytoscape) { resolve(); return; }
    const script = document.createElement("script");
    script.src = toggle.dataset.library;
    script.onload = resolve;
    script.onerror = () => reject(new Error("cytoscape"));
    document.head.append(script);
  });

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const elementsOf = () => {
    const layers = ["application", "technology", "base"];
    const columns = 12;
    const nodes = [];
    let top = 0;
    for (const layer of layers) {
      const own = segments.filter((element) => element.closest("[data-layer]").dataset.layer === layer);
      own.forEach((element, index) => nodes.push({
        data: {
          id: element.dataset.segment, label: element.querySelector(".name").textContent, href: element.href,
          size: 10 + Number(element.dataset.size) * 0.3, layer, empty: element.dataset.firms === "0" ? 1 : 0,
        },
        position: { x: (index % columns) * 110, y: top + Math.floor(index / columns) * 78 },
      }));
      top += Math.ceil(own.length / columns) * 78 + 60;
    }
    const lines = edges.map((edge, index) => {
      const [source, target] = flow(edge);
      return { data: { id: `e${index}`, source, target, type: edge.type } };
    });
    return [...nodes, ...lines];
  };

  const draw = () => {
    const ink = colour("--ink");
    const bandColour = (node) => getComputedStyle(bands.querySelector(`[data-layer="${node.data("layer")}"]`)).getPropertyValue("--accent").trim();
    graph = window.cytoscape({
      container: canvas, elements: elementsOf(), layout: { name: "preset", padding: 24 },
      style: [
        { selector: "node", style: {
          label: "data(label)", width: "data(size)", height: "data(size)", "background-color": bandColour, color: ink,
          "font-size": 10, "text-valign": "bottom", "text-margin-y": 4, "text-wrap": "wrap", "text-max-width": 100,
          "font-family": getComputedStyle(document.body).fontFamily } },
        { selector: "node[empty = 1]", style: { "background-opacity": 0, "border-width": 1.5, "border-style": "dashed", "border-color": colour("--unknown") } },
        { selector: "edge", style: { width: 1, "line-color": colour("--line"), "target-arrow-color": colour("--line"), "target-arrow-shape": "triangle", "arrow-scale": 0.7, "curve-style": "bezier", opacity: 0.7 } },
        { selector: "edge[type = 'substitutes']", style: { "line-style": "dashed", "target-arrow-shape": "none" } },
        { selector: ".far", style: { opacity: 0.12 } },
        { selector: "edge.near", style: { width: 2, "line-color": colour("--link"), "target-arrow-color": colour("--link"), opacity: 1 } },
      ],
    });
    graph.on("mouseover", "node", (event) => {
      const near = event.target.closedNeighborhood();
      graph.elements().not(near).addClass("far");
      near.edges().addClass("near");
    });
    graph.on("mouseout", "node", () => graph.elements().removeClass("far near"));
    graph.on("tap", "node", (event) => { window.location.href = event.target.data("href"); });
  };

  toggle.hidden = false;
  toggle.addEventListener("click", async () => {
    const showing = !canvas.hidden;
    try {
      if (!showing) { await Promise.all([loadEdges(), loadLibrary()]); }
    } catch {
      toggle.replaceWith(Object.assign(document.createElement("span"), { textContent: toggle.dataset.failed }));
      return;
    }
    canvas.hidden = showing;
    bands.hidden = !showing;
    toggle.textContent = showing ? toggle.dataset.on : toggle.dataset.off;
    if (!showing && graph === null) draw();
    else if (!showing) graph.resize();
  });
})();
