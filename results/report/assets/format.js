// Numbers for people: three significant digits and an SI prefix.
const format = (() => {
  const unknown = "–";

  function significant(x) {
    if (x === 0) return "0";
    const size = Math.abs(Number(x.toPrecision(3)));
    if (size >= 1000) return Math.round(x).toLocaleString("en");
    const decimals = 2 - Math.floor(Math.log10(size));
    return x.toFixed(Math.min(Math.max(decimals, 0), 4));
  }

  // trim drops zeros that an axis need not show.
  const trim = (s) => (s.includes(".") ? s.replace(/0+$/, "").replace(/\.$/, "") : s);

  function scaled(x, step, units) {
    let i = 0;
    while (i < units.length - 1 && Math.abs(Number(x.toPrecision(3))) >= step) {
      x /= step;
      i++;
    }
    return [significant(x), units[i]];
  }

  const SI = ["", "k", "M", "G", "T"];

  // parts returns the digits and the unit of x.
  function parts(x, unit) {
    switch (unit) {
      case "ns": return scaled(x, 1000, ["ns", "µs", "ms", "s"]);
      case "bytes": return scaled(x, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
      case "bytes/s": return scaled(x, 1024, ["B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s"]);
      case "bytes/op": return scaled(x, 1024, ["B/op", "KiB/op", "MiB/op", "GiB/op"]);
      case "count/op": return [significant(x), "/op"];
      case "share": return [significant(100 * x), "%"];
      case "ratio": case "x": return [significant(x), "×"];
      case "s": return [significant(x), "s"];
      case "": case undefined: {
        const [digits, prefix] = Math.abs(x) < 1e5 ? [significant(x), ""] : scaled(x, 1000, SI);
        return [digits, prefix];
      }
      default: {
        const [digits, prefix] = scaled(x, 1000, SI);
        return [digits, prefix + unit];
      }
    }
  }

  function glue(digits, unit) {
    if (unit === "") return digits;
    return digits + (unit === "×" ? "" : "\u202f") + unit.replace(/^([kMGT])(?=[^iB])/, "$1\u202f");
  }

  function value(x, unit) {
    if (x === null || x === undefined || !Number.isFinite(x)) return unknown;
    return glue(...parts(x, unit));
  }

  // tick is value, shorter: the axis names the unit.
  function tick(x, unit) {
    if (!Number.isFinite(x)) return "";
    const [digits, u] = parts(x, unit);
    if (unit === "ops/s" || unit === "ops") return trim(digits) + (u.match(/^[kMGT]/) || [""])[0];
    return glue(trim(digits), u);
  }

  // exact is what a tooltip adds: all digits that mean something.
  function exact(x, unit) {
    const short = value(x, unit);
    if (x === null || x === undefined || !Number.isFinite(x)) return short;
    if (unit === "ns" && Math.abs(x) >= 1000) return short + " (" + Math.round(x).toLocaleString("en") + "\u202fns)";
    if (unit === "ops/s" && Math.abs(x) >= 1000) return short + " (" + Math.round(x).toLocaleString("en") + ")";
    return short;
  }

  // percentile writes 1/(1-p) as a percentile: 1000 is 99.9.
  function percentile(tail) {
    const decimals = Math.max(0, Math.ceil(Math.log10(tail) - 1e-9) - 2);
    return (100 * (1 - 1 / tail)).toFixed(decimals);
  }

  const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  const text = (s) => String(s).replace(/[&<>"']/g, (c) => entities[c]);

  return { value, tick, exact, percentile, text, unknown };
})();
