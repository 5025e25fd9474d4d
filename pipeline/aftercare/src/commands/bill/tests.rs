//! Bills of entries that the rules themselves have made.

use aftercare_clickhouse::{BillEntry, MonthSum};
use aftercare_core::contract::{Closings, Entry, EntryKind, LedgerBook, Outside, Settlements};
use aftercare_core::documents::Library;
use aftercare_core::facts::{Body, EnrolmentFact, InputKind, RecordHead, RecordStatus, Source, VerdictFact};
use aftercare_core::patient::{OwnedAttribution, ScoreChange, ScoreStatus, Verdict};
use aftercare_core::time::Instant;

use super::{explain, invoice, totals};

/// 2026-01-05T10:00 in Shanghai, the moment of treatment.
const TREATED: i64 = 1_767_578_400_000;
const DAY_MS: i64 = 86_400_000;

fn day(day: i64) -> Instant {
    Instant(TREATED + day * DAY_MS)
}

fn score(index: f64) -> ScoreChange {
    ScoreChange {
        episode_id: "e-1".into(),
        upload_id: "u-1".into(),
        upload_revision: 1,
        instrument: "composite".into(),
        instrument_version: 1,
        value_set: "".into(),
        status: ScoreStatus::Scored,
        reason: None,
        answered_at: day(14),
        uploaded_at: day(15),
        stored_at: day(15),
        days_since_treatment: Some(14.0),
        respondent: "patient".into(),
        score: None,
        scales: Vec::new(),
        baseline: None,
        baseline_upload_id: None,
        index: Some(index),
        index_rule: None,
        expected: Some(120.0),
        expected_sd: Some(9.5),
        expected_n: Some(212),
        forecast: None,
        forecast_sd: None,
        level: None,
        change_errors: None,
        trend_errors: None,
        cohort: None,
        curve_edition: Some("pci-des@2025-12".into()),
        change_mcid: None,
        ewma: None,
        mean_28d: None,
        slope_56d: None,
        uploads_done: 1,
        uploads_due: 1,
        attribution: OwnedAttribution::default(),
        source: Source::Live,
    }
}

/// One patient whose first slot is reviewed, and corrected after January was closed.
pub(super) fn entries() -> Vec<BillEntry> {
    let (mut book, mut out) = (LedgerBook::default(), Vec::new());
    let enrolment = EnrolmentFact {
        episode_id: "e-1",
        recorded_at: day(0),
        effective_at: day(0),
        treated_at: Some(day(0)),
        device: Some("stent-a"),
        manufacturer: Some("m-alpha"),
        contract: Some("warranty-example"),
        clinician_id: Some("c-1"),
        ..EnrolmentFact::default()
    };
    let verdict = VerdictFact {
        clinician_id: "c-1",
        session_revision: 1,
        episode_id: Some("e-1"),
        upload_id: Some("u-1"),
        ended_at: day(17),
        service: true,
        reasons: Vec::new(),
        duration_ms: 45_500,
        interactions: 5,
        sections_read: 3,
        burst_patients: 1,
        rule: "default@1",
    };
    let head = |kind, id| RecordHead {
        kind,
        id,
        revision: 1,
        status: RecordStatus::Final,
        source: Source::Live,
        event_at: day(0),
        digest: 0,
        retry: false,
    };
    let (library, settlements, mut closings) =
        (Library::builtin(), Settlements::default(), Closings::default());
    let issue = |book: &mut LedgerBook, now, closings: &Closings, out: &mut Vec<Entry>| {
        book.issue(now, &Outside { library: &library, closings, settlements: &settlements }, out);
    };
    book.take(&head(InputKind::Enrolment, "enr-1"), &Body::Enrolment(enrolment), &Verdict::Accepted, day(0));
    book.judge(&score(140.0));
    issue(&mut book, day(15), &closings, &mut out);
    book.take(&head(InputKind::SessionVerdict, "se-1"), &Body::Verdict(verdict), &Verdict::Accepted, day(17));
    issue(&mut book, day(17), &closings, &mut out);
    let closing = aftercare_core::contract::Closing::parse("closing/warranty-example/2026-01").unwrap();
    assert!(closings.close(closing));
    book.judge(&score(118.0));
    issue(&mut book, day(40), &closings, &mut out);
    let mut entries: Vec<BillEntry> = out.iter().map(entry).collect();
    entries.sort_by(|one, other| one.entry_id.cmp(&other.entry_id));
    entries
}

