// timeline: one repetition second by second: panels of one measure each over
// a common time, what the engine did in lanes below, warm-up shaded.
const timeline = (() => {
  const panel = 84; // height of a panel, and the gap with the name of the next
  const gap = 30;
  const lane = 15;

  const lanesHeight = (spec) => spec.lanes.length * lane;
  const height = (spec) => spec.panels.length * (panel + gap) + (spec.lanes.length ? lanesHeight(spec) - 4 : -8) + 48;

  // shade marks what was not measured, and stalls over the full height.
  function shade(spec, p, first) {
    const areas = spec.spans.filter((s) => !s.measured).map((s) => [
      { xAxis: s.from, itemStyle: { color: p.soft }, label: { show: first, formatter: s.name, position: "insideTopLeft", color: p.dim, fontSize: 10 } }, { xAxis: s.to },
    ]);
    for (const l of spec.lanes) {
      if (l.name !== "stall") continue;
      for (const e of l.events) areas.push([{ xAxis: e.from, itemStyle: { color: p.bad, opacity: 0.18 }, label: { show: false } }, { xAxis: Math.max(e.to, e.from + 0.02) }]);
    }
    return { silent: true, animation: false, data: areas };
  }

  function lanes(spec, p, index) {
    return {
      type: "custom", xAxisIndex: index, yAxisIndex: index, clip: true, encode: { x: [0, 1], y: 2 }, tooltip: {
        trigger: "item", formatter: ({ data }) => kinds.sheet(data.e.title, [
          kinds.row("from", data.e.from.toFixed(2) + "\u202fs"), kinds.row("lasted", format.value((data.e.to - data.e.from) * 1e9, "ns")),
          ...(data.e.count > 1 ? [kinds.row("merged", data.e.count + " events")] : []), ...(data.e.text ? [kinds.row("", format.text(data.e.text))] : []),
        ]),
      },
      data: spec.lanes.flatMap((l, i) => l.events.map((e) => ({ value: [e.from, e.to, i], e: Object.assign({ title: l.name }, e) }))),
      renderItem(params, api) {
        const [x1, y] = api.coord([api.value(0), api.value(2)]);
        const x2 = api.coord([api.value(1), api.value(2)])[0];
        const name = spec.lanes[api.value(2)].name;
        const ink = name === "stall" ? p.bad : kinds.work(p, name);
        const rect = echarts.graphic.clipRectByRect({ x: x1, y: y - 4.5, width: Math.max(x2 - x1, 1.5), height: 9 }, params.coordSys);
        return rect && { type: "rect", shape: rect, style: { fill: ink } };
      },
    };
  }

  // binary ends an axis of bytes, and divides it, at round binary sizes.
  function binary(max) {
    let step = 1;
    while (max / step > 3) step = nextStep(step);
    return { interval: step, max: step * Math.max(1, Math.ceil(max / step)) };
  }

  // nextStep follows 1 2 5 10 20 50 100 200 500 1024 of each unit.
  function nextStep(step) {
    const unit = 1024 ** Math.floor(Math.log(step) / Math.log(1024) + 1e-9);
    for (const n of [1, 2, 5, 10, 20, 50, 100, 200, 500, 1024]) if (n * unit > step * 1.001) return n * unit;
    return step * 2;
  }

  function option(spec, p, width) {
    const left = width < 480 ? 76 : 86;
    const grids = [], xs = [], ys = [], series = [], titles = [];
    const from = spec.spans.length ? Math.min(...spec.spans.map((s) => s.from)) : Math.min(...spec.t);
    const to = Math.max(...spec.t, ...spec.spans.map((s) => s.to));
    let top = gap - 8;
    const all = spec.panels.length + (spec.lanes.length ? 1 : 0);
    const time = (i) => {
      const a = kinds.axis({ name: "", unit: "s", min: from, max: to }, p, false);
      const last = i === all - 1;
      Object.assign(a, { gridIndex: i, splitLine: { show: false }, name: last ? "seconds of the measured phase" : "" });
      a.axisLabel.show = last;
      a.axisLabel.showMinLabel = Number.isInteger(from);
      a.axisLabel.showMaxLabel = false;
      a.axisTick.show = last;
      a.axisPointer = { show: true, type: "line", triggerTooltip: true, lineStyle: { color: p.rule, width: 1 }, label: { show: false } };
      return a;
    };
    spec.panels.forEach((m, i) => {
      grids.push({ left, right: 12, top, height: panel, outerBoundsMode: "none" });
      titles.push({ type: "text", left: 0, top: top - 18, silent: true, style: { text: m.name, fill: p.dim, font: "11px " + p.font } });
      xs.push(time(i));
      const y = kinds.axis({ name: "", unit: m.unit, log: m.log }, p, true);
      Object.assign(y, { gridIndex: i, splitNumber: 2, min: m.log ? undefined : 0 });
      if (m.unit.startsWith("bytes")) Object.assign(y, binary(Math.max(...m.values.filter(kinds.known))));
      ys.push(y);
      series.push({
        type: "line", name: m.name, xAxisIndex: i, yAxisIndex: i, color: kinds.colour(p, spec.c), showSymbol: spec.t.length <= 12, symbol: "circle", symbolSize: 4,
        lineStyle: { width: 1.5 }, data: spec.t.map((t, k) => [t, kinds.known(m.values[k]) ? m.values[k] : "-"]), markArea: shade(spec, p, i === 0),
      });
      top += panel + gap;
    });
    if (spec.lanes.length) {
      const i = spec.panels.length;
      grids.push({ left, right: 12, top: top - 12, height: lanesHeight(spec), outerBoundsMode: "none" });
      xs.push(time(i));
      ys.push(kinds.category(spec.lanes.map((l) => l.name), p, { gridIndex: i, inverse: true, axisLabel: { color: p.dim, fontSize: 11, interval: 0, width: left - 10, overflow: "truncate" } }));
      series.push(lanes(spec, p, i));
    }
    return {
      grid: grids, xAxis: xs, yAxis: ys, series, graphic: titles, axisPointer: { link: [{ xAxisIndex: "all" }] },
      tooltip: {
        trigger: "axis", ...kinds.box(p),
        formatter(items) {
          const list = (Array.isArray(items) ? items : [items]).filter((i) => i.seriesType === "line");
          if (!list.length) return "";
          const k = list[0].dataIndex;
          return kinds.sheet("second " + spec.t[k], spec.panels.map((m) => kinds.row(m.name, format.exact(m.values[k], m.unit))));
        },
      },
    };
  }

  return { height, option };
})();
