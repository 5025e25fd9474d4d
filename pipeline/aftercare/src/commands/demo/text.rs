//! The report for people: plain text, 80 columns.

use std::fmt::{Display, Write};

use aftercare_clickhouse::{Curve, CurvePoint, IndexPoint};

use super::Args;
use super::chart::{self, Chart};
use super::heart::HeartRates;
use super::invoice::Invoice;
use super::report::{Patient, Places, Report, World};

/// A page that is written line by line.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, line: impl Display) {
        writeln!(self.0, "{line}").unwrap_or_default();
    }

    fn heading(&mut self, heading: &str, columns: &str) {
        self.line("");
        let head = format!("{heading}{columns:>width$}", width = 80 - heading.chars().count());
        self.line(head.trim_end());
        self.line("─".repeat(80));
    }
}

/// The whole report. `ours`: an engine of ours runs, and goes when the demo ends.
pub(super) fn render(report: &Report, args: &Args, ours: bool) -> String {
    let mut page = Page::default();
    title(&mut page, report);
    records(&mut page, report);
    outcomes(&mut page, report);
    dead_letters(&mut page, report);
    scores(&mut page, report);
    alerts(&mut page, report);
    if let Some(heart) = &report.heart {
        heart_rates(&mut page, heart);
    }
    if let Some(found) = &report.curve {
        curve(&mut page, found);
    }
    if let Some(patient) = &report.patient {
        index(&mut page, patient);
    }
    if let Some(found) = &report.invoice {
        invoice(&mut page, found);
    }
    latency(&mut page, report);
    audit(&mut page, report);
    page.heading("Where to look", "");
    if args.keep || !ours {
        places(&mut page, &report.places, args.keep);
    } else if args.leaves_data() {
        let Places { app, database, .. } = &report.places;
        page.line("  What was written stays:");
        page.line(format_args!("  topics {app}.*, database {database}"));
    } else {
        page.line("  Everything is stopped and removed now. With --keep it stays up: Kafka,");
        page.line("  ClickHouse, console, registry, metrics, with addresses and queries to try.");
    }
    same_again(&mut page, &report.world);
    page.line("");
    let end = if args.keep { " All of it stays up until Ctrl-C." } else { "" };
    page.line(format_args!("Done in {:.0} s.{end}", report.seconds));
    page.0
}

fn title(page: &mut Page, report: &Report) {
    let World { patients, days, seed, .. } = &report.world;
    page.line("");
    page.line("AFTERCARE  from Kafka to ClickHouse, each record once");
    page.line("");
    page.line(format_args!(
        "{} simulated patients after four treatments, {} days (seed {seed})",
        grouped(*patients),
        grouped(*days)
    ));
    match &report.nhs {
        Some(nhs) => page.line(format_args!(
            "and {} patients of the English NHS PROMs programme, {} questionnaires",
            grouped(nhs.patients),
            grouped(nhs.lines)
        )),
        None => page.line("without the NHS PROMs file, which was not at hand (--nhs FILE)"),
    }
    match &report.heart {
        Some(heart) => page.line(format_args!(
            "and a month of {} real wearers, {} heart rates",
            grouped(heart.summary.patients),
            grouped(heart.summary.readings)
        )),
        None => page.line("without the file of heart rates, which was not at hand (--heart FILE)"),
    }
}

fn same_again(page: &mut Page, world: &World) {
    let World {
        seed, patients, days, wearers_permille, home_permille, bad_records, tick_minutes, start, ..
    } = world;
    let Ok(start) = jiff::Timestamp::from_millisecond(*start) else { return };
    page.line("");
    page.line("The same simulated records again, byte for byte");
    page.line(format_args!("  aftercare simulate --seed {seed} --patients {patients} --days {days} \\"));
    page.line(format_args!(
        "    --wearers-permille {wearers_permille} --home-permille {home_permille} --bad-records {bad_records} \\"
    ));
    page.line(format_args!("    --ticks --tick-minutes {tick_minutes} --start {start}"));
}

