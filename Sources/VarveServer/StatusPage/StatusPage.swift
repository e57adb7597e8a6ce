// The page at `/` of the HTTP port: one file without anything from elsewhere. It reads
// `/status.json` and draws; without scripts it still says where the numbers are.

enum StatusPage {
  /// The whole page. `version` is ours, so it needs no escaping.
  static func html(_ version: String) -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; connect-src 'self'; \
    img-src data:; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
    <title>varved</title>
    <link rel="icon" href="data:,">
    <style>
    \(style)
    </style>
    </head>
    <body>
    <header>
    <h1>varved <small>\(version)</small></h1>
    <p id="state" class="state" role="status">reading …</p>
    <p id="about" class="about"></p>
    </header>
    <main>
    \(tiles)
    \(charts)
    \(tables)
    </main>
    <footer>
    <noscript><p>This page draws with a script; the numbers are below.</p></noscript>
    <a href="/metrics">/metrics</a> for Prometheus,
    <a href="/status.json">/status.json</a> for this page,
    <a href="/healthz">/healthz</a>: the process answers,
    <a href="/readyz">/readyz</a>: the store serves and takes pages.
    </footer>
    <script>
    \(drawing)
    \(script)
    </script>
    </body>
    </html>

    """
  }

  private static let tiles =
    [
      ("Hit rate", "hit"), ("In", "in"), ("Out", "out"), ("Disk", "disk"), ("Pages", "pages"),
      ("Page arena", "arena"), ("Memory", "memory"), ("Connections", "connections"),
    ].reduce("<section class=\"tiles\" aria-label=\"Now\">\n") { text, tile in
      text + "<div class=\"tile\"><h2>\(tile.0)</h2><p id=\"\(tile.1)\">–</p>"
        + "<p id=\"\(tile.1)-note\" class=\"note\"></p></div>\n"
    } + "</section>"

  private static let charts =
    [
      ("Hit rate of lookups, by pages", "chart-hit"),
      ("Throughput of the data port", "chart-bytes"),
      ("Capacity in use", "chart-disk"), ("Index, bytes by level", "chart-levels"),
      ("Index, sorted runs by level", "chart-runs"), ("Segments", "chart-segments"),
    ].reduce("<section class=\"charts\" aria-label=\"The last hour\">\n") { text, chart in
      text + "<figure><figcaption>\(chart.0)</figcaption><div id=\"\(chart.1)\"></div></figure>\n"
    } + "</section>"

  private static let tables = """
    <section><h2>Namespaces <small id="namespaces-note"></small></h2>
    <div class="scroll"><table><thead><tr><th>Name</th><th>Pages</th><th>Size</th>
    <th>Hit rate</th><th>Asked</th><th>Put</th><th>Got</th></tr></thead>
    <tbody id="namespaces"></tbody></table></div></section>
    <section><h2>Calls <small>since the start</small></h2>
    <div class="scroll"><table><thead><tr><th>Call</th><th>Count</th><th>Median</th><th>99 %</th>
    <th>Longest</th></tr></thead><tbody id="calls"></tbody></table></div></section>
    """
}
