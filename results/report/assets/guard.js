// Counts what should not happen, before anything can: errors, and requests
// that the policy refused. Tests read the attributes.
(function () {
  var root = document.documentElement;
  root.dataset.errors = "0";
  var query = new URLSearchParams(location.search);
  function tell() { // to the page that holds this one in a frame, if asked
    if (query.has("probe")) parent.postMessage({ probe: Object.assign({}, root.dataset) }, "*");
  }
  function note(text) {
    root.dataset.errors = String(Number(root.dataset.errors) + 1);
    root.dataset.lastError = String(text).slice(0, 300);
    tell();
  }
  addEventListener("error", function (e) { note(e.message || "resource"); }, true);
  addEventListener("unhandledrejection", function (e) { note(e.reason); });
  document.addEventListener("securitypolicyviolation", function (e) {
    note("policy: " + e.violatedDirective + " " + e.blockedURI);
  });
  // The theme is set before the first paint. A file opened from disk may be
  // denied storage.
  var theme = query.get("theme");
  try { theme = theme || localStorage.getItem("kvbench-theme"); } catch (e) { /* no storage */ }
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  root.classList.add("js");
  tell();
})();