fn records(page: &mut Page, report: &Report) {
    page.heading("Records in", "world     files  receipts  undecodable  adds up");
    for r in &report.records {
        page.line(format_args!(
            "  {:<30}{:>9}{:>10}{:>10}{:>13}{:>6}",
            r.topic,
            grouped(r.world),
            grouped(r.files),
            grouped(r.receipts),
            grouped(r.undecodable),
            if r.adds_up() { "✓" } else { "NO" }
        ));
    }
    page.line("  Every record has one outcome: written = copies in receipts + undecodable.");
    page.line(format_args!(
        "  {} rows came of them, taken by ClickHouse in {} inserts.",
        grouped(report.sink.rows),
        grouped(report.sink.inserts)
    ));
}

fn outcomes(page: &mut Page, report: &Report) {
    page.heading("What became of them", "records   further copies");
    let mut topic = "";
    for o in &report.outcomes {
        let name = if o.topic == "wearable-readings" { "single readings" } else { &o.topic };
        let line = format!(
            "  {:<20}{:<12}{:<20}{:>10}{:>16}",
            if topic == o.topic { "" } else { name },
            o.outcome,
            o.reason,
            grouped(o.count),
            if o.further_copies == 0 { String::new() } else { grouped(o.further_copies) },
        );
        page.line(line.trim_end());
        topic = &o.topic;
    }
    page.line("  held: waits for its enrolment, or for its time.  late: its window had ended.");
    page.line("  superseded: a higher revision is known.  further copies change nothing.");
}

fn dead_letters(page: &mut Page, report: &Report) {
    page.heading("Dead letters, kept with their bytes", "records");
    for d in &report.dead_letters {
        page.line(format_args!("  {:<32}{:<36}{:>10}", d.topic, d.reason, grouped(d.count)));
    }
}

fn scores(page: &mut Page, report: &Report) {
    page.heading("Scores", "scored  unscored  mean score  mean index");
    let number = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
    };
    for s in &report.scores {
        page.line(format_args!(
            "  {:<37}{:>8}{:>10}{:>12}{:>9} %",
            s.instrument,
            grouped(s.scored),
            grouped(s.unscored),
            number(s.mean_score, 2),
            number(s.mean_index, 0),
        ));
    }
}

fn heart_rates(page: &mut Page, heart: &HeartRates) {
    page.heading("Windows of the real heart rates", "computed again  equal");
    for length in &heart.windows {
        let name = match length.length_s {
            300 => "5 minutes",
            3_600 => "1 hour",
            _ => "1 day",
        };
        let word = if length.is_equal() { "✓" } else { "NO" };
        page.line(format_args!("  {name:<56}{:>14}{word:>7}", grouped(length.windows)));
    }
    page.line(format_args!(
        "  {} readings of the file, {} raw readings in ClickHouse. Each window's",
        grouped(heart.summary.readings),
        grouped(heart.raw)
    ));
    page.line("  readings, mean, deviation, least and greatest value equal what ClickHouse makes");
    page.line("  of the raw readings; percentiles lie within 1 %.");
    page.line(format_args!(
        "  Two hours at a time, each taken before the next began: {:.1} s for the month.",
        heart.seconds
    ));
}

fn alerts(page: &mut Page, report: &Report) {
    let alerts = &report.alerts;
    page.heading("Alerts", "raised   still open  escalated  precision");
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    for kind in &alerts.kinds {
        page.line(format_args!(
            "  {:<10}{:<26}{:>9}{:>13}{:>11}{:>11}",
            kind.severity,
            kind.rule,
            grouped(kind.alerts),
            grouped(kind.open),
            grouped(kind.escalated),
            kind.precision.map_or_else(|| "–".to_owned(), percent),
        ));
    }
    page.line("  precision: an adverse event of the simulated truth struck at most 60 days after");
    page.line("  the alert, or at most 30 before it.");
    if let Some(chance) = alerts.chance {
        page.line(format_args!("  Alerts that know nothing would have {}.", percent(chance)));
    }
    let lead =
        alerts.lead_days_median.map_or_else(String::new, |days| format!(", {days:.0} days ahead (median)"));
    page.line(format_args!(
        "  {} of {} events were foretold{lead}; of {} that showed beforehand, {}.",
        grouped(alerts.foretold),
        grouped(alerts.events),
        grouped(alerts.events_with_signs),
        grouped(alerts.foretold_with_signs),
    ));
    page.line(format_args!("  {:.3} alerts per patient and day.", alerts.per_patient_day));
    if let Some(after) = alerts.first_after_s {
        page.line(format_args!("  The first was seen {after:.0} s after the demo began."));
    }
}

