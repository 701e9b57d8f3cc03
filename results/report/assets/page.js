// The page around the charts: theme, navigation, copying.
const page = (() => {
  const root = document.documentElement;
  const listeners = [];

  // probe resolves a colour of the style sheet in the theme of the moment.
  function colour(name) {
    const probe = document.createElement("span");
    probe.style.color = "var(" + name + ")";
    probe.hidden = true;
    document.body.append(probe);
    const got = getComputedStyle(probe).color;
    probe.remove();
    return got;
  }

  function setTheme(theme) {
    if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
    for (const f of listeners) f();
  }

  function isDark() {
    if (root.dataset.theme) return root.dataset.theme === "dark";
    return matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function themeButton() {
    const button = document.querySelector("button.theme");
    if (!button) return;
    const label = () => { button.textContent = isDark() ? "Light theme" : "Dark theme"; };
    button.hidden = false;
    label();
    button.addEventListener("click", () => {
      const theme = isDark() ? "light" : "dark";
      try { localStorage.setItem("kvbench-theme", theme); } catch (e) { /* for this page only */ }
      setTheme(theme);
      label();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { label(); setTheme(root.dataset.theme); });
  }

  // follow marks the section in view in the navigation.
  function follow() {
    const links = new Map();
    for (const a of document.querySelectorAll("nav a")) links.set(a.hash.slice(1), a);
    const sections = [...document.querySelectorAll("main > section")].filter((s) => links.has(s.id));
    let current = null;
    let waiting = false;
    function mark() {
      waiting = false;
      let at = sections[0];
      for (const s of sections) if (s.getBoundingClientRect().top < innerHeight * 0.3) at = s;
      if (!at || at === current) return;
      if (current) links.get(current.id).removeAttribute("aria-current");
      current = at;
      const a = links.get(at.id);
      a.setAttribute("aria-current", "true");
      const bar = a.closest("nav");
      if (bar.scrollWidth > bar.clientWidth) bar.scrollLeft = a.offsetLeft - 20;
    }
    addEventListener("scroll", () => {
      if (!waiting) { waiting = true; requestAnimationFrame(mark); }
    }, { passive: true });
    mark();
  }

  function selectAll(node) {
    const range = document.createRange();
    range.selectNodeContents(node);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }

  // copyButtons: where the clipboard is denied, the text is selected instead.
  function copyButtons() {
    for (const box of document.querySelectorAll(".command")) {
      const code = box.querySelector("code");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(code.textContent);
          button.textContent = "Copied";
        } catch (e) {
          selectAll(code);
          button.textContent = "Selected";
        }
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
      });
      box.append(button);
    }
  }

  function start() {
    themeButton();
    follow();
    copyButtons();
  }

  return { start, colour, setTheme, onTheme: (f) => listeners.push(f), root };
})();
