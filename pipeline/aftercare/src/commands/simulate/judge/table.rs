//! The judgement as a table, beside figures that others published.

use std::fmt::{Display, Write};

use aftercare_sim::measure::{AFTER_DAYS, AHEAD_DAYS, Precision};

use super::Judged;

/// Alerts per 100 responses, alerts per patient and day, confirmed or acted on, adverse events caught; where it comes
/// from. What a source does not say is a dash.
const PUBLISHED: [([&str; 4], &str); 5] = [
    (["34", "–", "59 % acted on", "–"], "cancer, weekly ePRO (PRO-TECT)"),
    (["7.8", "–", "–", "–"], "large cancer centre, 8 questionnaires"),
    (["–", "0.48", "–", "–"], "hypertension telemonitoring"),
    (["–", "0.49", "–", "11 of 18"], "post-surgical patch"),
    (["–", "0.0085", "–", "–"], "implanted cardiac devices, 3.1 a year"),
];

struct Page(String);

impl Page {
    fn line(&mut self, line: impl Display) {
        let text = format!("{line}");
        writeln!(self.0, "{}", text.trim_end()).unwrap_or_default();
    }

    fn rule(&mut self) {
        self.line("─".repeat(98));
    }
}

pub(super) fn render(judged: &Judged) -> String {
    let mut page = Page(String::new());
    let seeds = match judged.seeds {
        (first, last) if first == last => format!("seed {first}"),
        (first, last) => format!("seeds {first} to {last}"),
    };
    page.line(format_args!(
        "Alerts about {} simulated patients, {} days, {seeds}: {} questionnaires, {:.0} patient-days",
        judged.patients, judged.days, judged.uploads, judged.patient_days,
    ));
    page.rule();
    page.line(format_args!(
        "{:<36}{:>7}{:>9}{:>9}{:>10}{:>11}{:>16}",
        "", "raised", "per 100", "per day", "confirmed", "no benefit", "days ahead"
    ));
    for severity in ["critical", "warning", "info"] {
        let rules = judged.measured.by_rule.iter().filter(|((_, own), _)| own == severity);
        for ((rule, _), precision) in rules {
            row(&mut page, judged, &format!("{severity:<9} {rule}"), precision);
        }
    }
    page.rule();
    row(&mut page, judged, "critical and warning", &judged.urgent.all);
    row(&mut page, judged, "all", &judged.measured.all);
    page.line("");
    notes(&mut page, judged);
    events(&mut page, judged);
    published(&mut page, judged);
    page.0.trim_end().to_owned()
}

fn row(page: &mut Page, judged: &Judged, name: &str, precision: &Precision) {
    let lead =
        |share| precision.lead_quantile(share).map_or_else(|| "–".to_owned(), |days| format!("{days:.0}"));
    let leads = format!("{} ({} to {})", lead(0.5), lead(0.25), lead(0.75));
    page.line(format_args!(
        "{name:<36}{:>7}{:>9.2}{:>9.4}{:>10}{:>11}{:>16}",
        precision.alerts,
        100.0 * per(precision.alerts, count(judged.uploads)),
        per(precision.alerts, judged.patient_days),
        precision.share().map_or_else(|| "–".to_owned(), percent),
        percent(per(precision.no_benefit, count(precision.alerts))),
        if precision.lead_days.is_empty() { "–".to_owned() } else { leads },
    ));
}

fn notes(page: &mut Page, judged: &Judged) {
    page.line("per 100: alerts per 100 questionnaires; per day: per patient and day of follow-up.");
    page.line(format_args!(
        "confirmed: an adverse event of the simulated truth struck at most {AHEAD_DAYS} days after the alert, or at"
    ));
    page.line(format_args!("most {AFTER_DAYS} before it; alerts that know nothing would have {}.", {
        judged.measured.chance.map_or_else(|| "–".to_owned(), percent)
    }));
    page.line("no benefit: no event near, but the treatment did not help that patient.");
    page.line(
        "days ahead: of the events foretold, from the first alert until it struck: median (quartiles).",
    );
}

fn events(page: &mut Page, judged: &Judged) {
    page.line("");
    page.line(format_args!(
        "{:<36}{:>7}{:>12}{:>11}{:>16}{:>16}",
        "Events", "struck", "with signs", "foretold", "of these seen", "days ahead"
    ));
    page.rule();
    let all = judged.measured.by_event.iter().map(|(kind, recall)| (*kind, recall));
    for (kind, recall) in all.chain([("all", &judged.measured.events)]) {
        let lead =
            |share| recall.lead_quantile(share).map_or_else(|| "–".to_owned(), |days| format!("{days:.0}"));
        let leads = format!("{} ({} to {})", lead(0.5), lead(0.25), lead(0.75));
        page.line(format_args!(
            "{kind:<36}{:>7}{:>12}{:>11}{:>16}{:>16}",
            recall.events,
            recall.with_signs,
            recall.foretold,
            recall.foretold_with_signs,
            if recall.lead_days.is_empty() { "–".to_owned() } else { leads },
        ));
    }
    let urgent = &judged.urgent.events;
    page.line(format_args!(
        "Critical and warning alone foretold {} of {}. {} of {} events gave no sign beforehand: nobody can foretell those.",
        urgent.foretold,
        urgent.events,
        urgent.events - urgent.with_signs,
        urgent.events,
    ));
}

fn published(page: &mut Page, judged: &Judged) {
    page.line("");
    page.line(format_args!(
        "{:<40}{:>10}{:>12}{:>18}{:>18}",
        "Beside published figures", "per 100", "per day", "confirmed", "events caught"
    ));
    page.rule();
    let Judged { measured, .. } = judged;
    let caught = measured.events.foretold + measured.events.accompanied;
    page.line(format_args!(
        "{:<40}{:>10.1}{:>12.4}{:>18}{:>18}",
        "here, all alerts",
        100.0 * per(measured.all.alerts, count(judged.uploads)),
        per(measured.all.alerts, judged.patient_days),
        measured.all.share().map_or_else(|| "–".to_owned(), percent),
        format!("{caught} of {}", measured.events.events),
    ));
    for ([responses, days, confirmed, caught], source) in PUBLISHED {
        page.line(format_args!("{source:<40}{responses:>10}{days:>12}{confirmed:>18}{caught:>18}"));
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

fn per(part: u64, whole: f64) -> f64 {
    if whole > 0.0 { count(part) / whole } else { 0.0 }
}

#[allow(clippy::cast_precision_loss, reason = "counts of one judgement")]
fn count(n: u64) -> f64 {
    n as f64
}
