// The kinds of figures: each turns a spec of the JSON block into options of
// the chart library. A spec names engines by their colour, c, everywhere.
const kinds = (() => {
  const shapes = ["circle", "rect", "triangle", "diamond", "emptyCircle", "emptyRect", "emptyTriangle", "emptyDiamond"];
  const dashes = ["solid", [6, 3], [2, 2], [9, 3, 2, 3], [12, 3], [1, 3], [6, 2, 2, 2, 2, 2], [3, 5]];
  const narrow = (width) => width < 480;

  const colour = (p, c) => p.engines[c % p.engines.length];
  // Beyond the colours, the same colour comes with another symbol and dash.
  const next = (c) => c + Math.floor(c / 8);
  const shape = (c) => shapes[next(c) % shapes.length];
  const dash = (c) => dashes[next(c) % dashes.length];
  // What bytes are written for, and what an engine does meanwhile, have one
  // colour each.
  const works = ["log", "flush", "compaction", "page", "checkpoint", "gc", "meta"];
  const work = (p, name) => p.parts[(works.indexOf(name) + 1) % p.parts.length];

  const known = (x) => x !== null && x !== undefined;

  // marker is the symbol of a colour for the chart library, whose own empty
  // symbols are white in either theme.
  function marker(p, c) {
    const name = shape(c);
    if (!name.startsWith("empty")) return { symbol: name, itemStyle: { color: colour(p, c) } };
    return { symbol: name.slice(5).toLowerCase(), itemStyle: { color: p.bg, borderColor: colour(p, c), borderWidth: 1.8 } };
  }

  // axis is the common part of an axis with numbers.
  function axis(a, p, vertical) {
    const out = {
      type: a.log ? "log" : "value", name: a.name, nameGap: vertical ? 10 : 26,
      nameLocation: vertical ? "end" : "middle",
      nameTextStyle: { color: p.dim, fontSize: 11, align: vertical ? "left" : "center", padding: vertical ? [0, 0, 2, -6] : 0 },
      axisLine: { show: !vertical, lineStyle: { color: p.rule } }, axisTick: { show: !vertical, lineStyle: { color: p.rule } },
      splitLine: { show: true, lineStyle: { color: p.line, width: 1 } }, minorSplitLine: { show: false },
      axisLabel: { color: p.dim, fontSize: 11, hideOverlap: true, formatter: (v) => format.tick(v, a.unit) },
    };
    if (!a.log) out.scale = Boolean(a.free);
    if (known(a.min)) out.min = a.min;
    if (known(a.max)) out.max = a.max;
    return out;
  }

  function category(names, p, more) {
    return Object.assign({
      type: "category", data: names, axisTick: { show: false }, axisLine: { show: false },
      axisLabel: { color: p.fg, fontSize: 12, interval: 0, overflow: "truncate", width: 150 }, splitLine: { show: false },
    }, more);
  }

  // The grid keeps room for its labels by itself.
  const grid = (more) => Object.assign({ left: 4, right: 18, top: 8, bottom: 30, outerBoundsMode: "same", outerBoundsContain: "axisLabel" }, more);

  const box = (p) => ({ confine: true, backgroundColor: p.bg, borderColor: p.rule, textStyle: { color: p.fg, fontSize: 12 } });

  function legend(spec, p) {
    if (!spec.legend) return { show: false };
    return {
      show: true, type: "scroll", top: 0, left: 0, padding: 0, itemGap: 16, itemWidth: 22, itemHeight: 9,
      textStyle: { color: p.fg, fontSize: 12 }, pageTextStyle: { color: p.dim }, pageIconColor: p.dim,
      pageIconInactiveColor: p.line, inactiveColor: p.rule,
    };
  }

  function mark(kind, x, y, r, fill, bg) {
    const empty = kind.startsWith("empty");
    const style = empty ? { fill: bg, stroke: fill, lineWidth: 1.8 } : { fill };
    const poly = (points) => ({ type: "polygon", shape: { points }, style });
    switch (kind.replace("empty", "").toLowerCase()) {
      case "rect": return { type: "rect", shape: { x: x - r * 0.9, y: y - r * 0.9, width: r * 1.8, height: r * 1.8 }, style };
      case "triangle": return poly([[x, y - r * 1.15], [x + r * 1.1, y + r * 0.8], [x - r * 1.1, y + r * 0.8]]);
      case "diamond": return poly([[x, y - r * 1.25], [x + r * 1.25, y], [x, y + r * 1.25], [x - r * 1.25, y]]);
      default: return { type: "circle", shape: { cx: x, cy: y, r }, style };
    }
  }

  const line = (x1, y1, x2, y2, stroke, width) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: { stroke, lineWidth: width } });

  function row(name, value) {
    return "<tr><td style='padding-right:1em'>" + format.text(name) + "</td><td style='text-align:right'>" + value + "</td></tr>";
  }
  const sheet = (title, rows) => "<b>" + format.text(title) + "</b><table style='min-width:0;font-size:12px;border:0'>" + rows.join("") + "</table>";

  // dots: groups of engines along one axis; the middle, its interval, and
  // each repetition, faint.
  const dots = {
    pitch: 17,
    height: (spec) => spec.groups.reduce((h, g) => h + 12 + dots.pitch * dots.lanes(spec), 46) + (spec.legend ? 24 : 0),
    lanes: (spec) => spec.series.length,
    option(spec, p) {
      const n = spec.series.length;
      const series = spec.series.map((s, lane) => ({
        type: "custom", name: s.name, color: colour(p, s.c), clip: false,
        encode: { x: [1, 2, 3], y: 0, tooltip: [] },
        data: s.points.map((q) => ({ value: [q.group, q.mid, known(q.low) ? q.low : q.mid, known(q.high) ? q.high : q.mid], q })),
        renderItem(params, api) {
          const q = s.points[params.dataIndex];
          const offset = (lane - (n - 1) / 2) * dots.pitch;
          const [x, y0] = api.coord([q.mid, q.group]);
          const y = y0 + offset;
          const ink = colour(p, s.c);
          const children = [{ type: "rect", shape: { x: params.coordSys.x, y: y - dots.pitch / 2, width: params.coordSys.width, height: dots.pitch }, style: { fill: "transparent" } }];
          for (const r of q.reps || []) {
            if (!known(r)) continue;
            children.push({ type: "circle", shape: { cx: api.coord([r, q.group])[0], cy: y, r: 2.6 }, style: { fill: ink, opacity: 0.3 } });
          }
          if (known(q.low) && known(q.high)) {
            const a = api.coord([q.low, q.group])[0];
            const b = api.coord([q.high, q.group])[0];
            children.push(line(a, y, b, y, ink, 1.6), line(a, y - 3.5, a, y + 3.5, ink, 1.6), line(b, y - 3.5, b, y + 3.5, ink, 1.6));
          }
          children.push(mark(shape(s.c), x, y, 4.2, ink, p.bg));
          return { type: "group", children };
        },
        tooltip: {
          formatter: ({ data: { q } }) => sheet(s.name + " · " + spec.groups[q.group], [
            row("median", format.exact(q.mid, spec.x.unit)),
            ...(known(q.low) ? [row("interval", format.value(q.low, spec.x.unit) + " – " + format.value(q.high, spec.x.unit))] : []),
            row("repetitions", (q.reps || []).filter(known).map((r) => format.value(r, spec.x.unit)).join(", ") || format.unknown),
          ]),
        },
      }));
      return {
        legend: Object.assign(legend(spec, p), { itemWidth: 10, data: spec.series.map((s) => { const m = marker(p, s.c); return { name: s.name, icon: m.symbol, itemStyle: m.itemStyle }; }) }), series,
        tooltip: { trigger: "item", ...box(p) },
        grid: grid({ top: spec.legend ? 28 : 6 }),
        xAxis: axis(spec.x, p, false),
        yAxis: category(spec.groups, p, { inverse: true, splitLine: { show: true, lineStyle: { color: p.line } }, splitArea: { show: false } }),
      };
    },
  };

  // whiskers draws the intervals of a curve's points.
  function whiskers(s, p, categories) {
    const at = (q) => (categories ? categories.indexOf(q[0]) : q[0]);
    const some = s.points.filter((q) => known(q[2]) && known(q[3]) && known(q[1]));
    if (!some.length) return [];
    return [{
      type: "custom", name: s.name, color: colour(p, s.c), silent: true, tooltip: { show: false }, z: 1,
      encode: { x: 0, y: [1, 2] }, data: some.map((q) => [at(q), q[2], q[3]]),
      renderItem(params, api) {
        const [x, low] = api.coord([api.value(0), api.value(1)]);
        const high = api.coord([api.value(0), api.value(2)])[1];
        const ink = colour(p, s.c);
        return { type: "group", children: [line(x, low, x, high, ink, 1.2), line(x - 3, low, x + 3, low, ink, 1.2), line(x - 3, high, x + 3, high, ink, 1.2)] };
      },
    }];
  }

  // point is one of a curve: hollow and red where it is unfit, as a rate that
  // did not meet its objective is.
  function point(q, s, p) {
    const value = q.map((v) => (v === null ? "-" : v));
    if (!q[5]) return value;
    return { value, symbol: "circle", symbolSize: 9, itemStyle: { color: p.bg, borderColor: p.bad, borderWidth: 2 } };
  }

  // curves: lines, with whiskers where there are intervals. A tail axis has
  // 1/(1-p), labelled with the percentiles.
  const curves = {
    height: (spec, width) => (narrow(width) ? 250 : spec.high ? 340 : 280) + (spec.legend ? 20 : 0),
    option(spec, p, width) {
      const categories = spec.x.names && spec.x.names.length ? spec.x.names : null;
      const x = categories ? category(categories, p, {
        name: spec.x.name, nameLocation: "middle", nameGap: 26, nameTextStyle: { color: p.dim, fontSize: 11 },
        axisLine: { show: true, lineStyle: { color: p.rule } }, axisLabel: { color: p.dim, fontSize: 11, hideOverlap: true }, boundaryGap: true,
      }) : axis(spec.x, p, false);
      if (spec.tail) {
        x.axisLabel.formatter = (v) => format.percentile(v);
        x.axisLabel.fontSize = narrow(width) ? 10 : 11;
      }
      const name = (v) => (spec.tail ? "p" + format.percentile(v) : categories ? v : format.value(Number(v), spec.x.unit));
      return {
        legend: Object.assign(legend(spec, p), spec.scatter ? { itemWidth: 10 } : {}), xAxis: x, yAxis: axis(spec.y, p, true),
        grid: grid({ top: (spec.legend ? 26 : 0) + 28, right: spec.tail ? 34 : 22 }),
        tooltip: {
          trigger: spec.tail || spec.loose ? "item" : "axis", ...box(p),
          axisPointer: { type: "line", lineStyle: { color: p.rule, width: 1 }, label: { show: false } },
          formatter(items) {
            const list = (Array.isArray(items) ? items : [items]).filter((i) => i.seriesType !== "custom");
            if (!list.length) return "";
            return sheet(name(list[0].value[0]), list.map((i) => {
              const q = i.value;
              const interval = known(q[2]) && known(q[3]) ? " [" + format.value(q[2], spec.y.unit) + " – " + format.value(q[3], spec.y.unit) + "]" : "";
              const note = q[4] ? "<br>" + format.text(q[4]) : "";
              return row(i.seriesName, format.exact(q[1], spec.y.unit) + interval + note);
            }));
          },
        },
        series: spec.series.flatMap((s) => [{
          type: spec.scatter ? "scatter" : "line", name: s.name, color: colour(p, s.c), data: s.points.map((q) => point(q, s, p)),
          encode: { x: 0, y: 1 }, ...marker(p, s.c), symbolSize: spec.scatter ? 9 : 6, showSymbol: !spec.tail && s.points.length <= 40, connectNulls: false,
          lineStyle: { width: 1.8, color: colour(p, s.c), type: dash(s.d === undefined ? s.c : s.d) }, emphasis: { disabled: spec.series.length < 2, focus: "series" }, z: 3,
        }, ...whiskers(s, p, categories)]),
      };
    },
  };

  // bars: groups of upright bars over names.
  const bars = {
    height: curves.height,
    option(spec, p, width) {
      const names = spec.x.names;
      const out = curves.option(spec, p, width);
      out.series = spec.series.flatMap((s) => [{
        type: "bar", name: s.name, color: colour(p, s.c), barMaxWidth: 26, barGap: "15%",
        data: names.map((n) => { const q = s.points.find((r) => r[0] === n); return q && known(q[1]) ? { value: [n, q[1], q[2], q[3], q[4]] } : { value: [n, "-"] }; }),
        encode: { x: 0, y: 1 },
      }]);
      return out;
    },
  };

  // luminance of "rgb(r, g, b)", by the formula of WCAG.
  function luminance(rgb) {
    const [r, g, b] = rgb.match(/[\d.]+/g).slice(0, 3).map((v) => {
      const x = v / 255;
      return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  // readable picks the ink that stands out more from the ground.
  function readable(ground, inks) {
    const l = luminance(ground);
    const contrast = (ink) => {
      const k = luminance(ink);
      return (Math.max(l, k) + 0.05) / (Math.min(l, k) + 0.05);
    };
    return inks.reduce((a, b) => (contrast(b) > contrast(a) ? b : a));
  }

  // heat: one engine over two axes.
  const heat = {
    height: (spec) => 76 + 34 * spec.y.names.length,
    option(spec, p, width) {
      const data = [];
      spec.cells.forEach((cells, y) => cells.forEach((v, x) => data.push({ value: [x, y], v, text: spec.texts[y][x] })));
      const values = data.map((d) => d.v).filter(known);
      const low = Math.min(...values);
      const high = Math.max(...values);
      const ground = (v) => (known(v) ? echarts.color.lerp(high > low ? (v - low) / (high - low) : 0.5, p.heat) : p.soft);
      const roomy = width / spec.x.names.length > 56;
      const names = (a) => ({ name: a.name, nameTextStyle: { color: p.dim, fontSize: 11 }, axisLabel: { color: p.dim, fontSize: 11, hideOverlap: true } });
      return {
        grid: grid({ top: 24, right: 6 }),
        xAxis: category(spec.x.names, p, Object.assign(names(spec.x), { nameLocation: "middle", nameGap: 26 })),
        yAxis: category(spec.y.names, p, Object.assign(names(spec.y), { nameLocation: "end", nameTextStyle: { color: p.dim, fontSize: 11, align: "left", padding: [0, 0, 0, -6] } })),
        tooltip: Object.assign(box(p), {
          formatter: ({ data: d }) => sheet(spec.x.name + " " + spec.x.names[d.value[0]] + (spec.y.name ? ", " + spec.y.name : "") + " " + spec.y.names[d.value[1]],
            [row(spec.unit || "value", known(d.v) ? format.exact(d.v, spec.unit) : format.text(d.text))]),
        }),
        series: [{
          type: "custom", data, encode: { x: 0, y: 1 },
          renderItem(params, api) {
            const d = data[params.dataIndex];
            const [w, h] = api.size([1, 1]);
            const [x, y] = api.coord(d.value);
            const fill = ground(d.v);
            const children = [{ type: "rect", shape: { x: x - w / 2 + 1, y: y - h / 2 + 1, width: w - 2, height: h - 2 }, style: { fill } }];
            if (roomy) children.push({ type: "text", silent: true, style: { text: d.text, x, y, align: "center", verticalAlign: "middle", font: "11px " + p.font, fill: known(d.v) ? readable(fill, [p.fg, p.bg]) : p.dim } });
            return { type: "group", children };
          },
        }],
      };
    },
  };

  // stack: what was written a user byte, by what for; marks beside.
  const stack = {
    height: (spec) => 56 + 26 * spec.rows.length + 22,
    option(spec, p) {
      const names = spec.rows.map((r) => r.name);
      const parts = spec.parts.map((part, i) => ({
        type: "bar", stack: "bytes", name: part, color: work(p, part), barWidth: 12,
        itemStyle: { borderColor: p.bg, borderWidth: 0.5 }, data: spec.rows.map((r) => r.values[i]),
        markLine: i ? undefined : { silent: true, symbol: "none", animation: false, label: { show: false }, lineStyle: { color: p.fg, width: 1, type: [2, 3] }, data: [{ xAxis: 1 }] },
      }));
      const marks = spec.marks.map((m, i) => ({
        type: "scatter", name: m, color: p.fg, symbol: i === 0 ? "diamond" : "circle", symbolSize: i === 0 ? 9 : 7, z: 5 - i,
        itemStyle: i === 0 ? { color: p.bg, borderColor: p.fg, borderWidth: 1.5 } : {},
        data: spec.rows.map((r) => [r.marks[i] === null ? "-" : r.marks[i], r.name]),
      }));
      return {
        legend: Object.assign(legend({ legend: true }, p), {
          itemWidth: 12, data: [...spec.parts.map((name) => ({ name, icon: "rect" })), ...spec.marks.map((name, i) => (i ? { name } : { name, itemStyle: { color: p.bg, borderColor: p.fg, borderWidth: 1.5 } }))],
        }), grid: grid({ top: 28 }), xAxis: axis(spec.x, p, false),
        yAxis: category(names, p, { inverse: true }), series: [...parts, ...marks],
        tooltip: {
          trigger: "axis", axisPointer: { type: "none" }, ...box(p),
          formatter(items) {
            const r = spec.rows[items[0].dataIndex];
            return sheet(r.name, [
              ...spec.parts.map((part, i) => [part, r.values[i]]), ...spec.marks.map((m, i) => [m, r.marks[i]]),
            ].filter(([, v]) => known(v)).map(([k, v]) => row(k, format.value(v, spec.x.unit))));
          },
        },
      };
    },
  };

  function height(spec, width) {
    return of(spec).height(spec, width);
  }
  function option(spec, p, width) {
    return of(spec).option(spec, p, width);
  }
  const of = (spec) => ({ dots, curves, bars, heat, stack, time: timeline })[spec.kind];

  return { height, option, axis, category, colour, work, known, row, sheet, box };
})();
