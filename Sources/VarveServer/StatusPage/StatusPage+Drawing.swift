// The charts of the status page: lines over time in SVG, with the values under the pointer.

extension StatusPage {
  static let drawing = #"""
    'use strict';
    const byId = id => document.getElementById(id);
    const make = (name, attributes, text) => {
      const node = document.createElementNS('http://www.w3.org/2000/svg', name);
      for (const key in attributes) node.setAttribute(key, attributes[key]);
      if (text !== undefined) node.textContent = text;
      return node;
    };
    const html = (name, text) => {
      const node = document.createElement(name);
      if (text !== undefined) node.textContent = text;
      return node;
    };
    const digits = (value, unit) =>
      (value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1)) + unit;
    const bytes = value => {
      const units = [' B', ' KiB', ' MiB', ' GiB', ' TiB', ' PiB'];
      let index = 0;
      while (value >= 1024 && index < 5) { value /= 1024; index += 1; }
      return digits(index ? value : Math.round(value), units[index]);
    };
    const count = value => value >= 1e9 ? digits(value / 1e9, ' G')
      : value >= 1e6 ? digits(value / 1e6, ' M') : value >= 1e4 ? digits(value / 1e3, ' k')
      : String(Math.round(value));
    const percent = value => value === 0 ? '0 %'
      : (value * 100).toFixed(value < 0.9995 ? 1 : 0) + ' %';
    const time = micros => micros >= 1e6 ? digits(micros / 1e6, ' s')
      : micros >= 1e3 ? digits(micros / 1e3, ' ms') : digits(micros, ' µs');
    const clock = (millis, seconds) => new Date(millis).toLocaleTimeString([],
      { hour: '2-digit', minute: '2-digit', second: seconds ? '2-digit' : undefined,
        hour12: false });

    /// The least round number of the axis that holds every value.
    const ceiling = (most, base) => {
      if (!(most > 0)) return base === 1024 ? 1024 : 1;
      let unit = 1;
      while (unit * base <= most) unit *= base;
      const steps = base === 1024 ? [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
        : [1, 2, 4, 6, 8, 10];
      return unit * steps.find(step => unit * step >= most);
    };

    /// series: [{name, color, values, dash, area}]; values may hold null where nothing is known.
    /// options: {print, base (10 or 1024), most or least of the axis}
    const chart = (id, times, series, options) => {
      const host = byId(id);
      const state = host.state || (host.state = { legend: html('div'), at: null });
      state.legend.className = 'legend';
      const width = Math.max(host.clientWidth, 200), height = 150;
      const box = { left: 62, right: width - 4, top: 8, bottom: height - 20 };
      const known = series.flatMap(one => one.values.filter(value => value !== null));
      const most = options.most
        || ceiling(Math.max(options.least || 0, ...known), options.base || 10);
      const first = times[0], last = times[times.length - 1];
      const x = at => last > first
        ? box.left + (at - first) / (last - first) * (box.right - box.left) : box.right;
      const y = value => box.bottom - value / most * (box.bottom - box.top);
      const svg = make('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img',
        preserveAspectRatio: 'none' });
      for (const share of [0, 0.5, 1]) {
        const line = y(most * share);
        svg.append(make('line', { x1: box.left, x2: box.right, y1: line, y2: line,
          stroke: 'var(--grid)' }));
      }
      for (const one of series) drawLine(svg, one, times, x, y, box);
      for (const share of [0, 0.5, 1]) {
        svg.append(make('text', { x: box.left - 6, y: y(most * share) + 4, 'text-anchor': 'end' },
          options.print(most * share)));
      }
      const anchors = width > 420 ? [0, 0.5, 1] : [0, 1];
      if (last > first) for (const share of anchors) {
        svg.append(make('text', { x: box.left + share * (box.right - box.left), y: height - 5,
          'text-anchor': share === 0 ? 'start' : share === 1 ? 'end' : 'middle' },
          clock(first + share * (last - first), last - first < 600000)));
      }
      const mark = make('line', { y1: box.top, y2: box.bottom, stroke: 'var(--soft)',
        'stroke-dasharray': '2 3', visibility: 'hidden' });
      svg.append(mark);
      const tell = at => {
        let index = times.length - 1;
        if (at !== null) {
          while (index > 0 && times[index] - at > at - times[index - 1]) index -= 1;
        }
        mark.setAttribute('visibility', at === null ? 'hidden' : 'visible');
        mark.setAttribute('x1', x(times[index]));
        mark.setAttribute('x2', x(times[index]));
        state.legend.replaceChildren(...series.map(one => {
          const value = one.values[index];
          const entry = html('span'), swatch = html('i');
          swatch.style.background = one.color;
          entry.append(swatch, one.name + ' ',
            html('b', value === null || value === undefined ? '–' : options.print(value)));
          return entry;
        }));
        if (at !== null) state.legend.append(html('span', clock(times[index], true)));
      };
      const follow = event => {
        const inside = svg.getBoundingClientRect();
        const share = ((event.clientX - inside.left) / inside.width * width - box.left)
          / (box.right - box.left);
        state.at = first + Math.min(1, Math.max(0, share)) * (last - first);
        tell(state.at);
      };
      svg.addEventListener('pointermove', follow);
      svg.addEventListener('pointerdown', follow);
      svg.addEventListener('pointerleave', () => { state.at = null; tell(null); });
      if (times.length) tell(state.at);
      host.replaceChildren(state.legend, svg);
    };

    const drawLine = (svg, one, times, x, y, box) => {
      let part = [];
      const flush = () => {
        if (part.length > 1) {
          const path = part.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join(' ');
          if (one.area) svg.append(make('polygon', { fill: one.color, opacity: 0.14,
            points: `${part[0][0]},${box.bottom} ${path} ${part[part.length - 1][0]},${box.bottom}`
          }));
          svg.append(make('polyline', { points: path, fill: 'none', stroke: one.color,
            'stroke-width': 1.8, 'stroke-linejoin': 'round',
            'stroke-dasharray': one.dash ? '5 4' : 'none' }));
        } else if (part.length === 1) {
          svg.append(make('circle', { cx: part[0][0], cy: part[0][1], r: 2, fill: one.color }));
        }
        part = [];
      };
      one.values.forEach((value, index) => {
        if (value === null) flush(); else part.push([x(times[index]), y(value)]);
      });
      flush();
    };
    """#
}
