//! Explanations of entries that the rules have made, and of such as no rule makes.

use aftercare_clickhouse::BillEntry;

use super::super::tests::entries;
use super::{chain, lines, listed, share};

/// A part of 100.01 that three share 70, 10 and 20: 70.007, 10.001, 20.002, so that the cent left over is the first's.
fn part(payer: &str, share: &str, amount_minor: i64) -> BillEntry {
    let said = |name: &str, value: &str| (name.to_owned(), value.to_owned(), String::new(), None, None);
    let component_id = "rare/ep-1/infusion/price";
    BillEntry {
        entry_id: format!("{component_id}/{payer}/0"),
        kind: "line".to_owned(),
        contract: Some("rare".to_owned()),
        contract_version: Some(3),
        component: Some("price".to_owned()),
        component_id: Some(component_id.to_owned()),
        case_id: Some("ep-1".to_owned()),
        payer: Some(payer.to_owned()),
        payer_role: Some("public_insurance".to_owned()),
        payee: Some("org-east".to_owned()),
        payee_role: Some("provider".to_owned()),
        amount_minor,
        currency: "CNY".to_owned(),
        service_period: Some("2026-01".to_owned()),
        booking_period: Some("2026-01".to_owned()),
        evidence: vec![
            said("clause", "An infusion costs 100.01."),
            said("component", "100.01"),
            said("share", share),
            said("share_of", "100"),
        ],
        said: vec!["Infusion on 2026-01-05.".to_owned()],
        ..BillEntry::default()
    }
}

fn infusion() -> [BillEntry; 3] {
    [part("nhsa", "70", 7_001), part("insurer-a", "10", 1_000), part("charity-a", "20", 2_000)]
}

#[test]
fn an_entry_with_sentences_is_told_in_them_and_computed_again() {
    let parts = infusion();
    assert_eq!(chain::lines(&parts[0], &parts).join("\n"), "\
rare/ep-1/infusion/price/nhsa/0
70.01 CNY: nhsa (public insurance) owes org-east (provider) (price), for 2026-01.
Contract rare, version 3.
  \"An infusion costs 100.01.\"
  1. Infusion on 2026-01-05.
  2. Price 100.01; share of nhsa 70 of 100: 70.01.
Figures:
  component              100.01
  share                  70
  share of               100
Split now: nhsa (public insurance) 70.01 + insurer-a (public insurance) 10.00 + charity-a (public insurance) 20.00 = 100.01.");
}

#[test]
fn what_is_no_share_or_no_split_is_said() {
    let fits = |parts: &[BillEntry]| share::misfits(&parts.iter().collect::<Vec<_>>());
    assert_eq!(fits(&infusion()), None);
    // 70.00 is 70.007 rounded down, which is a share, but the cent is nobody's then
    let [mut nhsa, insurer, mut charity] = infusion();
    nhsa.amount_minor = 7_000;
    assert!(!lines(&nhsa).join("\n").contains("DOES NOT FIT"));
    let missing = fits(&[nhsa.clone(), insurer.clone(), charity.clone()]).unwrap();
    assert_eq!(missing, "its parts come to 100.00, not to 100.01");
    // all there, but the cent went to the smaller remainder
    charity.amount_minor = 2_001;
    let unfair = fits(&[nhsa.clone(), insurer.clone(), charity]).unwrap();
    assert_eq!(unfair, "its parts are no split by largest remainder");
    nhsa.amount_minor = 6_999;
    assert!(lines(&nhsa).join("\n").contains("THIS DOES NOT FIT: it is no such share."));
    let mut refund = part("nhsa", "70", -7_001);
    refund.evidence[1].1 = "-100.01".to_owned();
    assert!(!lines(&refund).join("\n").contains("DOES NOT FIT"), "a refund is rounded by its magnitude");
    refund.amount_minor = 7_001;
    assert!(lines(&refund).join("\n").contains("DOES NOT FIT"), "the sign is another's");
}

#[test]
fn a_correction_shows_what_it_takes_back_and_what_stands() {
    let all = entries();
    let of = |id: &str| all.iter().find(|one| one.entry_id.ends_with(id)).unwrap();
    let component: Vec<BillEntry> = all
        .iter()
        .filter(|one| one.component_id == of("adjustment/patient/1").component_id)
        .cloned()
        .collect();
    let told = chain::lines(of("adjustment/patient/1"), &component).join("\n");
    for expected in [
        "It takes back warranty-example/e-1/slot-01/adjustment/patient/0 of 3.20.",
        "    0  2026-01            3.20  issued\n    1  2026-02           -3.20  takes back 0: a fact changed after the month was closed  < this entry\n  Of it stands 0.00 CNY.",
        "What it takes back:\n  warranty-example/e-1/slot-01/adjustment/patient/0\n",
        "    7. Adjustment 80.00 x (1.2 - 1) = 16.00; share of patient 0.2: 3.20.",
    ] {
        assert!(told.contains(expected), "{expected}\nis not in\n{told}");
    }
    // of the first entry the figures and the history, without telling anything twice
    let first = chain::lines(of("adjustment/patient/0"), &component).join("\n");
    assert!(first.contains("  index                  140 %           u-1, revision 1"), "{first}");
    assert!(first.contains("  < this entry") && !first.contains("What it takes back:"), "{first}");
    assert!(!first.contains("Split now"), "all of it is taken back: {first}");
}

#[test]
fn a_patient_s_month_is_a_sentence_for_each_entry() {
    let booked: Vec<BillEntry> = entries()
        .into_iter()
        .filter(|one| one.booking_period.as_deref() == Some("2026-02") && one.kind != "posting")
        .collect();
    assert_eq!(listed(&booked).join("\n"), "\
slot-01: -12.80 CNY: m-alpha (manufacturer) owes c-1 (clinician) (adjustment), for 2026-01, booked in 2026-02. Because: a fact changed after the month was closed.
    warranty-example/e-1/slot-01/adjustment/m-alpha/1
slot-01: -3.20 CNY: the patient owes c-1 (clinician) (adjustment), for 2026-01, booked in 2026-02. Because: a fact changed after the month was closed.
    warranty-example/e-1/slot-01/adjustment/patient/1");
    assert_eq!(listed(&[]), ["Nothing of this patient is booked in this month."]);
}

#[test]
fn what_is_no_money_is_not_told_as_money() {
    let other = |kind: &str| BillEntry {
        kind: kind.to_owned(),
        reason: Some("plan_change".to_owned()),
        ..part("pool/2026", "1", 365)
    };
    assert!(lines(&other("measure"))[1].starts_with("365 price counted for pool/2026"));
    assert!(
        lines(&other("notice"))
            .join("\n")
            .contains("To be done: price, for 2026-01.\nContract rare, version 3.")
    );
    assert!(lines(&other("shown"))[1].starts_with("3.65 CNY: shown, not owed, by pool/2026"));
    assert!(lines(&other("notice")).join("\n").contains("Because: plan change."));
}