fn index(page: &mut Page, patient: &Patient) {
    let day = |p: &IndexPoint| p.days_since_treatment;
    let line = patient.points.iter().filter_map(|p| Some((day(p)?, p.index))).collect();
    let band = patient.points.iter().filter_map(|p| {
        let (expected, sd) = p.expected.zip(p.expected_sd)?;
        Some((day(p)?, expected - sd, expected + sd))
    });
    page.heading("One patient's health index, % of the baseline", &patient.patient_id);
    for line in chart::draw(&Chart { line, marked: true, band: band.collect() }) {
        page.line(line);
    }
    page.line("       days since treatment      ● one questionnaire      ┊ the treatment");
    page.line("       ░ what comparable patients report then, without this one: mean ± 1 SD");
}

fn curve(page: &mut Page, curve: &Curve) {
    let middle = |p: &CurvePoint| f64::from(p.from_day + p.to_day) / 2.0;
    let line = curve.points.iter().map(|p| (middle(p), p.mean)).collect();
    let band = curve.points.iter().filter_map(|p| match p.quantiles[..] {
        [_, lower, _, upper, _] => Some((middle(p), lower, upper)),
        _ => None,
    });
    page.heading("What patients report after a stent, % of the baseline", &curve.edition);
    for line in chart::draw(&Chart { line, marked: false, band: band.collect() }) {
        page.line(line);
    }
    let n: i64 = curve.points.iter().map(|p| p.n).sum();
    page.line(format_args!(
        "       days since treatment      mean of {} answers, ░ the middle half",
        grouped(n.unsigned_abs())
    ));
}

fn invoice(page: &mut Page, invoice: &Invoice) {
    let Invoice { manufacturer, month, patients, currency, .. } = invoice;
    page.heading(&format!("What {manufacturer} owes for {month}"), &format!("{patients} patients"));
    for (component, lines, sum) in &invoice.components {
        page.line(format_args!("  {component:<44}{:>12} lines {sum:>14} {currency}", grouped(*lines)));
    }
    page.line(format_args!("  {:<62} {:>14} {currency}", "total", invoice.total));
    page.line("");
    page.line("  One of its lines:");
    for line in &invoice.explained {
        for part in wrapped(line, 74) {
            page.line(format_args!("    {part}"));
        }
    }
}

fn latency(page: &mut Page, report: &Report) {
    let Some(l) = &report.latency else { return };
    page.heading("Latency", "p50       p99       max");
    for (what, times) in [
        ("an answer that can't wait until its alert", &l.alert),
        ("until its score is in ClickHouse", &l.score),
    ] {
        page.line(format_args!(
            "  {what:<48}{:>7.0} ms{:>7.0} ms{:>7.0} ms",
            times.p50_ms, times.p99_ms, times.max_ms
        ));
    }
    page.line(format_args!(
        "  {} questionnaires, 20 a second, each from Kafka's acknowledgement; the table",
        grouped(u64::try_from(l.alert.uploads).unwrap_or(u64::MAX)),
    ));
    page.line(format_args!("  was looked at every {:.0} ms. Before it inserts, the", l.look_every_ms));
    page.line(format_args!("  sink gathers rows for {} ms (sink.flush_ms)", l.sink_flush_ms));
}

