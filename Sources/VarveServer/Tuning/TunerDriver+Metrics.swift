// The tuner in numbers.

package import VarveBase
internal import VarveTuner

extension TunerDriver {
  package var gauges: [Gauge] {
    let tuner = current
    let modes = TunerMode.allCases.map {
      Gauge(
        "tuner_mode", "1 for the tuner's mode", tuner.mode == $0 ? 1 : 0,
        labels: [("mode", $0.rawValue)])
    }
    let values = tuner.knobs.map {
      Gauge(
        "tuner_knob", "Where a knob of the index stands", tuner.setting[$0.name],
        labels: [("knob", $0.name.rawValue)])
    }
    let manual = tuner.knobs.map {
      Gauge(
        "tuner_knob_manual", "1 for a knob that an operator holds", $0.isManual ? 1 : 0,
        labels: [("knob", $0.name.rawValue)])
    }
    let verdicts = TunerVerdict.allCases.map {
      Gauge(
        "tuner_decisions_total", "Knobs moved, by what became of it; judging counts every trial",
        Double(tuner.history.count(of: $0)), labels: [("verdict", $0.rawValue)])
    }
    return modes + values + manual + verdicts + [
      Gauge("tuner_windows_total", "Windows of load seen", Double(tuner.windowCount)),
      Gauge(
        "tuner_drift", "Distance of the load to that of the last decision, 0 to 1",
        tuner.drift.distance),
      Gauge(
        "tuner_mistrust", "Share of the cost by which predictions were too rosy of late",
        tuner.mistrust),
    ]
  }
}
