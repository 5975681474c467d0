// Pictures that can be zoomed: each picture with data is drawn again by Plotly, in the page's colours.
"use strict";
(function () {
  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }
  function faded(hex) {
    return hex + "48";
  }
  function common(data) {
    const soft = colour("--soft"), line = colour("--line");
    return {
      margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: "zoom",
      font: { color: soft, size: 11 }, hovermode: "x unified", showlegend: false,
      hoverlabel: { bgcolor: colour("--panel"), font: { color: colour("--text") } },
      xaxis: { tickvals: (data.ticks || []).map((one) => one[0]), ticktext: (data.ticks || []).map((one) => one[1]), showticklabels: false, gridcolor: line, zeroline: false },
      yaxis: { ticklabelposition: "inside top", tickfont: { color: colour("--text") }, gridcolor: line, zeroline: false, rangemode: "tozero", ticksuffix: " " + data.unit, nticks: 4 },
    };
  }
  // Closed outlines of a band, one a stretch that was measured.
  function outline(low, high) {
    const x = [], y = [];
    for (let first = 0; first < high.length; first += 1) {
      if (high[first] === null) continue;
      let last = first;
      while (last < high.length && high[last] !== null) last += 1;
      for (let place = first; place < last; place += 1) { x.push(place, place + 1); y.push(high[place], high[place]); }
      for (let place = last - 1; place >= first; place -= 1) { x.push(place + 1, place); y.push(low[place], low[place]); }
      x.push(first, null);
      y.push(high[first], null);
      first = last;
    }
    return [x, y];
  }
  function curve(data) {
    const traces = [], at = data.times.map((_, place) => place + 0.5);
    data.lines.forEach(function (one, number) {
      const shade = colour("--c" + number), band = outline(one.low, one.high);
      traces.push({ x: band[0], y: band[1], mode: "lines", line: { width: 0 }, fill: "toself", fillcolor: faded(shade), hoverinfo: "skip" });
      traces.push({
        x: at, y: one.mean, mode: "lines", line: { width: 1.6, shape: "hvh", color: shade }, name: one.label, customdata: one.high.map((high, place) => [one.low[place], high, data.times[place]]),
        hovertemplate: "%{customdata[2]} " + escaped(one.label) + ": %{y:.4g} " + data.unit + " (%{customdata[0]:.4g} to %{customdata[1]:.4g})<extra></extra>",
      });
    });
    const layout = common(data);
    if (data.during) {
      layout.shapes = [{ type: "rect", layer: "below", yref: "paper", x0: data.during[0], x1: data.during[1], y0: 0, y1: 1, line: { width: 0 }, fillcolor: colour("--text"), opacity: 0.07 }];
    }
    layout.xaxis.range = [0, data.times.length];
    layout.xaxis.unifiedhovertitle = { text: " " };
    return [traces, layout];
  }
  function map(data, height) {
    const layout = common(data);
    layout.hovermode = "closest";
    layout.xaxis.range = [-0.5, data.times.length - 0.5];
    layout.yaxis = { autorange: "reversed", type: "category", ticklabelposition: "inside", tickfont: { size: 10, color: "#14171a" }, nticks: Math.max(2, Math.min(12, Math.floor(height / 15))), zeroline: false, showgrid: false };
    const bytes = Uint8Array.from(atob(data.values), (one) => one.charCodeAt(0)), all = new Float32Array(bytes.buffer), rows = [];
    for (let row = 0; row < data.shape[0]; row += 1) rows.push(Array.from(all.subarray(row * data.shape[1], (row + 1) * data.shape[1]), (one) => (Number.isNaN(one) ? null : one)));
    const roots = rows.map((row) => row.map((one) => (one === null ? null : Math.sqrt(Math.max(0, one)))));
    const text = rows.map((row, place) => row.map((one, time) => escaped(data.names[place]) + ", " + data.times[time] + ": " + (one === null ? "not measured" : one.toPrecision(4) + " " + data.unit)));
    const most = all.reduce((top, one) => (one > top ? one : top), 0) || 1; // colours begin at 0, as those of the picture
    const trace = { type: "heatmap", y: data.names.map(escaped), z: roots, zmin: 0, zmax: Math.sqrt(most), text: text, hoverinfo: "text", hoverongaps: true, showscale: false, colorscale: [[0, "#e8f1fa"], [1, "#08306b"]] };
    layout.plot_bgcolor = "#b08a8a";
    return [[trace], layout];
  }
  function bars(data) {
    const layout = common(data);
    layout.hovermode = "closest";
    layout.xaxis.range = [-0.5, data.values.length - 0.5];
    layout.yaxis.range = [0, 100];
    layout.bargap = 0.2;
    const trace = { type: "bar", y: data.values, marker: { color: colour("--c0") }, hovertext: data.names.map(escaped), hovertemplate: "%{hovertext}: %{y:.1f} %<extra></extra>" };
    return [[trace], layout];
  }
  // Plotly reads some tags in texts: names are never taken for any.
  function escaped(text) {
    return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/%\{/g, "%\u200b{");
  }
  const kinds = { curve: curve, map: map, bars: bars };
  function draw(box) {
    const data = JSON.parse(document.getElementById(box.dataset.chart).textContent), made = kinds[data.kind](data, box.clientHeight);
    let live = box.querySelector(".live");
    if (live === null) {
      live = document.createElement("div");
      live.className = "live " + data.kind;
      box.appendChild(live);
    }
    box.querySelectorAll(".picture, .picture-label").forEach((one) => { one.style.display = "none"; });
    window.Plotly.react(live, made[0], made[1], { displayModeBar: false, responsive: true, scrollZoom: false });
  }
  function all() {
    document.querySelectorAll("[data-chart]").forEach(draw);
  }
  // A page that no run has written again does not know how old it is: its reader's clock does.
  function aged(place) {
    const days = Math.floor((Date.now() - Date.parse(place.dataset.last)) / 86400000);
    if (days >= 3) {
      place.textContent = "The last day here is " + days + " days ago: no later day is in this archive. Does the nightly run still run?";
      place.hidden = false;
    }
  }
  document.querySelectorAll("[data-last]").forEach(aged);
  if (window.Plotly !== undefined) {
    all();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
  }
}());
