// How the status page looks: light and dark as the reader's system asks, one column on a phone.

extension StatusPage {
  static let style = """
    :root {
      --back: #f6f7f9; --card: #ffffff; --edge: #dde1e7; --text: #16202c; --soft: #5b6776;
      --grid: #e6e9ee; --one: #2463c9; --two: #c2560c; --three: #0f7d6c; --four: #8a3ffc;
      --good: #12713f; --good-back: #dcf3e4; --bad: #a3161e; --bad-back: #fbe1e2;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --back: #10151b; --card: #191f27; --edge: #2b3440; --text: #e7ecf2; --soft: #9aa7b6;
        --grid: #27303b; --one: #6ea3ff; --two: #f0a052; --three: #4cc9b0; --four: #c49bff;
        --good: #86e0a8; --good-back: #16382a; --bad: #ff9d9d; --bad-back: #45191d;
      }
    }
    * { box-sizing: border-box; }
    body {
      margin: 0; padding: 16px; background: var(--back); color: var(--text);
      font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
    }
    header, main, footer { max-width: 1200px; margin: 0 auto; }
    header { display: flex; flex-wrap: wrap; gap: 4px 14px; align-items: center; }
    h1 { font-size: 22px; margin: 0; }
    h2 { font-size: 15px; margin: 24px 0 8px; }
    small { color: var(--soft); font-weight: normal; font-size: 13px; }
    .state { margin: 0; padding: 2px 12px; border-radius: 99px; font-weight: 600; }
    .state.good { color: var(--good); background: var(--good-back); }
    .state.bad { color: var(--bad); background: var(--bad-back); }
    .about { margin: 0; color: var(--soft); font-size: 13px; }
    .tiles, .charts { display: grid; gap: 12px; margin-top: 14px; }
    .tiles { grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); }
    .charts { grid-template-columns: repeat(auto-fit, minmax(min(340px, 100%), 1fr)); }
    .tile, figure, .scroll {
      background: var(--card); border: 1px solid var(--edge); border-radius: 10px; margin: 0;
    }
    .tile { padding: 10px 12px; }
    .tile h2 { margin: 0; font-size: 13px; font-weight: normal; color: var(--soft); }
    .tile p { margin: 0; font-size: 21px; font-weight: 600; white-space: nowrap; }
    .tile p.note { font-size: 12px; font-weight: normal; color: var(--soft); white-space: normal; }
    figure { padding: 10px 12px; min-width: 0; }
    figcaption { font-size: 14px; font-weight: 600; }
    .legend { display: flex; flex-wrap: wrap; gap: 0 14px; min-height: 20px; font-size: 12px; }
    .legend span { color: var(--soft); white-space: nowrap; }
    .legend b { color: var(--text); font-variant-numeric: tabular-nums; }
    .legend i {
      display: inline-block; width: 12px; height: 3px; border-radius: 2px; margin: 0 5px 4px 0;
    }
    svg { display: block; width: 100%; height: 150px; touch-action: pan-y; }
    svg text { fill: var(--soft); font-size: 11px; }
    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
    th, td { padding: 7px 12px; text-align: right; white-space: nowrap; font-size: 14px; }
    th { color: var(--soft); font-weight: normal; font-size: 13px; }
    td { border-top: 1px solid var(--grid); }
    th:first-child, td:first-child { text-align: left; }
    td:first-child {
      max-width: 46ch; min-width: 18ch; white-space: normal; overflow-wrap: anywhere;
    }
    footer { margin-top: 24px; color: var(--soft); font-size: 13px; }
    a { color: var(--one); }
    @media (max-width: 560px) {
      body { padding: 12px; }
      .tiles { grid-template-columns: repeat(2, 1fr); }
      th, td { padding: 7px 9px; }
    }
    """
}