fn audit(page: &mut Page, report: &Report) {
    let Some(audit) = &report.audit else { return };
    page.heading("Audit", if audit.holds { "nothing lost, nothing double" } else { "VIOLATED" });
    for statement in &audit.statements {
        let word = if statement.holds { "✓" } else { "NO" };
        for (at, figures) in wrapped(&statement.figures, 48).iter().enumerate() {
            let (word, name) = if at == 0 { (word, statement.name) } else { ("", "") };
            page.line(format_args!("  {word:<3}{name:<26} {figures}"));
        }
        for place in &statement.places {
            page.line(format_args!("       {place}"));
        }
    }
}

fn places(page: &mut Page, places: &Places, up: bool) {
    let Places { kafka, app, clickhouse, database, user, .. } = places;
    page.line(format_args!("  Kafka       {kafka}, topics {app}.*"));
    page.line(format_args!("  ClickHouse  {clickhouse}, database {database}"));
    if let Some(http) = places.http.as_ref().filter(|_| up) {
        page.line(format_args!("  console     {http}/"));
        page.line(format_args!("  registry    {http}/subjects"));
        page.line(format_args!("  metrics     {http}/metrics"));
    }
    if let Some(dir) = &places.data_dir {
        page.line(format_args!("  files       {}", dir.display()));
    }
    if places.data_dir.is_none() {
        page.line("  The topics and the database are the demo's own and stay until you remove them.");
    }
    let password = places.password_file.as_ref().map(|file| format!(":$(cat {})", file.display()));
    let password = password.unwrap_or_default();
    page.line("");
    page.line("Try");
    page.line(format_args!("  ask() {{ curl -sS -u \"{user}{password}\" \\"));
    page.line(format_args!("    '{clickhouse}/?database={database}' \\"));
    page.line("    -d \"$1 FORMAT PrettyCompact\"; }");
    for query in [
        "SELECT organisation, count(), round(avg(index)) FROM scores FINAL\n       \
         WHERE instrument = 'composite' AND status = 'scored' GROUP BY ALL ORDER BY 1",
        "SELECT window_start, metric, readings, mean, sd FROM windows FINAL\n       \
         ORDER BY patient_id, metric, window_start LIMIT 10",
        "SELECT topic, stage, reason, message FROM dead_letters FINAL LIMIT 10",
    ] {
        page.line(format_args!("  ask \"{query}\""));
    }
    page.line(format_args!("  kcat -b {kafka} -C -e -q -c 10 -t {app}.scores \\"));
    page.line("    -f 'partition %p, offset %o: key %k, %S bytes\\n'");
    if up {
        clerk(page, places, &password);
    }
}

/// What a billing clerk needs to work on this installation.
fn clerk(page: &mut Page, places: &Places, password: &str) {
    let Places { kafka, app, clickhouse, database, user, .. } = places;
    page.line("");
    page.line("Close a month as a billing clerk (pipeline/aftercare/docs/billing.md)");
    page.line(format_args!("  export AFTERCARE__KAFKA__BOOTSTRAP={kafka}"));
    page.line(format_args!("  export AFTERCARE__KAFKA__APP={app}"));
    page.line(format_args!("  export AFTERCARE__CLICKHOUSE__URL={clickhouse}"));
    page.line(format_args!("  export AFTERCARE__CLICKHOUSE__DATABASE={database}"));
    page.line(format_args!("  export AFTERCARE__CLICKHOUSE__USER={user}"));
    if let Some(password) = password.strip_prefix(':') {
        page.line(format_args!("  export AFTERCARE__CLICKHOUSE__PASSWORD=\"{password}\""));
    }
    page.line("  aftercare bill run --month YEAR-MONTH");
}

/// Lines of at most so many characters, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a first line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// A count with its thousands apart.
pub(super) fn grouped(count: impl Into<u64>) -> String {
    let digits = count.into().to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::{grouped, wrapped};

    #[test]
    fn thousands_stand_apart() {
        let all = [0u64, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(all, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("longer than that", 3), ["longer", "than", "that"]);
    }
}