fn entry(entry: &Entry) -> BillEntry {
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
    BillEntry {
        entry_id: entry.entry_id.clone(),
        kind: match entry.kind {
            EntryKind::Line => "line",
            EntryKind::Held => "held",
            EntryKind::Posting => "posting",
            EntryKind::Shown => "shown",
            EntryKind::Measure => "measure",
            EntryKind::Notice => "notice",
        }
        .to_owned(),
        contract: Some(entry.contract.to_string()),
        contract_version: Some(entry.contract_version),
        clause: Some(entry.clause.to_string()),
        component: Some(entry.component.to_string()),
        component_id: Some(entry.component_id.clone()),
        patient_id: Some("p-1".to_owned()),
        case_id: Some(entry.case_id.to_string()),
        episode_id: text(&entry.episode_id),
        payer: text(&entry.payer),
        payer_role: text(&entry.payer_role),
        payee: text(&entry.payee),
        payee_role: text(&entry.payee_role),
        debit_account: entry.accounts.as_ref().map(|(debit, _)| debit.to_string()),
        credit_account: entry.accounts.as_ref().map(|(_, credit)| credit.to_string()),
        amount_minor: entry.amount.0,
        currency: entry.currency.to_string(),
        service_period: Some(entry.service_period.to_string()),
        booking_period: Some(entry.booking_period.to_string()),
        reason: entry.reason.as_deref().map(str::to_owned),
        reverses: entry.reverses.clone(),
        manufacturer: text(&entry.attribution.manufacturer),
        evidence: entry
            .evidence
            .iter()
            .map(|one| {
                let (id, revision) = one.record.clone().unzip();
                (one.name.to_string(), one.value.clone(), one.unit.to_string(), text(&id), revision)
            })
            .collect(),
        said: entry.said.clone(),
    }
}

fn booked(month: &str, payer: &str) -> Vec<BillEntry> {
    let entries = entries().into_iter();
    let own = entries.filter(|entry| entry.booking_period.as_deref() == Some(month) && entry.kind != "held");
    own.filter(|entry| payer.is_empty() || entry.payer.as_deref() == Some(payer)).collect()
}

fn explained(id: &str) -> String {
    let entries = entries();
    let found = entries.iter().find(|entry| entry.entry_id == format!("warranty-example/e-1/{id}"));
    explain::lines(found.unwrap()).join("\n")
}

#[test]
fn an_invoice_has_every_line_and_adds_up() {
    let bytes = invoice::csv("2026-01", "m-alpha", &booked("2026-01", "m-alpha")).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(
        rows,
        [
            "month,manufacturer,patient,episode,device,slot,upload,answered_on,index,expected,ratio,step,review,reviewed_on,\
         component,payee,service_period,share,amount,currency,reason,reverses,contract,entry",
            "2026-01,m-alpha,p-1,e-1,stent-a,1,u-1,2026-01-19,140,120,1.166667,above,se-1,2026-01-22,\
         adjustment,c-1,2026-01,0.8,12.80,CNY,,,warranty-example@1,warranty-example/e-1/slot-01/adjustment/m-alpha/0",
            "2026-01,m-alpha,p-1,e-1,stent-a,1,u-1,2026-01-19,140,120,1.166667,above,se-1,2026-01-22,\
         fee,c-1,2026-01,0.8,64.00,CNY,,,warranty-example@1,warranty-example/e-1/slot-01/fee/m-alpha/0",
            // 64.00 + 12.80
            "2026-01,m-alpha,,,,,,,,,,,,,total,,,,76.80,CNY,,,,",
        ]
    );
    let again = invoice::csv("2026-01", "m-alpha", &booked("2026-01", "m-alpha")).unwrap();
    assert_eq!(String::from_utf8(again).unwrap(), text);
}

