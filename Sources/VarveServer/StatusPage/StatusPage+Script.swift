// What the status page makes of `/status.json`: rates from counters, tiles, tables.

extension StatusPage {
  static let script = #"""
    const colors = ['var(--one)', 'var(--two)', 'var(--three)', 'var(--four)'];
    let shown = null;

    /// Growth of a counter a second, between each sample and the one `window` before it. A counter
    /// that fell began anew: nothing is known there.
    const grown = (values, index, window) => {
      const from = Math.max(0, index - window);
      return index > from && values[index] >= values[from] ? values[index] - values[from] : null;
    };
    const rates = (values, times, window) => values.map((_, index) => {
      const growth = grown(values, index, window);
      const seconds = (times[index] - times[Math.max(0, index - window)]) / 1000;
      return growth === null || seconds <= 0 ? null : growth / seconds;
    });
    const shares = (parts, wholes, window) => parts.map((_, index) => {
      const part = grown(parts, index, window), whole = grown(wholes, index, window);
      return part === null || !whole ? null : Math.min(1, part / whole);
    });
    const newest = values => values.length ? values[values.length - 1] : null;
    const put = (id, text, note) => {
      byId(id).textContent = text;
      byId(id + '-note').textContent = note || '';
    };
    const share = (part, whole) => whole > 0 ? percent(part / whole) : '–';
    const row = cells => {
      const line = html('tr');
      for (const cell of cells) line.append(html('td', cell));
      return line;
    };
    const plural = (number, word) => number + ' ' + word + (number === 1 ? '' : 's');
    const lasted = seconds => seconds < 120 ? seconds + ' s'
      : seconds < 7200 ? Math.floor(seconds / 60) + ' min'
      : seconds < 172800 ? Math.floor(seconds / 3600) + ' h' : Math.floor(seconds / 86400) + ' d';

    const showState = (text, good) => {
      byId('state').textContent = text;
      byId('state').className = 'state ' + (good ? 'good' : 'bad');
      document.title = (good ? '' : '! ') + 'varved';
    };
    const showTiles = (status, past) => {
      const asked = newest(past.pages_asked) || 0, hit = newest(past.pages_hit) || 0;
      const recent = newest(shares(past.pages_hit, past.pages_asked, 12));
      put('hit', recent === null ? share(hit, asked) : percent(recent),
        asked ? (recent === null ? 'since the start' : share(hit, asked) + ' since the start')
          : 'no lookup yet');
      const rate = values => bytes(newest(rates(values, past.at_ms, 2)) || 0) + '/s';
      put('in', rate(past.received_bytes),
        bytes(newest(past.received_bytes) || 0) + ' since the start');
      put('out', rate(past.sent_bytes), bytes(newest(past.sent_bytes) || 0) + ' since the start');
      put('memory', bytes(status.memory_bytes), 'of ' + bytes(status.memory_limit_bytes));
      put('connections', String(status.connections), 'of ' + status.connections_max + ', '
        + plural(status.requests_in_flight, 'request') + ' in work');
      if (status.capacity_bytes === undefined) return;
      put('disk', share(status.disk_bytes, status.capacity_bytes),
        bytes(status.disk_bytes) + ' of ' + bytes(status.capacity_bytes));
      put('pages', count(status.pages), bytes(status.page_bytes) + ', '
        + count(status.evicted_pages) + ' evicted');
      put('arena', share(status.arena_bytes, status.arena_capacity_bytes),
        bytes(status.arena_bytes) + ' of ' + bytes(status.arena_capacity_bytes));
    };
    const showCharts = past => {
      const times = past.at_ms;
      if (!times.length) return;
      chart('chart-hit', times, [{ name: 'over the last minute', color: colors[0], area: true,
        values: shares(past.pages_hit, past.pages_asked, 12) }], { print: percent, most: 1 });
      chart('chart-bytes', times, [
        { name: 'in', color: colors[0], values: rates(past.received_bytes, times, 1) },
        { name: 'out', color: colors[1], values: rates(past.sent_bytes, times, 1) },
      ], { print: value => bytes(value) + '/s', base: 1024 });
      chart('chart-disk', times, [
        { name: 'in use', color: colors[0], values: past.disk_bytes, area: true },
        { name: 'capacity', color: 'var(--soft)', values: past.capacity_bytes, dash: true },
      ], { print: bytes, base: 1024 });
      const levels = name => past.levels.map((level, index) => ({
        name: 'level ' + level, color: colors[index % colors.length], values: past[name][index] }));
      chart('chart-levels', times, levels('level_bytes'), { print: bytes, base: 1024 });
      chart('chart-runs', times, levels('level_runs'), { print: count, least: 4 });
      chart('chart-segments', times, [{ name: 'files of the value log', color: colors[2],
        values: past.segments }], { print: count, least: 8 });
    };
    const showTables = status => {
      const names = status.namespaces || [];
      byId('namespaces').replaceChildren(...names.map(one => row([
        one.name || 'all others', count(one.pages), bytes(one.bytes),
        share(one.pages_hit, one.pages_asked), count(one.pages_asked), bytes(one.bytes_in),
        bytes(one.bytes_out)])));
      if (!names.length) byId('namespaces').append(row(['none yet', '', '', '', '', '', '']));
      byId('namespaces-note').textContent =
        names.length ? status.namespaces_count + ' in all; hits and bytes since the start' : '';
      byId('calls').replaceChildren(...status.calls.map(one => row([
        one.call, count(one.count), time(one.p50_us), time(one.p99_us), time(one.max_us)])));
      if (!status.calls.length) byId('calls').append(row(['none yet', '', '', '', '']));
    };
    const show = status => {
      shown = status;
      showState(status.ready ? 'ready' : 'not ready: ' + status.reasons.join('; '), status.ready);
      const segments = Object.entries(status.segments || {})
        .map(([state, number]) => number + ' ' + state).join(', ');
      byId('about').textContent = 'up ' + lasted(status.uptime_seconds)
        + (segments ? '; segments: ' + segments : '');
      showTiles(status, status.samples);
      showCharts(status.samples);
      showTables(status);
    };
    const read = async () => {
      try {
        const answer = await fetch('status.json', { cache: 'no-store' });
        if (!answer.ok) throw new Error('HTTP ' + answer.status);
        show(await answer.json());
      } catch (problem) {
        showState('no answer: ' + problem.message, false);
      }
      setTimeout(read, 5000);
    };
    let resizing = 0;
    addEventListener('resize', () => {
      clearTimeout(resizing);
      resizing = setTimeout(() => { if (shown) showCharts(shown.samples); }, 100);
    });
    read();
    """#
}
