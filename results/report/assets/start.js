page.start();
charts.start();

// Under ?probe the page says how it fares: to tests that dump it, and to a
// page that holds it in a frame.
if (new URLSearchParams(location.search).has("probe")) {
  const root = document.documentElement;
  root.dataset.charts = String([...document.querySelectorAll(".chart")].filter((c) => c.querySelector("svg path, svg text")).length);
  root.dataset.ground = getComputedStyle(document.body).backgroundColor;
  root.dataset.width = String(innerWidth);
  root.dataset.overflow = String(root.scrollWidth - innerWidth);
  const wide = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, nav, svg"));
  root.dataset.wide = wide.slice(0, 5).map((e) => e.tagName + "." + e.className).join(" ");
  parent.postMessage({ probe: Object.assign({}, root.dataset), height: root.scrollHeight }, "*");
}