#[test]
fn what_was_corrected_is_on_the_next_invoice() {
    let bytes = invoice::csv("2026-02", "m-alpha", &booked("2026-02", "m-alpha")).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let last: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(last.len(), 2, "{text}");
    assert!(last[0].ends_with(
        "-12.80,CNY,corrected,warranty-example/e-1/slot-01/adjustment/m-alpha/0,warranty-example@1,\
         warranty-example/e-1/slot-01/adjustment/m-alpha/1"
    ));
    assert!(last[1].contains("total,,,,-12.80,CNY"));
}

#[test]
fn a_month_is_summed_up() {
    let state = "warranty-example: closed, all 2 tasks have answered".to_owned();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let sum = |entry: &BillEntry| MonthSum {
        kind: entry.kind.clone(),
        contract: text(&entry.contract),
        payer: text(&entry.payer),
        to_patient: entry.payee.as_deref() == Some("patient"),
        component: text(&entry.component),
        debit_account: text(&entry.debit_account),
        credit_account: text(&entry.credit_account),
        currency: entry.currency.clone(),
        entries: 1,
        amount_minor: entry.amount_minor,
    };
    let sums: Vec<MonthSum> = booked("2026-01", "").iter().map(sum).collect();
    let lines = totals::lines("2026-01", &[state], &sums, &[("awaiting_review".to_owned(), 1)]).join("\n");
    for expected in [
        "Ledger of 2026-01",
        "  warranty-example: closed, all 2 tasks have answered",
        "  m-alpha        fee to clinicians                           1          64.00 CNY",
        "  m-alpha        total                                       2          76.80 CNY",
        "  patient        total                                       2          19.20 CNY",
        "accrual, warranty-expense > warranty-provision",
        "       1164.80 CNY",
        "  awaiting_review                                            1",
    ] {
        assert!(lines.contains(expected), "{expected}\nis not in\n{lines}");
    }
}

#[test]
fn a_line_explains_itself() {
    assert_eq!(explained("slot-01/adjustment/m-alpha/0"), "\
warranty-example/e-1/slot-01/adjustment/m-alpha/0
12.80 CNY: m-alpha (manufacturer) owes c-1 (clinician) (adjustment), for 2026-01.
Contract warranty-example, version 1.
  \"The fee is raised by a fifth where the index is above 110 % of what was expected for this patient at this time, and lowered by a fifth where it is below 90 %.\"
  1. Treated on 2026-01-05; device stent-a of m-alpha, known since 2026-01-05.
  2. The warranty holds.
  3. Slot 1: 2026-01-12 to 2026-01-25.
  4. Upload u-1, answered on 2026-01-19, arrived on 2026-01-20: index 140 %.
  5. Expected 120 % (n 212 in the narrowest cohort, which borrows from the wider ones; edition pci-des@2025-12): 140 / 120 = 1.166667, above 0.9 to 1.1: factor 1.2.
  6. Review se-1 by c-1 on 2026-01-22, within 7 days of the upload: 45.5 s (at least 30), 3 sections (at least 2), 5 interactions (at least 3), patients within five minutes: 1 (at most 5); service by default@1.
  7. Adjustment 80.00 x (1.2 - 1) = 16.00; share of m-alpha 0.8: 12.80.");
}

#[test]
fn reversals_postings_and_what_is_held_explain_themselves() {
    let reversal = explained("slot-01/adjustment/patient/1");
    assert!(reversal.contains(
        "-3.20 CNY: the patient owes c-1 (clinician) (adjustment), for 2026-01, booked in 2026-02."
    ));
    assert!(reversal.contains("Because: a fact changed after the month was closed."));
    assert!(reversal.contains("It takes back warranty-example/e-1/slot-01/adjustment/patient/0 of 3.20."));
    let accrual = explained("enrolment/accrual/m-alpha/0");
    assert!(accrual.contains(
        "26 slots x 80.00 x 1 (expected factor) x 0.7 (take-up) x 0.8 (share) = 1164.80, 44.80 for each slot."
    ));
    let claim = explained("slot-01/claim/m-alpha/0");
    assert!(claim.contains("Of 1164.80 set aside, 44.80 is this slot's part."), "{claim}");
    let held = explained("u-1/held/0");
    assert!(
        held.contains("Not billed, for 2026-01.") && held.contains("Because: it waits for a review."),
        "{held}"
    );
}
