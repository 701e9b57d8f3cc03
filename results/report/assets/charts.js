// Draws the figures: each when it comes into view, all before printing. A
// figure's data stand in the JSON block under its id.
const charts = (() => {
  const none = { series: [], parts: [], marks: [], rows: [], panels: [], spans: [], lanes: [] };
  const specs = JSON.parse(document.getElementById("charts").textContent).map((spec) => Object.assign({}, none, spec));
  const drawn = new Map(); // element: chart
  const printWidth = { wide: 670, narrow: 320 }; // CSS pixels on A4

  // palette holds the colours of the theme, looked up once a theme.
  let colours = null;
  function palette() {
    if (colours) return colours;
    const list = (prefix, n) => Array.from({ length: n }, (_, i) => page.colour("--" + prefix + i));
    colours = {
      engines: list("e", 8), parts: list("s", 8), heat: list("h", 2),
      good: page.colour("--goodbg"), bad: page.colour("--badbg"),
      fg: page.colour("--fg"), dim: page.colour("--dim"), line: page.colour("--line"),
      font, rule: page.colour("--rule"), bg: page.colour("--bg"), soft: page.colour("--soft"),
    };
    return colours;
  }

  const font = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif';

  function frame(p) {
    return {
      animation: false,
      textStyle: { fontFamily: font, color: p.fg },
      tooltip: {
        confine: true, backgroundColor: p.bg, borderColor: p.rule, borderWidth: 1, padding: [5, 9],
        textStyle: { color: p.fg, fontSize: 12, fontFamily: font }, transitionDuration: 0,
        extraCssText: "box-shadow:none;max-width:22rem;white-space:normal;",
      },
    };
  }

  function draw(box) {
    if (drawn.has(box)) return;
    box.style.height = kinds.height(specs[box.dataset.chart], box.clientWidth) + "px";
    drawn.set(box, echarts.init(box, null, { renderer: "svg" }));
    paint(box);
  }

  // paint draws anew, in the theme and at the width of the moment. One chart
  // that fails takes no other with it.
  function paint(box, width) {
    const spec = specs[box.dataset.chart];
    const chart = drawn.get(box);
    const w = width || box.clientWidth;
    const h = kinds.height(spec, w);
    box.style.height = h + "px";
    box.dataset.width = String(w);
    try {
      chart.resize({ width: w, height: h });
      const p = palette();
      chart.setOption(Object.assign(frame(p), kinds.option(spec, p, w)), true);
    } catch (e) {
      dispatchEvent(new ErrorEvent("error", { message: "chart " + box.dataset.chart + ": " + e }));
    }
  }

  function repaint() {
    colours = null;
    for (const box of drawn.keys()) paint(box);
  }

  const boxes = () => document.querySelectorAll(".chart[data-chart]");

  function print() {
    const theme = page.root.dataset.theme || "";
    page.root.dataset.printing = theme;
    page.setTheme("light");
    unfold();
    for (const box of boxes()) {
      draw(box);
      const wide = box.closest(".charts.wide") || !box.closest(".charts");
      paint(box, wide ? printWidth.wide : printWidth.narrow);
    }
  }

  // unfold opens what is folded, until afterPrint.
  let folded = [];
  function unfold() {
    folded = [...document.querySelectorAll("details.fold:not([open])")];
    for (const d of folded) d.open = true;
  }

  function afterPrint() {
    for (const d of folded) d.open = false;
    page.setTheme(page.root.dataset.printing || undefined);
    delete page.root.dataset.printing;
  }

  function start() {
    const all = new URLSearchParams(location.search).has("probe");
    const seen = new IntersectionObserver((entries) => {
      for (const e of entries) {
        if (!e.isIntersecting) continue;
        seen.unobserve(e.target);
        draw(e.target);
      }
    }, { rootMargin: "400px 0px" });
    const resized = new ResizeObserver((entries) => {
      if (page.root.dataset.printing !== undefined) return;
      for (const e of entries) {
        if (drawn.has(e.target) && Number(e.target.dataset.width) !== e.target.clientWidth) paint(e.target);
      }
    });
    if (all) unfold();
    for (const box of boxes()) {
      resized.observe(box);
      if (all) draw(box); else seen.observe(box);
    }
    page.onTheme(repaint);
    addEventListener("beforeprint", print);
    addEventListener("afterprint", afterPrint);
  }

  return { start };
})();
